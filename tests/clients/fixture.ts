/** What the clients are given: two models, as they are exported, and what our own engine says of them. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import type { ModelRef } from '../../main/engine/protocol.ts'
import { EngineHost } from '../../main/engine/host.ts'
import { type Exported, exportModel } from '../../main/export/export.ts'
import { openSource } from '../../main/export/source.ts'
import { loadConfig } from '../../main/pipeline/config.ts'
import { modelRef } from '../../main/pipeline/context.ts'
import { carryOn } from '../../main/pipeline/runner.ts'
import { withNewRun } from '../../main/pipeline/session.ts'
import { type SandboxText, startSandbox } from '../../main/sandbox/host.ts'
import type { Message } from '../../preload/contract/domain.ts'
import type { ExportChoice } from '../../preload/contract/requests/export.ts'

export const scratch = mkdtempSync(join(tmpdir(), 'creamery-clients-'))
export const engine = EngineHost.start()
const sandbox = startSandbox()
afterAll(async () => {
  await Promise.all([engine.close(), sandbox.close()])
  rmSync(scratch, { recursive: true, force: true })
})

const assets = fileURLToPath(new URL('../../../shared/assets/models/stories260K', import.meta.url))
export const storiesAreHere = existsSync(join(assets, 'model.safetensors'))
if (!storiesAreHere) console.warn('stories260K is not in ../shared/assets/models: the clients do not load it')

export interface Subject {
  readonly ref: ModelRef
  readonly text: SandboxText
  readonly vocabSize: number
}

export const subjectOf = async (ref: ModelRef): Promise<Subject> => {
  const source = sourceOf(ref)
  const { vocabSize } = source.config
  source.close()
  return { ref, text: await sandbox.openText(ref.folder), vocabSize }
}

/** A Llama of 260 thousand parameters with a SentencePiece vocabulary and no chat template. */
export const stories = (): Promise<Subject> => subjectOf({ folder: assets, adapter: null })

/** The bundled model after SFT and one self-rewarding round over few prompts: it answers in its template and stops. */
export async function aligned(): Promise<Subject> {
  const config = loadConfig({ preset: 'ci', overrides: { iterations: 1, data: { sftLimit: 40, promptsLimit: 24, evaluation: [] } } })
  let ref: ModelRef | null = null
  const project = join(scratch, 'project')
  await withNewRun(project, config, { signal: new AbortController().signal, emit: () => {} }, async (context) => {
    await carryOn(context)
    ref = modelRef(context, `${context.run.id}.M2`)
  })
  return subjectOf(ref!)
}

/** A model without a project: its card has no history to tell. */
export const sourceOf = (ref: ModelRef): ReturnType<typeof openSource> => openSource({
  ref, run: { basePath: ref.folder }, model: { name: 'M2', kind: 'adapter', sha256: '0'.repeat(64) }, lineage: { project: 'clients', runId: 'run', seed: 0, base: { name: 'base', sha256: '0'.repeat(64) }, rounds: [], figures: [] },
} as unknown as Parameters<typeof openSource>[0])

/** Exported into the scratch folder under this name. */
export async function exported({ ref, text }: Subject, choice: ExportChoice, name: string): Promise<Exported> {
  const source = sourceOf(ref)
  try {
    return await exportModel(source, choice, join(scratch, name), { engine, place, text, openText: (folder) => sandbox.openText(folder), signal: new AbortController().signal, onPhase: () => {} })
  } finally {
    source.close()
  }
}

export const place = { device: 'cpu', weights: 'fp32', threads: 1 } as const

/** Our own greedy tokens, an ending EOS among them; without `eosIds` always so many. */
export async function greedy({ ref }: Subject, prompt: readonly number[], maxNewTokens: number, eosIds: readonly number[]): Promise<number[]> {
  const promptLength = Math.ceil(prompt.length / 16) * 16
  const { completions } = await engine.call('sample', {
    ...place, model: ref, prompts: [Int32Array.from(prompt)], rows: [{ prompt: 0, key: [0] }], shape: { rows: 1, prompts: 1, promptLength, capacity: promptLength + Math.ceil(maxNewTokens / 16) * 16 },
    seed: 1, samplingTemperature: 0, topP: 1, topK: 0, maxNewTokens, eosIds, stream: false,
  })
  return Array.from(completions[0]!.ids)
}

export const logits = async ({ ref }: Subject, ids: readonly number[]): Promise<Float32Array> => (await engine.call('logits', { ...place, model: ref, sequences: [Int32Array.from(ids)] })).logits[0]!

/** max |Δ|, and the largest of `ours`. */
export function deviation(ours: Float32Array, theirs: ArrayLike<number>): { worst: number; largest: number } {
  if (ours.length !== theirs.length) throw new Error(`lengths differ: ${ours.length} and ${theirs.length}`)
  let [worst, largest] = [0, 0]
  ours.forEach((logit, i) => {
    worst = Math.max(worst, Number.isNaN(theirs[i]!) ? Infinity : Math.abs(logit - theirs[i]!))
    largest = Math.max(largest, Math.abs(logit))
  })
  return { worst, largest }
}

export const conversations: readonly (readonly Message[])[] = [
  [{ role: 'user', content: '12 + 30' }],
  [{ role: 'user', content: 'What is 2 + 3?' }, { role: 'assistant', content: '5' }, { role: 'user', content: 'And 4 + 4?' }],
]
