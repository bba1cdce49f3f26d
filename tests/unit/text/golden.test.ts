/** Against published vectors; they live outside the repository, so each case skips, saying so, where they are absent. */
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openText } from '../../../main/text/model.ts'
import { byteLevelTokenizer } from './fixtures.ts'
import { temporaryFolder } from '../../temporary.ts'

const assets = join(import.meta.dirname, '../../../../shared/assets')
const present = existsSync(assets)
const json = (path: string) => JSON.parse(readFileSync(join(assets, path), 'utf8'))
const title = (name: string): string => (present ? name : `${name} (skipped: ../shared/assets is absent)`)

/** Our own writing of Llama 3.1's format without tools, to reproduce the published rendering. */
const llama31 = `{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] | trim %}{% set messages = messages[1:] %}{% else %}{% set system = '' %}{% endif %}{{ '<|start_header_id|>system<|end_header_id|>\\n\\nCutting Knowledge Date: December 2023\\nToday Date: ' + strftime_now('%d %b %Y') + '\\n\\n' + system + '<|eot_id|>' }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}`

describe.skipIf(!present)(title('published tokenizer vectors'), () => {
  it.each([
    ['Xenova/llama3-tokenizer', 'llama3', false],
    ['Xenova/llama3-tokenizer-new', 'llama3', true],
    ['Xenova/gpt2', 'gpt2', false],
    ['openai-community/gpt2', 'gpt2', false],
  ])('%s', (vectors, folder, special) => {
    const model = openText(join(assets, 'tokenizers', folder))
    const cases: { text: string; ids: number[] }[] = Object.values(json('golden/tokenizer-vectors.json')[vectors])
    expect(cases.length).toBeGreaterThan(20)
    for (const { text, ids } of cases) {
      expect(model.encode(text, { special })).toEqual(ids)
      expect(model.decode(ids, { skipSpecial: true })).toBe(text)
    }
  })

  it('llama3 renders and tokenises the published Llama 3.1 conversation', () => {
    const folder = temporaryFolder('llama31')
    symlinkSync(join(assets, 'tokenizers/llama3/tokenizer.json'), join(folder, 'tokenizer.json'))
    symlinkSync(join(assets, 'tokenizers/llama3/tokenizer_config.json'), join(folder, 'tokenizer_config.json'))
    writeFileSync(join(folder, 'chat_template.jinja'), llama31)
    writeFileSync(join(folder, 'generation_config.json'), JSON.stringify({ eos_token_id: [128001, 128008, 128009] }))
    const model = openText(folder)
    const [golden] = json('golden/chat_template_llama31.json')
    const text = model.render(golden.messages, { addGenerationPrompt: false })
    expect(text).toBe(golden.expected_text)
    expect(model.encode(text, { special: false })).toEqual(golden.expected_ids)
    expect(model.encodePrompt(golden.messages)).toEqual([...golden.expected_ids, 128006, 78191, 128007, 271])
    expect(model.encodeCompletion('How are you doing?')).toEqual([...model.encode('How are you doing?', { special: false }), 128009])
    expect(model.vocabSize).toBe(128256)
  })
})

describe.skipIf(!present)(title('stories260K'), () => {
  it('encodes its golden texts, byte fallback included', () => {
    const model = openText(join(assets, 'models/stories260K'))
    for (const { text, input_ids } of json('models/stories260K/golden.json').cases) {
      // The golden file keeps the first 28 tokens of its longest text.
      const ids = model.encodePrompt(text)
      expect(ids.slice(0, input_ids.length)).toEqual(input_ids)
      expect(ids.length === input_ids.length || input_ids.length === 28).toBe(true)
      expect(model.decode(ids, { skipSpecial: true })).toBe(text)
    }
    expect(model.encode('ä', { special: false }).slice(-2)).toEqual([0xc3 + 3, 0xa4 + 3])
    expect(model.decode(model.encodePrompt('Tim 🧀'), { skipSpecial: true })).toBe('Tim 🧀')
    expect(model).toMatchObject({ vocabSize: 512, eosIds: [2], bosId: 1, hasTemplate: false })
  })
})

describe.skipIf(!present)(title('published chat templates'), () => {
  it.each(['qwen2.5', 'qwen3', 'smollm3'])('%s renders, and its completion begins behind the generation prompt', (name) => {
    const folder = temporaryFolder('template')
    const jinja = join(assets, 'tokenizers', name, 'chat_template.jinja')
    const template = existsSync(jinja) ? readFileSync(jinja, 'utf8') : json(`tokenizers/${name}/tokenizer_config.json`).chat_template
    writeFileSync(join(folder, 'chat_template.jinja'), template)
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(byteLevelTokenizer()))
    writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ eos_token: '<|im_end|>' }))
    const model = openText(folder)
    const prompt = [{ role: 'system' as const, content: 'Be brief.' }, { role: 'user' as const, content: '2+2?' }]
    expect(model.render(prompt, { addGenerationPrompt: true })).toMatch(/2\+2\?<\|im_end\|>\n<\|im_start\|>assistant\n$/)
    const { ids, completionStart } = model.encodeExample(prompt, 'hello')
    const think = name === 'qwen3' ? '<think>\n\n</think>\n\n' : ''
    expect(model.decode(ids.slice(completionStart), { skipSpecial: false })).toBe(`${think}hello<|im_end|>`)
  })
})
