/** Sampling through the engine process: greedy goldens, keys, stops, streams, adapters. */
import { existsSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { SampleEvent } from '../../main/engine/protocol.ts'
import { goldenJson } from '../golden/fixtures.ts'
import { golden, sampling, score, scratch, sequence, smallConfig, startEngine, textsOf, writeRandomModel } from './fixture.ts'

interface Greedy {
  readonly cases: readonly { readonly prompt: number[]; readonly completion: number[]; readonly stoppedBy?: 'eos' | 'length' }[]
}

const engine = startEngine()
const prompts = goldenJson<Greedy>('greedy/gqa-tied.json').cases.map(({ prompt }) => prompt)
const sampled = { samplingTemperature: 0.8, topP: 0.95 } as const

describe('greedy text', () => {
  test.each(['gqa-tied', 'llama3-rope'])('of %s is transformers’', async (name) => {
    const { cases } = goldenJson<Greedy>(`greedy/${name}.json`)
    const found = await engine.call('sample', sampling(golden(name), cases.map(({ prompt }) => prompt)))
    expect(textsOf(found)).toEqual(cases.map(({ completion }) => completion))
    expect(found.completions.map(({ finishReason }) => finishReason)).toEqual(['length', 'length', 'length'])
  })

  const stories = fileURLToPath(new URL('../../../shared/assets/models/stories260K', import.meta.url))
  test.skipIf(!existsSync(stories))('of stories260K is transformers’ (skipped where ../shared/assets is absent)', async () => {
    const { cases } = goldenJson<Greedy>('greedy/stories260K-greedy.json')
    const { eos_token_id: eos } = JSON.parse(readFileSync(`${stories}/config.json`, 'utf8')) as { eos_token_id: number }
    const found = await engine.call('sample', sampling({ folder: stories, adapter: null }, cases.map(({ prompt }) => prompt), { maxNewTokens: 64, eosIds: [eos] }))
    expect(textsOf(found)).toEqual(cases.map(({ completion }) => completion))
    expect(found.completions.map(({ finishReason }) => finishReason)).toEqual(cases.map(({ stoppedBy }) => stoppedBy))
  })

  test.each(['gqa-tied', 'mha-untied', 'gqa-biased', 'llama3-rope', 'headdim'])('of %s with a merged adapter is what the unmerged adapter finds likeliest at every token', async (name) => {
    const model = golden(name, true)
    const texts = textsOf(await engine.call('sample', sampling(model, prompts, { maxNewTokens: 24 })))
    const plain = textsOf(await engine.call('sample', sampling(golden(name), prompts, { maxNewTokens: 24 })))
    expect(texts, 'the adapter changes the text').not.toEqual(plain)
    // Every prefix with each of its 96 next tokens, under the adapter as it is scored: the sampled one wins.
    for (const [i, text] of texts.entries()) {
      for (const t of [0, 1, 11, 23]) {
        const prefix = [...prompts[i]!, ...text.slice(0, t)]
        const logps = (await score(engine, model, Array.from({ length: 96 }, (_, id) => sequence(prefix, [id])))).map((one) => one[0]!)
        expect(Math.max(...logps) - logps[text[t]!]!, `text ${i}, token ${t}`).toBeLessThanOrEqual(1e-5)
        expect(logps.reduce((sum, logp) => sum + Math.exp(logp), 0)).toBeCloseTo(1, 5)
      }
    }
  })
})

describe('cached decoding is the full forward pass', () => {
  test('each token drawn from a narrow top-p lies in the nucleus that scoring finds', async () => {
    const model = golden('gqa-tied', true)
    const texts = textsOf(await engine.call('sample', sampling(model, prompts, { samplingTemperature: 1, topP: 0.3, maxNewTokens: 32 })))
    for (const [i, text] of texts.entries()) {
      for (const t of [1, 15, 16, 31]) { // around a cache block's edge
        const prefix = [...prompts[i]!, ...text.slice(0, t)]
        const probabilities = (await score(engine, model, Array.from({ length: 96 }, (_, id) => sequence(prefix, [id])))).map((one) => Math.exp(one[0]!))
        const before = probabilities.filter((p) => p > probabilities[text[t]!]!).reduce((a, b) => a + b, 0)
        expect(before, `text ${i}, token ${t}`).toBeLessThan(0.3 + 1e-5)
      }
    }
  })
})

describe('one key, one response', () => {
  const model = golden('gqa-tied')
  const keys = Array.from({ length: 5 }, (_, i) => [7, i])

  test('whatever the batch around it: other rows, other prompts, more padding, a larger cache', async () => {
    const few = await engine.call('sample', sampling(model, [prompts[1]!], { ...sampled, rows: keys.map((key) => ({ prompt: 0, key })) }))
    const many = await engine.call('sample', sampling(model, prompts, {
      ...sampled,
      rows: [...keys.map((_, i) => ({ prompt: i % 3, key: [9, i] })), ...keys.map((key) => ({ prompt: 1, key }))],
      shape: { rows: 16, prompts: 4, promptLength: 48, capacity: 112 },
    }))
    expect(textsOf(many).slice(5)).toEqual(textsOf(few))
    expect(new Set(textsOf(few).map(String)).size, 'five keys, five texts').toBe(5)
  })

  test('alone in its batch as well', async () => {
    const five = textsOf(await engine.call('sample', sampling(model, [prompts[1]!], { ...sampled, rows: keys.map((key) => ({ prompt: 0, key })) })))
    for (const [i, key] of keys.entries()) {
      expect(textsOf(await engine.call('sample', sampling(model, [prompts[1]!], { ...sampled, rows: [{ prompt: 0, key }] })))[0]).toEqual(five[i])
    }
  })

  test('and another with another seed; the same again in a fresh engine', async () => {
    const params = sampling(model, prompts, { ...sampled })
    const first = textsOf(await engine.call('sample', params))
    expect(textsOf(await engine.call('sample', { ...params, seed: 12 }))).not.toEqual(first)
    expect(textsOf(await startEngine().call('sample', { ...params, threads: 2 }))).toEqual(first)
  })
})

describe('an end', () => {
  test('comes with any token of the EOS list, which is kept, while other rows go on', async () => {
    const model = golden('gqa-tied')
    const texts = textsOf(await engine.call('sample', sampling(model, prompts)))
    const eosIds = [texts[0]![7]!, texts[1]![3]!]
    const cut = (text: number[]): number[] => {
      const end = text.findIndex((id) => eosIds.includes(id))
      return end < 0 ? text : text.slice(0, end + 1)
    }
    const found = await engine.call('sample', sampling(model, prompts, { eosIds }))
    expect(textsOf(found)).toEqual(texts.map(cut))
    expect(new Set(textsOf(found).map((text) => text.length)).size, 'rows end at different times').toBeGreaterThan(1)
    expect(found.completions.map(({ finishReason }) => finishReason)).toEqual(texts.map((text) => (text.some((id) => eosIds.includes(id)) ? 'eos' : 'length')))
  })

  test('by length after exactly maxNewTokens, one included', async () => {
    for (const maxNewTokens of [1, 12]) {
      const { completions } = await engine.call('sample', sampling(golden('gqa-tied'), prompts, { maxNewTokens }))
      expect(completions.map(({ ids, finishReason }) => [ids.length, finishReason])).toEqual(Array(3).fill([maxNewTokens, 'length']))
    }
  })

  test('an EOS at the very last token is an EOS', async () => {
    const [text] = textsOf(await engine.call('sample', sampling(golden('gqa-tied'), [prompts[0]!])))
    const { completions } = await engine.call('sample', sampling(golden('gqa-tied'), [prompts[0]!], { maxNewTokens: 8, eosIds: [text![7]!] }))
    expect([completions[0]!.ids.length, completions[0]!.finishReason]).toEqual([8, 'eos'])
  })
})

test('streamed tokens are the result, and a cancellation between tokens is heard', async () => {
  const params = sampling(golden('gqa-tied'), prompts, { stream: true, eosIds: [8], rows: [0, 1, 2].map((prompt) => ({ prompt, key: [prompt] })) })
  const events: SampleEvent[] = []
  const result = await engine.call('sample', params, { onEvent: (event) => events.push(event) })
  expect(events.map(({ step }) => step)).toEqual(events.map((_, i) => i))
  expect([0, 1, 2].map((row) => events.map(({ ids }) => ids[row]!).filter((id) => id >= 0))).toEqual(textsOf(result))
  const stop = new AbortController()
  await expect(engine.call('sample', sampling(golden('gqa-tied'), prompts, { stream: true, maxNewTokens: 2000 }), { signal: stop.signal, onEvent: ({ step }) => step === 3 && stop.abort() })).rejects.toMatchObject({ code: 'cancelled' })
  expect(textsOf(await engine.call('sample', params))).toEqual(textsOf(result))
})

test('equal logits: greedy takes the lowest id', async () => {
  const folder = await writeRandomModel('equal', { ...smallConfig, vocab_size: 1000 }, 3, 0)
  expect(textsOf(await engine.call('sample', sampling({ folder, adapter: null }, [[3, 4, 5]], { maxNewTokens: 3 })))).toEqual([[0, 0, 0]])
})

test('a flat vocabulary beyond the candidates is drawn from everywhere', async () => {
  const folder = await writeRandomModel('flat', { ...smallConfig, vocab_size: 1000 }, 3, 0.001)
  const rows = Array.from({ length: 32 }, (_, i) => ({ prompt: 0, key: [i] }))
  for (const [topP, share] of [[0.999, 0.5], [1, 0.5]] as const) {
    const ids = textsOf(await engine.call('sample', sampling({ folder, adapter: null }, [[3, 4, 5]], { rows, samplingTemperature: 1, topP, maxNewTokens: 16 }))).flat()
    // 512 draws of nearly 1000 equal tokens: about 400 distinct, three quarters of them beyond the 256 likeliest of any step.
    expect(new Set(ids).size, `top-p ${topP}`).toBeGreaterThan(350)
    expect(ids.filter((id) => id >= 500).length / ids.length).toBeGreaterThan(share - 0.12)
    expect(ids.filter((id) => id >= 500).length / ids.length).toBeLessThan(share + 0.12)
  }
})

test('merged weights leave the disk with the sampling, with the engine, and after a kill with the next engine', async () => {
  const TMPDIR = mkdtempSync(join(scratch, 'tmp-'))
  const weights = (): string[] => readdirSync(TMPDIR).filter((name) => name.startsWith('creamery-engine-'))
  const params = sampling(golden('gqa-tied', true), prompts, { maxNewTokens: 2 })
  const own = startEngine({ env: { TMPDIR } })
  await own.call('sample', params)
  expect(weights()).toHaveLength(1)
  await own.call('sample', { ...params, model: golden('mha-untied') })
  expect(weights()).toHaveLength(1)
  await own.call('endSampling', {})
  expect(weights()).toEqual([])
  await own.call('sample', params)
  await own.close()
  expect(weights()).toEqual([])

  const killed = startEngine({ env: { TMPDIR } })
  await killed.call('sample', params)
  process.kill(killed.pid!, 'SIGKILL')
  await expect(killed.call('sample', params)).rejects.toMatchObject({ code: 'engine-died' })
  expect(weights()).toHaveLength(1)
  await killed.call('hello', {})
  expect(weights()).toEqual([])
})

describe('what does not fit is refused before anything is computed', () => {
  const model = golden('gqa-tied')
  const params = sampling(model, prompts)
  test.each([
    ['a prompt longer than the shape', { shape: { ...params.shape, promptLength: 8 } }, 'prompt 1'],
    ['a cache that cannot hold prompt and new tokens', { shape: { ...params.shape, capacity: 48 } }, '48 slots'],
    ['more rows than the shape', { shape: { ...params.shape, rows: 2 } }, '3 rows'],
    ['more prompts than the shape', { shape: { ...params.shape, prompts: 2 } }, '3 prompts'],
  ])('%s', async (_, change, words) => {
    await expect(engine.call('sample', { ...params, ...change })).rejects.toThrow(words)
  })
})
