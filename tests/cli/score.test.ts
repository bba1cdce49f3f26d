import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { completionEntries, expectClose, Goldens, rowsOf } from '../golden/fixtures.ts'
import { swiftshaderEnv, swiftshaderRuns } from '../swiftshader.ts'
import { creamery, expectRefusal, fileWith, golden, jsonLines, stories, storiesAreThere } from './run-cli.ts'

interface Scored {
  readonly logps: number
  readonly meanLogps: number
  readonly tokens: number
  readonly perTokenLogps?: number[]
}

const model = golden('gqa-tied')
const goldens = new Goldens('llama/gqa-tied/golden.safetensors')
const rows = rowsOf(goldens)
const goldenLines = rows.map(({ tokens, start }) => ({ prompt_ids: tokens.slice(0, start), completion_ids: tokens.slice(start) }))
const score = (lines: readonly unknown[], ...flags: string[]): Promise<Scored[]> => jsonLines<Scored>(['score', '--model', model, '--input', fileWith(lines), ...flags])

describe('score', () => {
  test('gives the reference framework\'s log-probabilities, without a tokenizer', async () => {
    const found = await score(goldenLines, '--per-token')
    expectClose(found.flatMap((one) => one.perTokenLogps!), completionEntries(goldens.get('logps'), rows), 1e-4, 'logps')
    for (const [i, { logps, meanLogps, tokens, perTokenLogps }] of found.entries()) {
      expect(tokens).toBe(goldenLines[i]!.completion_ids.length)
      expect(logps).toBeCloseTo(perTokenLogps!.reduce((a, b) => a + b), 10)
      expect(meanLogps).toBeCloseTo(logps / tokens, 10)
    }
  })

  test('puts an adapter on top', async () => {
    const found = await score(goldenLines, '--per-token', '--adapter', `${model}/adapter`)
    expectClose(found.flatMap((one) => one.perTokenLogps!), completionEntries(goldens.get('lora.logps'), rows), 1e-4, 'lora.logps')
  })

  test('keeps the input\'s order over many batches', async () => {
    const lengths = [3, 40, 7, 90, 1, 60, 12, 25]
    const lines = Array.from({ length: 120 }, (_, i) => ({ prompt_ids: [1, 3 + (i % 90)], completion_ids: Array.from({ length: lengths[i % 8]! }, (_, t) => 3 + ((i + t) % 90)) }))
    const together = await score(lines)
    expect(together.map(({ tokens }) => tokens)).toEqual(lines.map(({ completion_ids }) => completion_ids.length))
    const alone = await score([lines[3]!, lines[92]!])
    expect([together[3]!.logps, together[92]!.logps]).toEqual(alone.map(({ logps }) => logps)) // bit for bit (ENGINE §9)
  })

  test('reports progress to a program on stderr, results alone on stdout', async () => {
    const { stdout, stderr } = await creamery(['score', '--json', '--model', model, '--input', fileWith(goldenLines)])
    expect(stdout.trimEnd().split('\n')).toHaveLength(goldenLines.length)
    const total = rows.reduce((sum, { tokens }) => sum + tokens.length, 0)
    expect(JSON.parse(stderr.trimEnd().split('\n').at(-1)!)).toMatchObject({ progress: { label: 'scoring', unit: 'tokens', done: total, total } })
  })

  describe('refuses', () => {
    const good = goldenLines[0]!
    const refuse = (lines: readonly unknown[] | string, sentence: RegExp): Promise<void> => expectRefusal(['score', '--model', model, '--input', fileWith(lines)], sentence)

    test.each([
      ['an empty file', '', /is empty; write one JSON object a line\./],
      ['a file of blank lines', '\n \n', /is empty/],
      ['a line that is not JSON', `${JSON.stringify(good)}\n\n{"prompt_ids": [1\n`, /: line 3 is not valid JSON/],
      ['a line of another form', [good, { prompt: 'a' }], /: line 2 is neither/],
      ['a line that is null', [null], /: line 1 is neither/],
      ['ids that are no whole numbers', [{ prompt_ids: [1.5], completion_ids: [2] }], /: line 1 is neither/],
      ['negative ids', [{ prompt_ids: [-1], completion_ids: [2] }], /: line 1 is neither/],
      ['an empty completion', [good, { prompt_ids: [1], completion_ids: [] }], /: line 2 has an empty completion; leave it out\./],
      ['an empty prompt', [{ prompt_ids: [], completion_ids: [1] }], /: line 1 has an empty prompt/],
      ['ids outside the vocabulary', [good, { prompt_ids: [1], completion_ids: [5, 96] }], /: line 2 holds the token id 96, but the model's ids end at 95/],
      ['more tokens than the context', [{ prompt_ids: Array(100).fill(3), completion_ids: Array(29).fill(4) }], /: line 1 has 129 tokens, but the model's context holds 128; shorten it\./],
      ['text without a tokenizer', [{ prompt: 'a', response: 'b' }], /has no tokenizer\.json/],
    ])('%s', (_, lines, sentence) => refuse(lines, sentence))

    test('an adapter of another model', () =>
      expectRefusal(['score', '--model', model, '--adapter', `${golden('headdim')}/adapter`, '--input', fileWith([good])], /adapter_model\.safetensors/))

    test('a device that is not there, with the reason', () =>
      expectRefusal(['score', '--model', model, '--device', 'webgpu', '--input', fileWith([good])], /WebGPU/, { env: { VK_ICD_FILENAMES: '/nowhere' } }))

    test('fp16 weights on the CPU', () =>
      expectRefusal(['score', '--model', model, '--weights', 'fp16', '--input', fileWith([good])], /^Weights are fp32 on the CPU; choose the device webgpu for fp16 weights, or fp32 weights\.$/m))

    test.skipIf(!swiftshaderRuns)('fp16 weights on an adapter without halves', () =>
      expectRefusal(['score', '--model', model, '--device', 'webgpu', '--weights', 'fp16', '--input', fileWith([good])], /no 16-bit floats .*shader-f16.*choose fp32 weights/, { env: swiftshaderEnv() }))
  })

  test.skipIf(!swiftshaderRuns)('computes the same on WebGPU', async () => {
    const found = await jsonLines<Scored>(['score', '--model', model, '--device', 'webgpu', '--per-token', '--input', fileWith(goldenLines)], { env: swiftshaderEnv() })
    expectClose(found.flatMap((one) => one.perTokenLogps!), completionEntries(goldens.get('logps'), rows), 1e-4, 'logps')
  })

  describe.skipIf(!storiesAreThere)('text', () => {
    const [{ text, input_ids: ids, token_nll: nll }] = storiesAreThere
      ? (JSON.parse(readFileSync(`${stories}/golden.json`, 'utf8')) as { cases: [{ text: string; input_ids: number[]; token_nll: number[] }] }).cases
      : [{ text: '', input_ids: [], token_nll: [] }]

    test('and its token ids score alike, in one file', async () => {
      const [prompt, response] = ['Once upon a', ' time, there was a little girl named Lily.']
      expect(text.startsWith(prompt + response)).toBe(true)
      const [asText] = await jsonLines<Scored>(['score', '--model', stories, '--per-token', '--input', fileWith([{ prompt, response }])])
      const said = asText!.tokens - 1 // the end token is not in the golden text
      expectClose(asText!.perTokenLogps!.slice(0, said), nll.slice(3, 3 + said).map((one) => -one), 1e-4, 'logps of the response')
      const asIds = { prompt_ids: ids.slice(0, 4), completion_ids: [...ids.slice(4, 4 + said), 2] }
      const mixed = await jsonLines<Scored>(['score', '--model', stories, '--input', fileWith([asIds, { prompt, response }, { prompt: [{ role: 'user', content: prompt }], response }])])
      expect(mixed.map(({ logps }) => logps)).toEqual([asText!.logps, asText!.logps, asText!.logps])
    })

    test('without a response is refused by its line', () =>
      expectRefusal(['score', '--model', stories, '--input', fileWith([{ prompt: 'Once', response: ' upon' }, { prompt: 'Once', response: ' ' }])], /: line 2: The response is empty\..*/))

    test('of a conversation that needs a template is refused', () =>
      expectRefusal(['score', '--model', stories, '--input', fileWith([{ prompt: [{ role: 'system', content: 'x' }, { role: 'user', content: 'y' }], response: 'z' }])], /line 1: .*has no chat template/))
  })
})
