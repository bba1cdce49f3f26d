import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { goldenJson } from '../golden/fixtures.ts'
import { expectRefusal, golden, jsonLines, stories, storiesAreThere, temporaryFolder } from './run-cli.ts'

interface Response {
  readonly text: string | null
  readonly ids: number[]
  readonly finishReason: 'eos' | 'length'
}
interface Greedy {
  readonly cases: readonly { readonly text?: string; readonly prompt: number[]; readonly completion: number[]; readonly completionText?: string }[]
}

const model = golden('gqa-tied')
const generate = (...args: string[]): Promise<Response[]> => jsonLines<Response>(['generate', ...args])

describe('generate', () => {
  test('is the reference framework\'s greedy text, token for token', async () => {
    const { prompt, completion } = goldenJson<Greedy>('greedy/gqa-tied.json').cases[1]!
    const found = await generate('--model', model, '--ids', prompt.join(), '--temperature', '0', '--max-tokens', String(completion.length))
    expect(found).toEqual([{ text: null, ids: completion, finishReason: 'length' }])
  })

  test('draws by seed: the same again, another with another, and the n-th however many are asked for', async () => {
    const draw = (seed: number, n: number): Promise<Response[]> => generate('--model', model, '--ids', '1,48,92', '--max-tokens', '12', '--temperature', '1', '--top-p', '1', '--seed', String(seed), '-n', String(n))
    const [many, again, fewer, other] = [await draw(1, 40), await draw(1, 40), await draw(1, 3), await draw(2, 3)]
    expect(many).toHaveLength(40)
    expect(new Set(many.map(({ ids }) => ids.join())).size).toBeGreaterThan(30)
    expect(again).toEqual(many)
    expect(fewer).toEqual(many.slice(0, 3))
    expect(other).not.toEqual(fewer)
  })

  test('cuts to the likeliest token', async () => {
    const likeliest = await generate('--model', model, '--ids', '1,48,92', '--max-tokens', '8', '--temperature', '0')
    expect(await generate('--model', model, '--ids', '1,48,92', '--max-tokens', '8', '--temperature', '2', '--top-k', '1')).toEqual(likeliest)
    expect(await generate('--model', model, '--ids', '1,48,92', '--max-tokens', '8', '--temperature', '2', '--top-p', '0.0001')).toEqual(likeliest)
  })

  test('puts an adapter on top', async () => {
    const args = ['--model', model, '--ids', '1,48,92', '--max-tokens', '8', '--temperature', '0']
    expect(await generate(...args, '--adapter', `${model}/adapter`)).not.toEqual(await generate(...args))
  })

  test.each([
    ['no prompt', [], /Give the prompt either as --prompt TEXT or as --ids 1,2,3\./],
    ['two prompts', ['--prompt', 'a', '--ids', '1'], /either/],
    ['raw ids', ['--raw', '--ids', '1'], /--raw belongs to --prompt/],
    ['ids outside the vocabulary', ['--ids', '1,96'], /--ids holds 96, but the model's ids end at 95/],
    ['more new tokens than the context leaves', ['--ids', '1,2,3', '--max-tokens', '126'], /ask for at most 125 with --max-tokens\./],
    ['a prompt as long as the context', ['--ids', Array(128).fill(3).join()], /The prompt has 128 tokens and the model's context holds 128; shorten it\./],
    ['text without a tokenizer', ['--prompt', 'a'], /has no tokenizer\.json/],
  ])('refuses %s', (_, args, sentence) => expectRefusal(['generate', '--model', model, ...args], sentence))

  test.skipIf(!storiesAreThere)('reads and writes text', async () => {
    const { text, completion, completionText } = goldenJson<Greedy>('greedy/stories260K-greedy.json').cases[0]!
    const args = ['--model', stories, '--prompt', text!, '--temperature', '0', '--max-tokens', String(completion.length)]
    const [found] = await generate(...args)
    expect(found!.ids).toEqual(completion)
    expect(found!.text!.trim()).toBe(completionText!.trim())
    expect(await generate(...args, '--raw')).toEqual([found]) // this model has no template: raw is what it does
  })

  test.skipIf(!storiesAreThere)('with --raw leaves the chat template away and keeps the BOS', async () => {
    const folder = temporaryFolder()
    cpSync(stories, folder, { recursive: true })
    const config = JSON.parse(readFileSync(`${stories}/tokenizer_config.json`, 'utf8')) as object
    writeFileSync(`${folder}/tokenizer_config.json`, JSON.stringify({ ...config, chat_template: "{% for message in messages %}{{ message['content'] + ', there was a dog named' }}{% endfor %}" }))
    const args = ['--prompt', 'Once upon a time', '--temperature', '0', '--max-tokens', '12']
    const [plain, raw, templated] = [await generate('--model', stories, ...args), await generate('--model', folder, ...args, '--raw'), await generate('--model', folder, ...args)]
    expect(raw).toEqual(plain)
    expect(templated).not.toEqual(plain)
  })
})
