/** Exported GGUF files in llama.cpp (node-llama-cpp's prebuilt binary), on the CPU. */
import { JinjaTemplateChatWrapper, type LlamaModel, type Token } from 'node-llama-cpp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { texts } from '../../main/export/proof/prompts.ts'
import type { GgufPrecision } from '../../preload/contract/requests/export.ts'
import { type Subject, aligned, conversations, exported, greedy, logits, stories, storiesAreHere } from './fixture.ts'
import { continued, loadGguf, logProbabilities, worstOf } from './llama.ts'

const precisions: GgufPrecision[] = ['f32', 'f16', 'q8_0']
/** How far a log-probability may be off, in nats, where llama.cpp's is above −20. Seen: 1.7e-5, 0.015 and 0.41; for q8_0 it rounds activations to 8 bits too. */
const bounds: Readonly<Record<GgufPrecision, number>> = { f32: 1e-4, f16: 0.05, q8_0: 0.8 }

describe.each([
  ['stories260K', storiesAreHere, stories, ['Once upon a time', 'Lily and Tom went to the', 'The dog']],
  ['the bundled model, aligned', true, aligned, ['47 + 79', 'Min? A1 B2 C6 D0', 'Sort gzmw']],
] as const)('%s', (title, isHere, open, prompts) => {
  describe.skipIf(!isHere)('in llama.cpp', () => {
    let subject: Subject
    const models: Partial<Record<GgufPrecision, LlamaModel>> = {}
    let prompted: number[][]
    beforeAll(async () => {
      subject = await open()
      for (const precision of precisions) {
        const { path, proof } = await exported(subject, { format: 'gguf', precision }, `${title.replaceAll(/\W+/g, '-')}-${precision}`)
        expect(proof.checks.filter(({ passed }) => !passed)).toEqual([])
        models[precision] = await loadGguf(path)
      }
      const encoded = await subject.text.encodePrompts(subject.text.info.hasTemplate ? prompts.map((content) => [{ role: 'user' as const, content }]) : [...prompts])
      prompted = encoded.map((one) => ('ids' in one ? one.ids : []))
      expect(prompted.every((ids) => ids.length > 1)).toBe(true)
    })
    afterAll(async () => {
      for (const model of Object.values(models)) await model.dispose()
    })

    test('texts become the same tokens, and tokens the same text', async () => {
      const { f32: model } = models as { f32: LlamaModel }
      let compared = 0
      for (const text of texts) {
        const [ours] = await subject.text.encode([text], { special: false }).catch(() => [null])
        // llama.cpp leaves out what the source's vocabulary of characters does not hold
        if (!ours || (subject.text.info.hasTemplate && (await subject.text.decode([ours], { skipSpecial: true }))[0] !== text)) continue
        expect([...model.tokenize(text, false)], text).toEqual(ours)
        expect(model.detokenize(ours as Token[]).replace(/^ /, '')).toBe((await subject.text.decode([ours], { skipSpecial: true }))[0]!.replace(/^ /, ''))
        compared++
      }
      expect(compared).toBeGreaterThanOrEqual(2)
    })

    test('BOS and EOS are the source’s', async () => {
      const { f32: model } = models as { f32: LlamaModel }
      const { bosId, eosIds } = subject.text.info
      expect([model.tokens.bos, model.tokens.eos]).toEqual([bosId, eosIds[0]])
      const [special] = await subject.text.encode(['a'], { special: true })
      expect(model.tokens.shouldPrependBosToken).toBe(special![0] === bosId)
    })

    test('the chat template becomes the same tokens', async () => {
      const { f32: model } = models as { f32: LlamaModel }
      const template = model.fileInfo.metadata.tokenizer?.chat_template
      if (!subject.text.info.hasTemplate) return expect(template).toBeUndefined()
      const chat = new JinjaTemplateChatWrapper({ template: template!, tokenizer: model.tokenizer })
      for (const messages of conversations) {
        const chatHistory = [...messages.map(({ role, content }) => (role === 'assistant' ? { type: 'model' as const, response: [content] } : { type: 'user' as const, text: content })), { type: 'model' as const, response: [''] }]
        const { contextText } = chat.generateContextState({ chatHistory })
        const [ours] = await subject.text.encodePrompts([[...messages]])
        expect([...contextText.tokenize(model.tokenizer)]).toEqual('ids' in ours! ? ours.ids : null)
      }
    })

    test('f32: 64 greedy tokens and their text are the source’s', async () => {
      const { f32: model } = models as { f32: LlamaModel }
      for (const prompt of prompted) {
        const ours = await greedy(subject, prompt, 64, [])
        const theirs = await continued(model, prompt, 64)
        expect(theirs).toEqual(ours)
        expect(model.detokenize(theirs as Token[]).trim()).toBe((await subject.text.decode([ours], { skipSpecial: true }))[0]!.trim())
      }
    })

    test('f32: a response ends where the source’s ends', async () => {
      const { f32: model } = models as { f32: LlamaModel }
      const { hasTemplate, eosIds } = subject.text.info
      if (!hasTemplate) return expect(model.isEogToken(eosIds[0] as Token)).toBe(true) // stories260K never says its EOS
      for (const prompt of prompted) {
        const ours = await greedy(subject, prompt, 96, eosIds)
        expect(eosIds).toContain(ours.at(-1))
        const theirs = await continued(model, prompt, 96, { toItsEnd: true })
        expect(theirs).toEqual(ours.slice(0, -1))
      }
    })

    test.each(precisions)('%s: log-probabilities are the source’s within the bound', async (precision) => {
      let worst = 0
      for (const prompt of prompted) {
        const ids = [...prompt, ...(await greedy(subject, prompt, 32, []))]
        worst = Math.max(worst, worstOf(await logProbabilities(models[precision]!, ids), await logits(subject, ids), subject.vocabSize))
      }
      expect(worst).toBeLessThanOrEqual(bounds[precision])
    })
  })
})
