/** Lets a model answer held-out questions: which go together, and how the answers are drawn. */
import type { FinishReason } from '../../preload/contract/domain.ts'
import { planSampling } from '../engine/batches.ts'
import type { EngineHost } from '../engine/host.ts'
import type { ModelRef, Place, SampleShape } from '../engine/protocol.ts'
import type { TaskItem } from './tasks.ts'

export interface Question {
  readonly item: TaskItem & { readonly task: string }
  readonly promptIds: Int32Array
}

export interface AnswerBatch {
  /** Places in the list of all questions. */
  readonly items: readonly number[]
  readonly shape: SampleShape
  readonly samples: number
  readonly maxNewTokens: number
}

export interface Answer {
  readonly item: number
  readonly sample: number
  readonly text: string
  readonly finishReason: FinishReason
}

export interface Answering extends Place {
  readonly engine: EngineHost
  readonly model: ModelRef
  readonly decode: (batch: readonly number[][]) => Promise<string[]>
  readonly eosIds: readonly number[]
  readonly seed: number
  /** 0 = greedy. */
  readonly samplingTemperature: number
  readonly signal: AbortSignal
}

/** Keeps the random numbers of evaluation apart from those of the stage `sample`. */
const EVALUATION_KEY = 0x65766c

/** `samples` answers to every question, within the context. */
export function planAnswers(questions: readonly Question[], samples: number, maxNewTokens: number, contextLength: number): AnswerBatch[] {
  return planSampling(questions.map(({ promptIds }) => promptIds.length), samples, maxNewTokens).map(({ members, shape }) => {
    const room = contextLength - Math.max(...members.map((i) => questions[i]!.promptIds.length))
    return { items: members, shape, samples, maxNewTokens: Math.min(maxNewTokens, room) }
  })
}

/** One batch. The random numbers belong to (question, sample), so two models meet the same ones. */
export async function answer(questions: readonly Question[], { items, shape, samples, maxNewTokens }: AnswerBatch, { engine, decode, signal, ...how }: Answering): Promise<Answer[]> {
  const rows = items.flatMap((item, prompt) => Array.from({ length: samples }, (_, sample) => ({ prompt, item, sample, key: [EVALUATION_KEY, item, sample] })))
  const { completions } = await engine.call('sample', {
    ...how, shape, maxNewTokens, topP: 1, topK: 0, stream: false,
    prompts: items.map((i) => questions[i]!.promptIds), rows: rows.map(({ prompt, key }) => ({ prompt, key })),
  }, { signal })
  const texts = await decode(completions.map(({ ids }) => [...ids]))
  return rows.map(({ item, sample }, i) => ({ item, sample, text: texts[i]!, finishReason: completions[i]!.finishReason }))
}
