/** `npm run test:e2e`: installs what is missing, builds what is stale, and runs the specs without a network where the system lets it. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { buildWhereStale } from '../../main/cli/build.ts'
import { installWhereMissing } from '../install.ts'
import { type Part, runParts } from '../part.ts'
import { electronBinary } from './electron.ts'

const here = import.meta.dirname
const run = ([command, ...args]: Part): number => spawnSync(command, args, { cwd: here, stdio: 'inherit' }).status ?? 1

/** Every process of the run sees loopback and nothing else. */
const loopbackOnly: Part = ['unshare', '-rn', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"']

function withoutNetwork(part: Part): Part {
  const works = process.platform === 'linux' && spawnSync(loopbackOnly[0], [...loopbackOnly.slice(1), 'true'], { stdio: 'ignore' }).status === 0
  console.log(works ? 'e2e: no network but loopback (unshare -rn)' : 'e2e: this system lets no one take the network away (unshare -rn), so it stays')
  return works ? [...loopbackOnly, ...part] : part
}

installWhereMissing('e2e')
await buildWhereStale({ note: (sentence) => console.log(sentence) }, electronBinary.binary === null ? 'renderer' : 'all')
if (electronBinary.why !== null) console.log(`e2e: in a browser only, not in Electron: ${electronBinary.why}`)
const playwright = withoutNetwork([process.execPath, join(here, 'node_modules/@playwright/test/cli.js'), 'test'])
const args = process.argv.slice(2)
if (args.length > 0) process.exitCode = run([...playwright, ...args])
// What is timed must not share the machine with other specs.
else await runParts([[...playwright, '--grep-invert', '@alone'], [...playwright, '--grep', '@alone', '--workers', '1', '--output', join(here, '../../out/e2e/results-alone')]], here)
