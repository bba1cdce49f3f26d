/** `npm run test:clients`: installs the programs when they are missing, then loads in them what Creamery exports. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const here = import.meta.dirname
const root = join(here, '../..')
const run = (command: string, args: readonly string[], cwd = root): number => spawnSync(command, args, { cwd, stdio: 'inherit' }).status ?? 1

if (!existsSync(join(here, 'node_modules')) && run('npm', ['ci'], here) !== 0) throw new Error('npm ci failed in tests/clients')
process.exitCode = run(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', join(here, 'vitest.config.ts'), '--root', root, '--reporter=default', '--reporter=./tests/reporter.ts', ...process.argv.slice(2)])
