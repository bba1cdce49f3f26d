import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Template } from '@huggingface/jinja'
import { Tokenizer } from '@huggingface/tokenizers'
import { describe, expect, it } from 'vitest'
import { bundledWorld, drawCorpus } from '../../../native-models/bundled/generate.ts'
import { vocabulary } from '../../../native-models/bundled/tokenizer.ts'

const model = join(import.meta.dirname, '../../../native-models/bundled/model')
const read = (name: string): Record<string, unknown> => JSON.parse(readFileSync(join(model, name), 'utf8')) as Record<string, unknown>
const tokenizerConfig = read('tokenizer_config.json')
const tokenizer = new Tokenizer(read('tokenizer.json'), tokenizerConfig)
const encode = (text: string): number[] => tokenizer.encode(text, { add_special_tokens: false }).ids
const render = (messages: { role: string; content: string }[], prompted: boolean): string =>
  new Template(tokenizerConfig['chat_template'] as string).render({
    messages,
    bos_token: tokenizerConfig['bos_token'],
    eos_token: tokenizerConfig['eos_token'],
    add_generation_prompt: prompted,
  })

describe('the bundled tokenizer', () => {
  it('has one token per printable character, small enough for a small model', () => {
    expect(vocabulary.size).toBe(102)
    expect(read('config.json')['vocab_size']).toBe(vocabulary.size)
    const everything = [...vocabulary.keys()].slice(6).join('')
    expect(encode(everything)).toEqual([...vocabulary.values()].slice(6))
    expect(tokenizer.decode(encode(everything), { skip_special_tokens: false })).toBe(everything)
  })

  // Ids as transformers 5.23 (Python) gives them for the same folder.
  it('agrees with transformers on a conversation, on spaces and on unknown characters', () => {
    const text = render([{ role: 'user', content: 'Add 47 and 79.' }, { role: 'assistant', content: 'Answer: 126' }], true)
    expect(text).toBe('<|bos|><|user|>Add 47 and 79.<|assistant|>Answer: 126<|end|><|assistant|>')
    expect(encode(text)).toEqual([
      1, 2, 40, 75, 75, 7, 27, 30, 7, 72, 85, 75, 7, 30, 32, 21, 3, 40, 85, 90, 94, 76, 89, 33, 7, 24, 25, 29, 4, 3,
    ])
    expect(encode('a  b\n é✓ <|end|> x')).toEqual([72, 7, 7, 73, 6, 7, 5, 5, 7, 4, 7, 95])
  })

  it('renders a prompt as the beginning of the whole conversation, and refuses other roles', () => {
    const user = { role: 'user', content: '12+34?' }
    const whole = render([user, { role: 'assistant', content: 'Answer: 46' }], false)
    expect(whole.startsWith(render([user], true))).toBe(true)
    expect(() => render([{ role: 'system', content: 'x' }, user], true)).toThrow(/roles user and assistant/)
  })

  it('keeps raw answers within 24 tokens and conversations within 40', () => {
    const corpus = drawCorpus(bundledWorld)
    for (let i = 0; i < 5000; i++) {
      const { prompt, response } = corpus.next().value
      expect(encode(response).length + 1).toBeLessThanOrEqual(24)
      const text = render([{ role: 'user', content: prompt }, { role: 'assistant', content: response }], false)
      expect(encode(text).length).toBeLessThanOrEqual(40)
    }
  })
})
