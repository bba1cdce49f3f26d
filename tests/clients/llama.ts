/** llama.cpp as the clients use it: node-llama-cpp's prebuilt binary, on one thread of the CPU. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type LlamaModel, LlamaLogLevel, type Token, getLlama } from 'node-llama-cpp'
import { afterAll } from 'vitest'

const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, progressLogs: false, maxThreads: 1, logLevel: LlamaLogLevel.error })
afterAll(() => llama.dispose())

/** The one GGUF file of an exported folder. */
export const loadGguf = (folder: string): Promise<LlamaModel> => llama.loadModel({ modelPath: join(folder, readdirSync(folder).find((name) => name.endsWith('.gguf'))!), gpuLayers: 0 })

/** Its cache in F32, where llama.cpp's own is F16: what is compared is the file. */
const plain = { contextSize: 128, sequences: 1, flashAttention: false, experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32' } as const

/** Greedy tokens, at most so many; with `toItsEnd` until llama.cpp stops by itself, whose last token it keeps back. */
export async function continued(model: LlamaModel, prompt: readonly number[], most: number, { toItsEnd = false } = {}): Promise<number[]> {
  const context = await model.createContext(plain)
  const ids: number[] = []
  for await (const token of context.getSequence().evaluate([...prompt] as Token[], { temperature: 0, yieldEogToken: !toItsEnd })) {
    ids.push(token)
    if (ids.length >= most) break
  }
  await context.dispose()
  return ids
}

/** Per position of `ids`, of the next token, by token. */
export async function logProbabilities(model: LlamaModel, ids: readonly number[]): Promise<Map<number, number>[]> {
  const context = await model.createContext(plain)
  const read = await context.getSequence().controlledEvaluate(ids.map((id): [Token, { generateNext: { probabilities: true } }] => [id as Token, { generateNext: { probabilities: true } }]))
  await context.dispose()
  return read.map((position) => new Map([...position!.next.probabilities!].map(([token, p]) => [token, Math.log(p)])))
}

/** The largest difference of a log-probability above −20 from those that our logits [positions, vocabSize] mean. */
export function worstOf(theirs: readonly ReadonlyMap<number, number>[], ours: Float32Array, vocabSize: number): number {
  if (theirs.length * vocabSize !== ours.length) throw new Error(`${theirs.length} positions, but ${ours.length} logits`)
  return theirs.reduce((worst, found, position) => {
    const row = ours.subarray(position * vocabSize, (position + 1) * vocabSize)
    const most = row.reduce((a, b) => Math.max(a, b))
    const sum = Math.log(row.reduce((total, logit) => total + Math.exp(logit - most), 0)) + most
    const differences = [...found].flatMap(([token, logp]) => (logp > -20 ? [Math.abs(logp - (row[token]! - sum))] : []))
    return differences.length === 0 || differences.some(Number.isNaN) ? Infinity : Math.max(worst, ...differences)
  }, 0)
}
