/** A tiny model of every other family against transformers, as the Llamas; and what each has of its own. */
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeGraph, prefillGraph } from '../../native-models/families/decoding.ts'
import { scoringGraph } from '../../native-models/training/graphs.ts'
import type { ModelConfig } from '../../native-models/weights/config.ts'
import { relativeError, runGraph } from '../run-graph.ts'
import { type Row, Goldens, batchOf, expectClose, goldenJson, goldenPath, loadModel, rowsOf } from './fixtures.ts'
import { logitsGraph } from './logits-graph.ts'
import { testParity } from './parity.ts'

const names = readdirSync(goldenPath('families')).sort()
const configs = Object.fromEntries(names.map((name) => [name, loadModel(goldenPath(`families/${name}`)).spec.config])) as Readonly<Record<string, ModelConfig>>

describe.each(names)('%s', (name) => testParity('families', name))

it('the goldens cover every family beside Llama, and the odd ones', () => {
  expect(new Set(Object.values(configs).map(({ architecture }) => architecture))).toEqual(new Set(['mistral', 'qwen2', 'qwen3', 'gemma2', 'gemma3_text', 'phi3']))
  const longest = Math.max(...rowsOf(new Goldens(`families/${names[0]}/golden.safetensors`)).map(({ tokens }) => tokens.length))
  const where = (is: (config: ModelConfig) => boolean): string[] => names.filter((name) => is(configs[name]!))
  expect(where(({ windows }) => windows.some((window) => window !== null && window < longest / 2))).toEqual(['gemma2', 'gemma3', 'mistral-window', 'phi3-window', 'qwen2-yarn'])
  expect(where(({ windows }) => new Set(windows).size > 1)).toEqual(['gemma2', 'gemma3', 'qwen2-yarn'])
  expect(where(({ headDim, hiddenSize, heads }) => headDim !== hiddenSize / heads)).toEqual(['gemma2', 'gemma3', 'mistral-window', 'qwen3-headdim'])
  expect(new Set(Object.values(configs).map(({ rope }) => rope.kind))).toEqual(new Set(['default', 'linear', 'dynamic', 'yarn']))
  expect(where(({ tied }) => tied)).toEqual(['gemma2', 'gemma3', 'qwen2-tied'])
  expect(where(({ logitCap, scoreCap }) => logitCap !== null && scoreCap !== null)).toEqual(['gemma2'])
})

// ── bits ───────────────────────────────────────────────────────────────────────────────────────────────────────────

describe.each(names)('%s: a token’s log-probability is the same, bit for bit,', (name) => {
  const { spec, weights } = loadModel(goldenPath(`families/${name}`))
  const rows = rowsOf(new Goldens(`families/${name}/golden.safetensors`))
  const logpsIn = async (list: readonly Row[], larger: { rows?: number; length?: number; positions?: number } = {}): Promise<number[]> => {
    const { positions } = batchOf(list).bucket
    const { bucket, feeds } = batchOf(list, { positions: Math.ceil(positions / 16) * 16, ...larger })
    const { logps } = await runGraph(scoringGraph({ ...spec, headChunk: 16 }, bucket), { ...weights, ...feeds })
    return Array.from(logps as Float32Array).slice(0, positions)
  }

  it('alone, padded, and in a larger batch', async () => {
    const logps = await logpsIn(rows)
    expect(await logpsIn(rows, { length: 33 })).toEqual(logps)
    expect(await logpsIn(rows, { rows: 5, length: 48, positions: 64 })).toEqual(logps)
    expect((await Promise.all(rows.map((row) => logpsIn([row])))).flat()).toEqual(logps)
  })
})

