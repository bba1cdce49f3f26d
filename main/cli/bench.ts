/** `bench`: measures this machine. The measuring program is a test's, so an installation without tests has none. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { AppError } from '../../preload/contract/errors.ts'
import type { AddCommand } from './shell.ts'

const benchFile = fileURLToPath(new URL('../../tests/bench/bench.ts', import.meta.url))

export const addBench: AddCommand = (program, act) => {
  program.command('bench')
    .description('Measures GEMM, training, scoring and sampling here; other flags (such as --verbose) go to the benchmark.')
    .argument('[flags...]', 'flags of the benchmark')
    .allowUnknownOption()
    .action(act(async (_, { terminal, signal }, flags) => {
      if (!existsSync(benchFile)) throw new AppError('bad-arguments', `${benchFile} is not there; run the benchmark from a checkout of Creamery.`)
      const child = spawn(process.execPath, [benchFile, ...flags, ...(terminal.json ? ['--json'] : [])], { stdio: 'inherit' })
      signal.addEventListener('abort', () => child.kill('SIGINT'))
      const [code, killedBy] = (await once(child, 'exit')) as [number | null, string | null]
      if (code !== 0) throw new AppError('internal', `The benchmark ended with ${killedBy ?? `exit code ${code}`}; what it printed says why.`)
    }))
}
