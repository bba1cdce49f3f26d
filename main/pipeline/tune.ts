/** Stage `tune`: SFT of M0 on the seed set D_S gives M1 (METHOD §2.1). */
import type { RunConfig } from '../../preload/contract/config.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { planMicroBatches } from '../engine/batches.ts'
import type { Sequence, TrainingParams } from '../engine/protocol.ts'
import { type StageContext, configOf } from './context.ts'
import { optimise } from './optimise.ts'
import { producedName } from './titles.ts'

export async function tune(context: StageContext): Promise<string> {
  const { sft: hyper } = configOf(context)
  const { sequences, left } = await readExamples(context)
  await optimise(context, {
    loss: sftOf(configOf(context)),
    hyper,
    examples: sequences.length,
    microBatches: (members) => planMicroBatches(lengthsOf(members.map((i) => sequences[i]!)), 1).map(({ members: rows, shape }) => ({ sequences: rows.map((row) => sequences[members[row]!]!), shape })),
    metrics: () => ({}),
  })
  return `${producedName(context.iteration)} from ${sequences.length} examples${left ? `, ${left} left out` : ''}`
}

export const sftOf = ({ tuning }: Pick<RunConfig, 'tuning'>): TrainingParams['objective'] => ({ kind: 'sft', dropout: tuning.kind === 'lora' ? tuning.dropout : undefined })

/** The examples as tokens, in file order. Without a seed set there are none, and M1 equals M0 (the oracle's round 1 allows it). */
async function readExamples(context: StageContext): Promise<{ sequences: Sequence[]; left: number }> {
  const { data } = configOf(context)
  if (data.sft === undefined) return { sequences: [], left: 0 }
  const { taken, rejected } = await context.sandbox.readSft(data.sft, data.sftLimit === undefined ? {} : { limit: data.sftLimit })
  const encoded = await context.text.encodeExamples(taken.map(({ prompt, response }) => ({ prompt, response })), { maxLength: context.contextLength })
  const usable = encoded.flatMap((one) => ('rejected' in one ? [] : [one]))
  if (usable.length === 0) throw new AppError('bad-data', `No example of ${data.sft} can be used: all ${taken.length} have an empty response or a prompt longer than ${context.contextLength} tokens; use shorter examples or a larger maxLength.`)
  const sequences = usable.map(({ ids, completionStart }) => ({ promptIds: Int32Array.from(ids.slice(0, completionStart)), completionIds: Int32Array.from(ids.slice(completionStart)) }))
  const left = rejected.length + taken.length - usable.length
  const cut = usable.filter(({ dropped }) => dropped > 0).length
  if (left > 0) context.emit({ kind: 'notice', message: `${left} examples of ${data.sft} are left out: unusable rows, empty responses, or prompts of more than ${context.contextLength} tokens.` })
  if (cut > 0) context.emit({ kind: 'notice', message: `${cut} responses of ${data.sft} are cut to ${context.contextLength} tokens; they end without EOS.` })
  return { sequences, left }
}

export const lengthsOf = (sequences: readonly Sequence[]): { promptTokens: number; completionTokens: number }[] =>
  sequences.map(({ promptIds, completionIds }) => ({ promptTokens: promptIds.length, completionTokens: completionIds.length }))
