/** What is written aside, over all prompts of an iteration, is there or it is not: kill -9 in its midst. */
import { spawnSync } from 'node:child_process'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { openProject } from '../../main/store/project.ts'
import { ids, insertFinishedRound, insertPairedStages, insertPlan } from '../store/fixture.ts'
import { holdingsOf, scratch } from './fixture.ts'

const program = fileURLToPath(new URL('./aside-child.ts', import.meta.url))

it('is whole or nothing of it is there, whenever the process dies', () => {
  const before = join(scratch, 'before')
  const project = openProject(before)
  insertPlan(project.db)
  insertFinishedRound(project.db, { prompts: 2000 })
  insertPairedStages(project.db)
  project.close()
  const copy = (name: string): string => {
    const folder = join(scratch, name)
    cpSync(before, folder, { recursive: true })
    return folder
  }
  const whole = copy('whole')
  const { stderr, stdout } = spawnSync(process.execPath, [program, whole, 'Infinity'], { encoding: 'utf8' })
  expect(stderr).toBe('')
  const [unchanged, changed] = [holdingsOf(before), holdingsOf(whole)]
  expect(changed).not.toEqual(unchanged)

  const areChanged = [0, 0.3, 0.6].map((share) => {
    const folder = copy(`killed at ${share}`)
    expect(spawnSync(process.execPath, [program, folder, String(share * Number(stdout))]).signal).toBe('SIGKILL')
    const held = holdingsOf(folder)
    const isChanged = held.rows['iterations']!.some(({ setId }) => setId === `${ids.i1}.set1`) // on a busy machine the kill may come late
    expect(held).toEqual(isChanged ? changed : unchanged)
    return isChanged
  })
  expect(areChanged).toContain(false)
}, 240_000)
