import { mkdirSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { truncateExample } from '../../../main/text/example.ts'
import { openText } from '../../../main/text/model.ts'
import { byteLevelFolder, byteLevelIds as ids, byteLevelTokenizer, chatml, sentencePieceFolder, writeFolder } from './fixtures.ts'

const refusal = (run: () => unknown): { code: string; message: string } => {
  try {
    run()
  } catch (error) {
    return error as { code: string; message: string }
  }
  throw new Error('expected a refusal')
}
const bytes = (text: string): number[] => [...new TextEncoder().encode(text)]
/** The byte-level fixture numbers its alphabet by byte, so unmerged text is its UTF-8. */
const turn = (role: string, content: number[]): number[] => [ids.imStart, ...bytes(`${role}\n`), ...content]

describe('prompts', () => {
  const chat = openText(byteLevelFolder())

  it('reads the facts of the folder', () => {
    expect(chat).toMatchObject({ vocabSize: 265, eosIds: [ids.imEnd, ids.end], bosId: ids.bos, hasTemplate: true })
    expect(chat.tokenizerHash).toMatch(/^[0-9a-f]{64}$/)
    expect(chat.templateHash).toMatch(/^[0-9a-f]{64}$/)
  })

  it('renders with the generation prompt, and a string is one user message', () => {
    const expected = [...turn('user', bytes('2+2')), ids.imEnd, 10, ...turn('assistant', [])]
    // "assistant\n" and "user\n" hold no merge of the fixture
    expect(chat.encodePrompt('2+2')).toEqual(expected)
    expect(chat.encodePrompt([{ role: 'user', content: '2+2' }])).toEqual(expected)
  })

  it('does not double a BOS that the template writes', () => {
    const folder = byteLevelFolder({ 'chat_template.jinja': `{{ bos_token }}${chatml}` })
    const prompt = openText(folder).encodePrompt('x')
    expect(prompt.filter((id) => id === ids.bos)).toEqual([ids.bos])
    expect(prompt[0]).toBe(ids.bos)
  })

  it('adds the BOS to raw text once, and not when add_bos_token is false', () => {
    const raw = openText(byteLevelFolder({}))
    expect(raw.encodePrompt('hello')).toEqual([ids.bos, ids.hello])
    expect(raw.encodePrompt('<|bos|>hello')).toEqual([ids.bos, ids.hello])
    const config = { bos_token: '<|bos|>', eos_token: '<|end|>', add_bos_token: false }
    expect(openText(byteLevelFolder({ 'tokenizer_config.json': config })).encodePrompt('hello')).toEqual([ids.hello])
  })

  it('takes one user message as raw text where there is no template, and refuses more by naming the fix', () => {
    const raw = openText(byteLevelFolder({}))
    expect(raw.encodePrompt([{ role: 'user', content: 'hello' }])).toEqual([ids.bos, ids.hello])
    const error = refusal(() => raw.encodePrompt([{ role: 'system', content: 'a' }, { role: 'user', content: 'b' }]))
    expect(error).toMatchObject({ code: 'bad-text' })
    expect(error.message).toContain('chat_template.jinja')
  })

  it('refuses a conversation that the assistant ends', () => {
    expect(refusal(() => chat.encodePrompt([{ role: 'assistant', content: 'a' }])).code).toBe('bad-text')
  })
})

describe('completions', () => {
  const chat = openText(byteLevelFolder())

  it('are the answer and one end token: no header, nothing after the end', () => {
    expect(chat.encodeCompletion('hello')).toEqual([ids.hello, ids.imEnd])
    expect(chat.encodeCompletion('hello<|im_end|>')).toEqual([ids.hello, ids.imEnd])
  })

  it('stand behind exactly the prompt’s tokens', () => {
    const example = chat.encodeExample('2+2', 'hello')
    const prompt = chat.encodePrompt('2+2')
    expect(example.completionStart).toBe(prompt.length)
    expect(example.ids).toEqual([...prompt, ids.hello, ids.imEnd])
  })

  it('are tokenised on their own where the joint text would merge across the border', () => {
    // The generation prompt ends in "\n"; a response that starts with "\n" would merge with it into one token.
    const example = chat.encodeExample('2', '\n4')
    expect(chat.encode('\n\n', { special: false })).toEqual([ids.newlines])
    expect(example.ids.slice(0, example.completionStart)).toEqual(chat.encodePrompt('2'))
    expect(example.ids.slice(example.completionStart)).toEqual([10, 52, ids.imEnd])
  })

  it('get the tokenizer’s eos where nothing else ends them', () => {
    const raw = openText(byteLevelFolder({ 'tokenizer_config.json': { bos_token: '<|bos|>', eos_token: '<|end|>' } }))
    expect(raw.encodeExample('he', 'hello')).toEqual({ ids: [ids.bos, ids.he, ids.hello, ids.end], completionStart: 2 })
  })

  it('get an eos behind a template’s end of turn that is none itself', () => {
    const folder = byteLevelFolder({ 'chat_template.jinja': chatml, 'tokenizer_config.json': { eos_token: '<|end|>' }, 'generation_config.json': { eos_token_id: ids.end } })
    expect(openText(folder).encodeCompletion('hello')).toEqual([ids.hello, ids.imEnd, 10, ids.end])
  })

  it('take over what the template opens differently from how it records it', () => {
    const folder = byteLevelFolder({ 'chat_template.jinja': chatml.replace("assistant\\n' }}{% endif", "assistant\\n<think>' }}{% endif") })
    const model = openText(folder)
    expect(model.encodeCompletion('hello')).toEqual([ids.hello, ids.imEnd])
  })

  it('refuse emptiness, an end token in the middle, and a folder without end token', () => {
    expect(refusal(() => chat.encodeCompletion(' \n')).code).toBe('bad-text')
    expect(refusal(() => chat.encodeCompletion('<|im_end|>')).code).toBe('bad-text')
    expect(refusal(() => chat.encodeCompletion('a<|im_end|>b')).message).toContain('<|im_end|>')
    const endless = openText(byteLevelFolder({ 'tokenizer_config.json': {}, 'generation_config.json': {} }))
    expect(refusal(() => endless.encodeCompletion('a')).message).toContain('eos_token')
  })

  it('get no word mark in mid-text from a SentencePiece tokenizer', () => {
    const model = openText(sentencePieceFolder())
    const idOf = (token: string): number => model.encode(token, { special: false }).at(-1)!
    const equation = model.encodeExample('2+2=', '4')
    expect(equation.ids.slice(equation.completionStart)).toEqual([idOf('=4'), 2])
    expect(model.decode(equation.ids, { skipSpecial: true })).toBe('2+2=4')
    expect(model.encodeCompletion('4')).toEqual([idOf('=4'), 2])
    // " a" merges into "▁a", which the prompt's last token "▁" cannot join
    const spaced = model.encodeExample('b ', 'a')
    expect(spaced.ids.slice(0, spaced.completionStart)).toEqual(model.encodePrompt('b '))
    expect(model.decode(spaced.ids, { skipSpecial: true })).toBe('b a')
  })
})

describe('truncation', () => {
  const example = { ids: [1, 2, 3, 4, 5], completionStart: 2 }

  it('says what it dropped', () => {
    expect(truncateExample(example, 4)).toEqual({ kept: { ids: [1, 2, 3, 4], completionStart: 2 }, dropped: 1 })
    expect(truncateExample(example, 9)).toEqual({ kept: example, dropped: 0 })
  })

  it('refuses to leave no completion', () => {
    expect(refusal(() => truncateExample(example, 2)).code).toBe('bad-text')
  })
})

describe('the folder', () => {
  it('takes the template from the jinja file, then chat_template.json, then tokenizer_config', () => {
    const config = { bos_token: '<|bos|>', eos_token: '<|end|>', chat_template: 'third' }
    const render = (files: Record<string, unknown>): string =>
      openText(byteLevelFolder({ 'tokenizer_config.json': config, ...files })).render([{ role: 'user', content: 'x' }], { addGenerationPrompt: false })
    expect(render({})).toBe('third')
    expect(render({ 'chat_template.json': { chat_template: 'second' } })).toBe('second')
    expect(render({ 'chat_template.json': { chat_template: 'second' }, 'chat_template.jinja': 'first' })).toBe('first')
  })

  it('takes the default of several named templates and refuses to guess', () => {
    const config = (names: string[]): object => ({ chat_template: names.map((name) => ({ name, template: `the ${name} one` })) })
    const open = (names: string[]) => openText(byteLevelFolder({ 'tokenizer_config.json': config(names) }))
    expect(open(['tool_use', 'default']).render([{ role: 'user', content: 'x' }], { addGenerationPrompt: false })).toBe('the default one')
    expect(refusal(() => open(['tool_use', 'rag'])).message).toContain('default')
  })

  it('takes end tokens from generation_config before config, and special tokens from special_tokens_map', () => {
    const files = { 'tokenizer_config.json': {}, 'special_tokens_map.json': { eos_token: { content: '<|end|>' } }, 'config.json': { eos_token_id: 7 } }
    expect(openText(byteLevelFolder({ ...files, 'generation_config.json': {} })).eosIds).toEqual([7, ids.end])
    expect(openText(byteLevelFolder({ ...files, 'generation_config.json': { eos_token_id: 9 } })).eosIds).toEqual([9, ids.end])
  })

  it('refuses devices, pipes and files of no honest size unread', () => {
    const [odd, large] = [writeFolder({}), writeFolder({ 'tokenizer.json': '{}' })]
    mkdirSync(join(odd, 'tokenizer.json'))
    truncateSync(join(large, 'tokenizer.json'), 2 ** 27 + 1)
    expect(refusal(() => openText(odd))).toMatchObject({ code: 'bad-text', message: expect.stringContaining('is not a file') })
    expect(refusal(() => openText(large))).toMatchObject({ code: 'bad-text', message: expect.stringContaining('134217729 bytes') })
  })

  it('refuses what it cannot read, with a sentence', () => {
    expect(refusal(() => openText(writeFolder({}))).message).toContain('tokenizer.json')
    expect(refusal(() => openText(writeFolder({ 'tokenizer.json': '{' }))).code).toBe('bad-text')
    expect(refusal(() => openText(writeFolder({ 'tokenizer.json': { model: { type: 'Nonsense' } } }))).code).toBe('bad-text')
    expect(refusal(() => openText(byteLevelFolder({ 'chat_template.jinja': '{% for %}' }))).code).toBe('bad-text')
  })

  it('names the template’s own refusal', () => {
    const model = openText(byteLevelFolder({ 'chat_template.jinja': "{{ raise_exception('no system role') }}" }))
    expect(refusal(() => model.encodePrompt('x')).message).toContain('no system role')
  })

  it('prints the same date on every day', () => {
    const folder = byteLevelFolder({ 'chat_template.jinja': "{{ strftime_now('%d %b %Y, %A') }}{% for i in range(2) %}{{ i }}{% endfor %}" })
    const messages = [{ role: 'user' as const, content: 'x' }]
    expect(openText(folder).render(messages, { addGenerationPrompt: false })).toBe('26 Jul 2024, Friday01')
    expect(openText(folder, { today: '2025-03-02' }).render(messages, { addGenerationPrompt: false })).toBe('02 Mar 2025, Sunday01')
  })

  it('accepts merges as pairs and decodes ids without a token to nothing', () => {
    const tokenizer = byteLevelTokenizer() as { model: { merges: unknown[] } }
    tokenizer.model.merges = tokenizer.model.merges.map((merge) => String(merge).split(' '))
    const model = openText(byteLevelFolder({ 'tokenizer.json': tokenizer }))
    expect(model.encode('hello', { special: false })).toEqual([ids.hello])
    expect(model.decode([ids.hello, 9999], { skipSpecial: true })).toBe('hello')
    expect(model.decode([], { skipSpecial: true })).toBe('')
  })
})