// Rotations are relative: tokens before all windows only move the rest along. With 300 tokens queries come in three blocks.
it.each(['mistral-window', 'phi3-window'])('%s: what lies before all windows does not matter, in any block of queries', async (name) => {
  const { spec, weights } = loadModel(goldenPath(`families/${name}`))
  const tokens = Array.from({ length: 300 }, (_, t) => 3 + ((t * 37) % 93))
  const { config: { layers, windows, vocabSize } } = spec
  const reach = layers * (windows[0]! - 1)
  const whole = (await runGraph(logitsGraph(spec, 1, tokens.length), { ...weights, tokens }))['logits'] as Float32Array
  for (const end of [100, 128, 200, 257, 300]) {
    const alone = (await runGraph(logitsGraph(spec, 1, reach + 8), { ...weights, tokens: tokens.slice(end - reach - 8, end) }))['logits'] as Float32Array
    expectClose(whole.slice((end - 8) * vocabSize, end * vocabSize), alone.slice(-8 * vocabSize), 1e-4, `${name}, the 8 tokens before ${end}`)
    const cut = (await runGraph(logitsGraph(spec, 1, reach), { ...weights, tokens: tokens.slice(end - reach, end) }))['logits'] as Float32Array
    expect(relativeError(cut.slice(-vocabSize), alone.slice(-vocabSize)), 'one token less is seen').toBeGreaterThan(1e-4)
  }
})

// ── decoding ───────────────────────────────────────────────────────────────────────────────────────────────────────

interface Greedy {
  readonly cases: readonly { readonly prompt: number[]; readonly completion: number[] }[]
}

describe.each(names)('%s: greedy text against the cache', (name) => {
  const { spec: { config }, weights } = loadModel(goldenPath(`families/${name}`))
  const { cases } = goldenJson<Greedy>(`families/${name}/greedy.json`)
  const rows = cases.length
  const capacity = 80

  it('is transformers’, token for token, with prompts of unlike lengths in one batch', async () => {
    const length = Math.max(...cases.map(({ prompt }) => prompt.length))
    const { kvHeads, headDim, layers } = config
    const feeds: Record<string, Float32Array | number[] | number> = { ...weights, inverseTemperature: 1 }
    const tokens = cases.flatMap(({ prompt }) => [...prompt, ...Array<number>(length - prompt.length).fill(0)])
    let read = await runGraph(prefillGraph(config, rows, length), { ...feeds, tokens, last: cases.map(({ prompt }, row) => row * length + prompt.length - 1) })

    for (let layer = 0; layer < layers; layer++) {
      const [keys, values] = [new Float32Array(rows * kvHeads * capacity * headDim), new Float32Array(rows * kvHeads * headDim * capacity)]
      for (let head = 0; head < rows * kvHeads; head++) {
        for (let t = 0; t < cases[Math.floor(head / kvHeads)]!.prompt.length; t++) {
          for (let d = 0; d < headDim; d++) {
            keys[(head * capacity + t) * headDim + d] = Number(read[`keys.${layer}`]![(head * length + t) * headDim + d])
            values[(head * headDim + d) * capacity + t] = Number(read[`values.${layer}`]![(head * length + t) * headDim + d])
          }
        }
      }
      Object.assign(feeds, { [`cache.keys.${layer}`]: keys, [`cache.values.${layer}`]: values })
    }
    const graph = decodeGraph(config, rows, capacity, 'whole')
    const texts = cases.map((): number[] => [])
    const choose = (): void => texts.forEach((text, row) => text.push(Number(read['ids']![row * config.vocabSize])))
    choose()
    for (let step = 0; step < cases[0]!.completion.length - 1; step++) {
      const filled = cases.map(({ prompt }) => prompt.length + step)
      read = await runGraph(graph, { ...feeds, tokens: texts.map((text) => text.at(-1)!), lengths: filled, filled, slots: Array.from({ length: capacity }, (_, slot) => slot) })
      for (let layer = 0; layer < layers; layer++) Object.assign(feeds, { [`cache.keys.${layer}`]: read[`keys.${layer}`], [`cache.values.${layer}`]: read[`values.${layer}`] })
      choose()
    }
    expect(texts).toEqual(cases.map(({ completion }) => completion))
  }, 120_000)
})
