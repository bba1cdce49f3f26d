/** What a run will have to work on, in tokens: read from the model's headers and the data, before there is a project. */
import { hashCheckpoint } from '../../../native-models/weights/hash.ts'
import type { RunConfig } from '../../../preload/contract/config.ts'
import type { PromptInput } from '../../../preload/contract/domain.ts'
import type { Lengths } from '../../engine/batches.ts'
import type { Sandbox, SandboxText } from '../../sandbox/host.ts'
import { toPrompt } from '../../evaluate/tasks.ts'
import { checkModel } from '../open-model.ts'
import { requirePrompts, sharesOf } from '../plan-run.ts'
import { readItems } from '../questions.ts'

export interface Workload {
  readonly config: RunConfig
  readonly contextLength: number
  /** Of the model's folder. */
  readonly modelSha256: string
  /** The model's weights as they lie on disk. */
  readonly storedBytes: number
  readonly eosIds: readonly number[]
  /** SFT examples in file order. */
  readonly sft: readonly Lengths[]
  /** Prompts of iteration 1, 2, …: tokens of those that fit. */
  readonly shares: readonly (readonly number[])[]
  /** Prompts of the data set, too long ones included. */
  readonly prompts: number
  /** A few prompts, as stored and as tokens: what the probe samples from and disk is counted with. */
  readonly examples: readonly { readonly input: PromptInput; readonly ids: readonly number[]; readonly answer: string | null; readonly task: string | null }[]
  /** Held-out questions: tokens, and their names. */
  readonly questions: readonly number[]
  readonly tasks: readonly string[]
  /** Reading and tokenising them anew, as the stages `tune` and `evaluate` do. */
  readonly seconds: { readonly sft: number; readonly questions: number }
}

/** More than these are not tokenised for an estimate: lengths are then those of evenly spaced texts. */
const ENCODED = { texts: 5000, characters: 1_500_000 }
const EXAMPLES = 64

/** @throws AppError 'bad-data', 'bad-model', 'bad-text' with the reader's sentence */
export async function readWorkload(config: RunConfig, sandbox: Sandbox, text: SandboxText, clock: () => number): Promise<Workload> {
  const { data, evaluation } = config
  const contextLength = Math.min(config.maxLength, checkModel(config.model).maxPositions)
  const limited = (limit: number | undefined) => (limit === undefined ? {} : { limit })
  const checkpoint = await hashCheckpoint(config.model)

  const readSft = stopwatch(clock)
  const examples = data.sft === undefined ? [] : (await sandbox.readSft(data.sft, limited(data.sftLimit))).taken
  const sft = await spread(examples, async (some) => (await text.encodeExamples(some.map(({ prompt, response }) => ({ prompt, response })), { maxLength: contextLength }))
    .map((one) => ('rejected' in one ? null : { promptTokens: one.completionStart, completionTokens: one.ids.length - one.completionStart })), readSft)

  const { taken } = await sandbox.readPrompts(data.prompts, limited(data.promptsLimit))
  const idsOf = async (prompts: readonly PromptInput[]): Promise<(readonly number[])[]> => (await text.encodePrompts(prompts)).map((one) => ('ids' in one ? one.ids : []))
  const prompts = await spread(taken, async (some) => (await idsOf(some.map(({ prompt }) => prompt))).map((ids) => ids.length))
  const fits = (length: number): boolean => length > 0 && length < contextLength
  const dealt = sharesOf(taken.length, config)
  const shares = Array.from({ length: config.iterations }, (_, i) => prompts.filter((length, at) => dealt[at] === i + 1 && fits(length)))
  requirePrompts(config, { contextLength, prompts: taken.length }, (t) => shares[t - 1]!.length > 0)
  const few = evenly(taken, EXAMPLES)
  const fewIds = await idsOf(few.map(({ prompt }) => prompt))

  const readQuestions = stopwatch(clock)
  const items = (await Promise.all(data.evaluation.map(async (source) => (await readItems(source, sandbox)).items))).flat()
  const questions = await spread(items, async (some) => (await idsOf(some.map((item) => toPrompt(item, evaluation.suffix)))).map((ids) => ids.length), readQuestions)
  return {
    config, contextLength,
    modelSha256: checkpoint.sha256,
    storedBytes: checkpoint.files.filter(({ name }) => name.endsWith('.safetensors')).reduce((sum, { bytes }) => sum + bytes, 0),
    eosIds: text.info.eosIds,
    sft: sft.flatMap((one) => one ?? []),
    shares,
    prompts: taken.length,
    examples: few.flatMap(({ prompt: input, answer = null, task = null }, i) => (fits(fewIds[i]!.length) ? [{ input, ids: fewIds[i]!, answer, task }] : [])),
    questions: questions.filter(fits),
    tasks: [...new Set(items.map(({ task }) => task))],
    seconds: { sft: readSft.seconds(), questions: readQuestions.seconds() },
  }
}

/** At most `most` of them, evenly spaced. */
export function evenly<T>(all: readonly T[], most: number): T[] {
  const count = Math.min(all.length, most)
  return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)]!)
}

/** Measures some of them and gives every other the figure of the last measured one before it; `watch` counts the seconds of all. */
async function spread<T, Figure>(all: readonly T[], measure: (some: readonly T[]) => Promise<readonly Figure[]>, watch?: Stopwatch): Promise<Figure[]> {
  const characters = JSON.stringify(evenly(all, 100)).length / Math.min(100, all.length)
  const some = evenly(evenly(all, ENCODED.texts), Math.max(100, Math.floor(ENCODED.characters / characters)))
  watch?.lap(1)
  const measured = await measure(some)
  watch?.lap(all.length / Math.max(1, some.length))
  return all.map((_, i) => measured[Math.min(measured.length - 1, Math.floor((i * measured.length) / all.length))]!)
}

interface Stopwatch {
  /** Counts what passed since the last lap, so many times. */
  lap(times: number): void
  seconds(): number
}

function stopwatch(clock: () => number): Stopwatch {
  let [last, total] = [clock(), 0]
  return {
    lap(times) {
      const now = clock()
      total += times * (now - last)
      last = now
    },
    seconds: () => total,
  }
}
