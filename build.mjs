/** `npm run build`: the same tree as plain JavaScript in out/, with the files it reads at run time beside it. */
import { execFileSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'

rmSync('out', { recursive: true, force: true })
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' })
cpSync('package.json', 'out/package.json')
for (const room of ['main', 'native-models', 'preload']) cpSync(room, `out/${room}`, { recursive: true, filter: (path) => !/\.(ts|mjs|md|log)$/.test(path) })
