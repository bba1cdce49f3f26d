/** `npm run test:clients`: installs the programs when they are missing, then loads in them what Creamery exports. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { installWhereMissing } from '../install.ts'

const here = import.meta.dirname
const root = join(here, '../..')

installWhereMissing('clients')
installWhereMissing('e2e') // SwiftShader, for ONNX Runtime's WebGPU in these programs
const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', join(here, 'vitest.config.ts'), '--root', root, '--reporter=default', '--reporter=./tests/reporter.ts']
process.exitCode = spawnSync(process.execPath, [...vitest, ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' }).status ?? 1
