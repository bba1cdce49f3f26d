import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { runConfigJsonSchema } from '../../preload/contract/config.ts'
import { stopOnInterrupt } from '../../main/cli/interrupt.ts'
import { openTerminal } from '../../main/cli/terminal.ts'
import { creamery, expectRefusal, fromRoot, golden, startCli } from './run-cli.ts'

describe('the command line', () => {
  test('lists its commands, and every command its options', async () => {
    const { code, stdout } = await creamery(['--help'])
    expect(code).toBe(0)
    const names = [...stdout.matchAll(/^ {2}(\w+) \[options\]/gm)].map(([, name]) => name!)
    expect(names).toEqual(expect.arrayContaining(['score', 'generate', 'consistency', 'doctor', 'schema', 'bench']))
    const helps = await Promise.all(names.map((name) => creamery([name, '--help'])))
    for (const help of helps) {
      expect(help).toMatchObject({ code: 0, stderr: '' })
      expect(help.stdout).toContain('--json')
    }
  })

  test('without a command shows the same', async () => {
    expect((await creamery([])).stdout).toContain('Usage: creamery')
  })

  test('prints its version', async () => {
    const { version } = JSON.parse(readFileSync(fromRoot('package.json'), 'utf8')) as { version: string }
    expect(await creamery(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })

  test.each([
    [['scor'], /Unknown command 'scor' \(did you mean score\?\)/],
    [['consistency', '--input', 'x', '--statistik', 'y'], /Unknown option '--statistik' \(did you mean --statistic\?\)/],
    [['consistency'], /'--input <file>' not specified/],
    [['consistency', '--input'], /'--input <file>' argument missing/],
    [['consistency', '--input', 'x', 'y'], /[Tt]oo many arguments/],
    [['consistency', '--input', 'x', '--statistic', 'pearson'], /--statistic should be one of tau-b, tau-a, spearman, toporder, not "pearson"\./],
    [['generate', '--model', 'x', '-n', '0'], /-n should be a whole number of at least 1 and at most 10000, not "0"\./],
    [['generate', '--model', 'x', '--top-p', '0'], /--top-p should be a number above 0 and at most 1, not "0"\./],
    [['generate', '--model', 'x', '--ids', '1,b'], /--ids should be a whole number .*, not "b"\./],
    [['score', '--model', 'x', '--input', 'y', '--device', 'tpu'], /--device should be one of cpu, webgpu/],
  ])('refuses %j', (args, sentence) => expectRefusal(args, sentence))

  test('tells a program about an error on stdout too', async () => {
    const { code, stdout, stderr } = await creamery(['consistency', '--input', '/nowhere.json', '--json'])
    expect(code).toBe(2)
    expect(JSON.parse(stdout)).toEqual({ error: { code: 'bad-data', message: stderr.trim() } })
  })

  test('shows the stack only when asked', async () => {
    const { stderr } = await creamery(['consistency', '--input', '/nowhere.json'], { env: { CREAMERY_DEBUG: '1' } })
    expect(stderr).toContain('input.ts')
    expect(stderr).toContain('caused by Error: ENOENT')
  })

  test('says which Node it needs', async () => {
    const { code, stderr } = await creamery(['doctor'], { node: ['--no-experimental-strip-types'] }) // what an older one lacks
    expect(stderr).toMatch(/^Creamery needs Node 22\.18 or later, and this is [^\n]+\.\n$/)
    expect(code).toBe(2)
  })

  test('does not mind a reader that leaves', async () => {
    const { child, outcome } = startCli(['schema'])
    child.stdout!.destroy()
    expect(await outcome).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('schema', () => {
  const published = fromRoot('preload/contract/run-config.schema.json')
  test('is what is published', async () => {
    const { stdout } = await creamery(['schema'])
    expect(JSON.parse(stdout)).toEqual(runConfigJsonSchema())
    expect(readFileSync(published, 'utf8'), 'npm run -s creamery -- schema > preload/contract/run-config.schema.json').toBe(stdout)
  })
})

describe('Ctrl-C', () => {
  const endless = ['generate', '--model', golden('gqa-tied'), '--ids', '1,48,92,74', '--max-tokens', '100', '-n', '10000', '--json']

  test.each([
    ['reaches the command line only', (pid: number) => process.kill(pid, 'SIGINT')],
    ['reaches the engine as well, as in a terminal', (pid: number) => process.kill(-pid, 'SIGINT')],
  ])('stops work when it %s', async (_, interrupt) => {
    const { child, outcome } = startCli(endless, { ownGroup: true })
    await once(child.stdout!, 'data')
    interrupt(child.pid!)
    const { code, stdout, stderr } = await outcome
    expect(code, stderr).toBe(130)
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1)!)).toEqual({ error: { code: 'cancelled', message: 'Stopped on request.' } })
    expect(stderr).toContain('Stopping at the next safe point')
  })

  describe('pressed again', () => {
    afterEach(() => vi.restoreAllMocks())

    test('ends the process, but a signal that npm passed on does not count', () => {
      let now = 1000
      vi.spyOn(performance, 'now').mockImplementation(() => now)
      vi.spyOn(process.stderr, 'write').mockReturnValue(true)
      const exit = vi.spyOn(process, 'exit').mockImplementation((() => {}) as never)
      const stop = stopOnInterrupt(openTerminal({ json: false }))
      try {
        process.emit('SIGINT')
        expect(stop.signal.aborted).toBe(true)
        now += 100
        process.emit('SIGINT')
        expect(exit).not.toHaveBeenCalled()
        now += 600
        process.emit('SIGINT')
        expect(exit).toHaveBeenCalledWith(130)
      } finally {
        stop.release()
      }
    })
  })
})

test('bench passes its flags on and ends as the benchmark does', async () => {
  const { code, stdout, stderr } = await creamery(['bench', '--no-such-flag', '--json'])
  expect(stderr).toContain("Unknown option '--no-such-flag'")
  expect(JSON.parse(stdout)).toEqual({ error: { code: 'internal', message: 'The benchmark ended with exit code 1; what it printed says why.' } })
  expect(code).toBe(1)
})
