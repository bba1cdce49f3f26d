/** A main process that has a ranking written aside, and kills itself once so many bytes of it are in the log. Arguments: the project's folder, the bytes. Prints how many there were in all. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { askAside, releaseAside, writeAside } from '../../main/pipeline/aside.ts'
import { databaseName, openProject } from '../../main/store/project.ts'
import { ids } from '../store/fixture.ts'

const [folder, bytes] = process.argv.slice(2) as [string, string]
const project = openProject(folder)
const logged = (): number => statSync(join(folder, `${databaseName}-wal`), { throwIfNoEntry: false })?.size ?? 0
await askAside(project, 'listSessions', { iterationId: ids.i1 }) // the thread is up, the rankings are read
setInterval(() => { if (logged() > Number(bytes)) process.kill(process.pid, 'SIGKILL') }, 1).unref()
await writeAside(project, 'goBack', { iterationId: ids.i1, stage: 'rank', change: {} })
process.stdout.write(String(logged()))
releaseAside(project.folder)
project.close()
