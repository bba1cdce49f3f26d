/** The end of a log names everything that failed, and counts it. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { slow } from './order.ts'
import { runPart } from './part.ts'
import { temporaryFolder } from './temporary.ts'

const root = join(import.meta.dirname, '..')

describe('a run of vitest', () => {
  const run = async (files: Readonly<Record<string, string>>) => {
    const folder = temporaryFolder('reporter')
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    return runPart([process.execPath, join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--globals', '--reporter', join(root, 'tests/reporter.ts')], { cwd: folder, write: () => {} })
  }

  it('names a failed test, a failed preparation and a file that cannot be loaded, with the first lines of why', async () => {
    const { passed, failed, failures } = await run({
      'a.test.js': `test('holds', () => {}); describe('a group', () => test('adds', () => expect(1 + 1).toBe(3)))`,
      'b.test.js': `describe('prepared', () => { beforeAll(() => { throw new Error('no disk\\n' + 'more\\n'.repeat(50)) }); test('never runs', () => {}) })`,
      'c.test.js': `import './absent.js'`,
    })
    expect({ passed, failed }).toEqual({ passed: 1, failed: 3 })
    expect(failures.filter((line) => /^✗ \S/.test(line)).toSorted()).toEqual(['✗ a.test.js › a group > adds', '✗ b.test.js › prepared', '✗ c.test.js'])
    expect(failures).toContain('✗   a.test.js:1: AssertionError: expected 2 to be 3 // Object.is equality')
    expect(failures).toContain('✗   b.test.js:1: Error: no disk')
    expect(failures.filter((line) => line === '✗   more').length).toBeLessThan(10)
  })

  it('counts an error outside of any test', async () => {
    const { failed, failures } = await run({ 'a.test.js': `test('holds', async () => { Promise.reject(new Error('nobody waits')); await new Promise(setImmediate) })` })
    expect({ failed, failures: failures.slice(0, 2) }).toEqual({ failed: 1, failures: ['✗ outside of any file', '✗   Error: nobody waits'] })
  })
})

describe('a run of Playwright', () => {
  it('names a failed spec, one that passes only when repeated, and a file that cannot be loaded', async () => {
    const { default: Summary } = (await import(join(root, 'tests/e2e/summary.ts'))) as { default: new () => { onBegin(config: object, suite: object): void; onError(error: object): void; onExit(): Promise<void> } }
    const spec = (outcome: string, ...messages: readonly string[]) => ({
      outcome: () => outcome, title: `is ${outcome}`, location: { file: join(root, 'tests/e2e/x.spec.ts'), line: 7 },
      results: [{ status: 'timedOut', errors: messages.map((message) => ({ message })) }, { status: 'passed', errors: [] }],
    })
    const log = vi.spyOn(console, 'log').mockReturnValue()
    const summary = new Summary()
    summary.onBegin({}, { allTests: () => [spec('expected'), spec('skipped'), spec('unexpected', '\u001b[31mtitle is "B"\u001b[0m', 'the page crashed'), spec('flaky', 'too late')] })
    summary.onError({ message: 'no such module', location: { file: join(root, 'tests/e2e/y.spec.ts') } })
    await summary.onExit()
    expect(log.mock.lastCall![0].split('\n')).toEqual([
      '✗ tests/e2e/x.spec.ts:7 › is unexpected', '✗   title is "B"', '✗   the page crashed',
      '✗ tests/e2e/x.spec.ts:7 › is flaky', '✗   too late',
      '✗ tests/e2e/y.spec.ts', '✗   no such module',
      '1 passed, 3 failed',
    ])
    log.mockRestore()
  })
})

describe('a part of the run', () => {
  const part = async (program: string) => {
    const script = join(temporaryFolder('part'), 'part.js')
    writeFileSync(script, program)
    const shown: string[] = []
    const { passed, failed, failures } = await runPart([process.execPath, script], { cwd: root, write: (line) => shown.push(line) })
    return { passed, failed, failures: failures.map((line) => line.replace(`${process.execPath} ${script}`, 'part.js')), shown }
  }

  it('keeps its failures and its last line back, and counts by it', async () => {
    expect(await part(`console.log('hello'); console.log('✗ x › y'); console.log('3 passed, 1 failed'); process.exitCode = 1`)).toEqual({ passed: 3, failed: 1, failures: ['✗ x › y'], shown: ['hello'] })
  })

  it.each([
    ['ends well without having counted', '', 'ended with code 0 before it had counted'],
    ['breaks', 'process.exit(3)', 'ended with code 3 before it had counted'],
    ['is killed', `process.kill(process.pid, 'SIGKILL')`, 'ended with SIGKILL before it had counted'],
    ['counts no failure but ends as one', `console.log('3 passed, 0 failed'); process.exitCode = 2`, 'ended with code 2'],
  ])('that %s is a failure', async (_, program, why) => {
    const { failed, failures } = await part(program)
    expect({ failed, failures }).toEqual({ failed: 1, failures: ['✗ part.js', `✗   ${why}; its own words are further up`] })
  })
})

it('the files that begin first are there', () => {
  expect(slow.filter((file) => !existsSync(join(root, file)))).toEqual([])
})
