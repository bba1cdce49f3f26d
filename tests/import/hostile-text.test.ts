/** Patterns and templates that work without end or without bound: stopped, each with a sentence, while main goes on. */
import { readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { inspectModel } from '../../main/pipeline/open-model.ts'
import { tryText } from '../../main/pipeline/try-text.ts'
import { byteLevelFolder, chatml, sentencePieceFolder } from '../unit/text/fixtures.ts'
import { checkSentence } from '../fuzz/models.ts'
import { startTimed } from '../fuzz/timed.ts'
import { smallModel } from './fixture.ts'

const sandbox = startTimed()
afterAll(() => sandbox.close())

const withTemplate = (template: string): string => byteLevelFolder({ 'chat_template.jinja': template })
const loop = (depth: number): string => depth === 0 ? '' : `{% for a in range(100000) %}${loop(depth - 1)}{% endfor %}`

/** What the sandbox's child has held at its most, in bytes, by the end of `work` (Linux); and how long main's loop was kept meanwhile. */
async function watching<T>(work: () => Promise<T>): Promise<{ value: T; resident: number; late: number }> {
  let [resident, late, last] = [0, 0, performance.now()]
  const over = new AbortController()
  const look = async (): Promise<void> => {
    for (; !over.signal.aborted; await wait(50)) {
      late = Math.max(late, performance.now() - last - 50)
      resident = Math.max(resident, peakOf(sandbox.pid()))
      last = performance.now()
    }
  }
  const looking = look()
  const value = await work()
  over.abort()
  await looking
  return { value, resident, late }
}

function peakOf(pid: number | undefined): number {
  try {
    return 1024 * Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0 // it ended meanwhile, or this is no Linux
  }
}

describe('stopped within 5 s, in less than a gigabyte', () => {
  test.each([
    ['a pattern with a star of stars', () => byteLevelFolder({}, '(a+)+b|\\s+'), 'tokenizer'],
    ['a pattern of overlapping choices', () => byteLevelFolder({}, '(a|aa)+$|.'), 'tokenizer'],
    ['a pattern of nested spaces', () => byteLevelFolder({}, '(\\s*)*x|\\S'), 'tokenizer'],
    ['nested template loops', () => withTemplate(loop(4)), 'template'],
    ['loops that start with the second turn', () => withTemplate(`{% if messages | length > 1 %}${loop(3)}{% endif %}${chatml}`), 'template'],
    ['loops over a loop over every turn', () => withTemplate(`{% for a in messages %}{% for b in messages %}{% for c in messages %}{% for d in messages %}{% for e in messages %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}${chatml}`), 'template'],
    ['a text that doubles', () => withTemplate(`{% set ns = namespace(t='aaaaaaaa') %}{% for i in range(60) %}{% set ns.t = ns.t + ns.t %}{% endfor %}{{ ns.t }}`), 'template'],
    ['a list as long as memory', () => withTemplate('{% for a in range(300000000) %}{% endfor %}'), 'template'],
  ] as const)('%s', async (_, folder, part) => {
    const { value: trial, resident, late } = await watching(() => tryText(sandbox, folder()))
    expect(trial[part]).toBe('unusable')
    expect(trial.problems).toHaveLength(1)
    checkSentence(trial.problems[0]!, part)
    expect(resident).toBeLessThan(1e9)
    expect(late).toBeLessThan(2000)
  }, 60_000)

  test.skipIf(process.platform === 'win32')('a tokenizer.json that never ends', async () => {
    const folder = byteLevelFolder()
    rmSync(join(folder, 'tokenizer.json'))
    symlinkSync('/dev/zero', join(folder, 'tokenizer.json'))
    const { value: trial, resident } = await watching(() => tryText(sandbox, folder))
    expect(trial).toMatchObject({ tokenizer: 'unusable', template: null, problems: [expect.stringContaining('is not a file')] })
    expect(resident).toBeLessThan(1e9)
  }, 60_000)
})

describe('good ones', () => {
  test('are told as good, with what they lack as a remark', async () => {
    expect(await tryText(sandbox, byteLevelFolder())).toMatchObject({ tokenizer: 'ok', template: 'ok', problems: [], warnings: [] })
    expect(await tryText(sandbox, sentencePieceFolder())).toMatchObject({ tokenizer: 'ok', template: 'none', problems: [] })
    const strict = `{% if messages[0].role == 'system' %}{{ raise_exception('No system') }}{% endif %}${chatml}`
    expect(await tryText(sandbox, withTemplate(strict))).toMatchObject({ template: 'ok', problems: [], warnings: ['The chat template takes no system message: rows with one are rejected.'] })
  })

  test('a template in any of its three places', async () => {
    for (const files of [{ 'chat_template.jinja': chatml }, { 'chat_template.json': { chat_template: chatml } }, { 'tokenizer_config.json': { bos_token: '<|bos|>', eos_token: '<|im_end|>', chat_template: [{ name: 'default', template: chatml }] } }]) {
      expect(await tryText(sandbox, byteLevelFolder(files))).toMatchObject({ template: 'ok', problems: [] })
    }
    expect(await tryText(sandbox, withTemplate('{% if %}'))).toMatchObject({ template: 'unusable', problems: [expect.stringContaining('The chat template cannot be read')] })
  })

  test('on a model’s card', async () => {
    const card = await inspectModel(sandbox, await smallModel())
    expect(card).toMatchObject({ supported: true, problems: [], format: 'safetensors shards', dtype: 'BF16', tokenizer: 'ok', template: 'ok', vocabulary: 102 })
  })
})
