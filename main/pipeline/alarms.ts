/** Reads what the alarms of METHOD §8 look at, round by round. */
import type { Alarm } from '../../preload/contract/requests/alarm.ts'
import { type RoundSigns, type Speech, type Tenth, type TrainingSigns, findAlarms } from '../cream/alarms.ts'
import { longerChosen } from '../cream/bias.ts'
import { distinctN, meanRepeated, similarity } from '../cream/repetition.ts'
import { compareItems } from '../evaluate/scoring.ts'
import { sampleFigures } from '../store/browse.ts'
import type { Database } from '../store/database.ts'
import { itemSharesOf } from '../store/evaluations.ts'
import { type Iteration, childrenOf } from '../store/iterations.ts'
import { stagesOf } from '../store/stages.ts'
import { answerTexts, firstTexts, textOf } from '../store/texts.ts'
import { type TrainingStep, trainingStepsOf } from '../store/training.ts'
import { biasedPrompts } from './bias.ts'
import { type RankedIteration, rankedIteration } from './rank-view.ts'
import { rewardAccuracyOf } from './report.ts'

/** Texts that repetition and likeness are counted over; more would not move them. */
const TEXTS = 1000

/** Of these rounds, or of those among them that `only` names; worst first, later rounds first. */
export function alarmsOf(db: Database, iterations: readonly Iteration[], only?: string): Alarm[] {
  const signs = new Map<string, RoundSigns>()
  const signsOf = (iteration: Iteration): RoundSigns => {
    let known = signs.get(iteration.id)
    if (!known) signs.set(iteration.id, (known = readSigns(db, iteration)))
    return known
  }
  const order: readonly Alarm['severity'][] = ['danger', 'warning', 'info']
  return iterations.filter(({ t, id }) => t > 0 && (only === undefined || id === only)).flatMap((iteration) => {
    const parent = iterations.find(({ id, t }) => id === iteration.parentId && t > 0)
    return findAlarms(signsOf(iteration), parent ? signsOf(parent) : null).map((finding): Alarm => ({ ...finding, iterationId: iteration.id, t: iteration.t }))
  }).sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity) || b.t - a.t)
}

export function readSigns(db: Database, iteration: Iteration): RoundSigns {
  const { t, policyModelId, producedModelId } = iteration
  const { responses, truncated, meanTokens } = sampleFigures(db, iteration.id)
  const ranked = rankedIteration(db, iteration)
  const known = ranked?.prompts.flatMap(({ consistency }) => consistency ?? []) ?? []
  return {
    t,
    truncated: responses === 0 ? null : truncated / responses,
    meanTokens,
    consistency: ranked?.set.meanConsistency ?? null,
    belowHalf: known.length === 0 ? null : known.filter((c) => c < 0.5).length / known.length,
    agreement: known.length === 0 ? null : mean(ranked!.prompts.flatMap(({ agreement: { value } }) => value ?? [])),
    rewardAccuracy: ranked && rewardAccuracyOf(ranked.prompts),
    longerChosen: ranked?.outcomes ? longerChosen(biasedPrompts(ranked)) : null,
    ...(ranked ? sidesOf(db, ranked) : { margin: null, likeness: null }),
    accuracy: producedModelId === null ? null : accuracyOf(db, policyModelId, producedModelId),
    speech: producedModelId === null ? null : speechOf(db, iteration, producedModelId),
    training: trainingOf(db, iteration.id),
  }
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

function sidesOf(db: Database, { outcomes }: RankedIteration): Pick<RoundSigns, 'margin' | 'likeness'> {
  const pairs = [...(outcomes?.values() ?? [])].flatMap((outcome) => (outcome.kind === 'pair' ? [outcome] : []))
  if (pairs.length === 0) return { margin: null, likeness: null }
  return {
    margin: mean(pairs.map(({ margin }) => margin)),
    likeness: mean(evenly(pairs).map(({ chosenId, rejectedId }) => similarity(textOf(db, chosenId)!, textOf(db, rejectedId)!))),
  }
}

const evenly = <T>(all: readonly T[]): T[] => Array.from({ length: Math.min(all.length, TEXTS) }, (_, i) => all[Math.floor((i * all.length) / Math.min(all.length, TEXTS))]!)

/** Question by question over all tasks; sampled answers where there are any, as these have the smaller error. */
function accuracyOf(db: Database, before: string, after: string): RoundSigns['accuracy'] {
  for (const decoding of ['sampled', 'greedy'] as const) {
    const [first, second] = [itemSharesOf(db, before, decoding), itemSharesOf(db, after, decoding)]
    const common = [...first.keys()].filter((item) => second.has(item))
    if (common.length < 2) continue
    const only = (shares: ReadonlyMap<string, number>): Map<string, number> => new Map(common.map((item) => [item, shares.get(item)!]))
    const { standardError } = compareItems(only(first), only(second))
    return { before: mean([...only(first).values()]), after: mean([...only(second).values()]), standardError: standardError! }
  }
  return null
}

/** By the answers to the held-out questions where both models have them, else by the responses of this round and the next. */
function speechOf(db: Database, { id, policyModelId }: Iteration, producedModelId: string): RoundSigns['speech'] {
  for (const decoding of ['sampled', 'greedy'] as const) {
    const speech = compareSpeech(answerTexts(db, policyModelId, decoding, TEXTS), answerTexts(db, producedModelId, decoding, TEXTS))
    if (speech) return speech
  }
  const next = childrenOf(db, id)[0]
  return next ? compareSpeech(firstTexts(db, id, TEXTS), firstTexts(db, next.id, TEXTS)) : null
}

/** distinct-n falls with the amount of text, so both sides have as many texts. */
function compareSpeech(before: readonly string[], after: readonly string[]): RoundSigns['speech'] {
  const count = Math.min(before.length, after.length)
  const of = (texts: readonly string[]): Speech | null => {
    const distinct2 = distinctN(texts.slice(0, count), 2)
    return distinct2 === null ? null : { distinct2, repeated4: meanRepeated(texts.slice(0, count)) ?? 0 }
  }
  const [first, second] = [of(before), of(after)]
  return first && second ? { before: first, after: second } : null
}

function trainingOf(db: Database, iterationId: string): TrainingSigns | null {
  const stage = stagesOf(db, iterationId).find((row) => row.stage === 'train')
  const steps = stage ? trainingStepsOf(db, stage.id) : []
  if (steps.length === 0) return null
  const tenth = Math.ceil(steps.length / 10)
  return { firstLoss: steps[0]!.metrics['loss']!, first: tenthOf(steps.slice(0, tenth)), last: tenthOf(steps.slice(-tenth)) }
}

function tenthOf(steps: readonly TrainingStep[]): Tenth {
  const of = (key: string): number => mean(steps.map(({ metrics }) => metrics[key]!))
  return { accuracies: of('rewards/accuracies'), logpsChosen: of('logps/chosen'), logpsRejected: of('logps/rejected') }
}
