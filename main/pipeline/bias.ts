/** The bias panel of one iteration, from stored figures. */
import { setImmediate } from 'node:timers/promises'
import type { BiasView } from '../../preload/contract/requests/bias.ts'
import { type BiasedPrompt, byAnswer, byLength, byPrevious, byReward, lengthCorrelation, longerChosen, pairwiseAgreement, positionCounts, sidesOf } from '../cream/bias.ts'
import { distinctN, meanRepeated } from '../cream/repetition.ts'
import type { Database } from '../store/database.ts'
import type { Iteration } from '../store/iterations.ts'
import { textOf } from '../store/texts.ts'
import { type RankedIteration, rankedIteration } from './rank-view.ts'

/** Repetition is counted over so many prompts, evenly taken: more would not move it. */
const REPETITION_PROMPTS = 2000
const CHUNK = 100
const BINS = 20

/** Null before the stage `pair` is done. */
export async function biasOf(db: Database, iteration: Iteration): Promise<BiasView | null> {
  const ranked = rankedIteration(db, iteration)
  if (!ranked?.outcomes) return null
  const prompts = biasedPrompts(ranked)
  const sides = sidesOf(prompts)
  const mean = (values: readonly number[]): number | null => (values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length)
  const places = 1 + Math.max(0, ...prompts.flatMap(({ responses }) => responses.map(({ position }) => position)))
  return {
    iterationId: iteration.id,
    pairs: sides.length,
    length: {
      longerChosen: longerChosen(prompts),
      meanChosen: mean(sides.map(([chosen]) => chosen.tokens)),
      meanRejected: mean(sides.map(([, rejected]) => rejected.tokens)),
      rewardCorrelation: lengthCorrelation(prompts, 'rewards'),
      previousCorrelation: lengthCorrelation(prompts, 'previous'),
      histogram: histogramOf(sides.map(([chosen]) => chosen.tokens), sides.map(([, rejected]) => rejected.tokens)),
    },
    position: { ...mutable(positionCounts(prompts, places)) },
    repetition: await repetitionOf(db, ranked),
    longerBaseline: {
      withCurrent: pairwiseAgreement(prompts, byLength, byReward),
      withPrevious: pairwiseAgreement(prompts, byLength, byPrevious),
      withGold: pairwiseAgreement(prompts, byLength, byAnswer),
      currentWithGold: pairwiseAgreement(prompts, byReward, byAnswer),
    },
  }
}

export function biasedPrompts({ prompts, outcomes }: RankedIteration): BiasedPrompt[] {
  return prompts.map(({ promptId, responses, rewards, previous }) => {
    const outcome = outcomes?.get(promptId)
    const placeOf = (id: string): number => responses.findIndex((response) => response.id === id)
    return { responses, rewards, previous, ...(outcome?.kind === 'pair' ? { chosen: placeOf(outcome.chosenId), rejected: placeOf(outcome.rejectedId) } : { chosen: null, rejected: null }) }
  })
}

const mutable = ({ chosen, rejected, distinct, pValue }: ReturnType<typeof positionCounts>): BiasView['position'] => ({ chosen: [...chosen], rejected: [...rejected], distinct: [...distinct], pValue })

/** Whole-token bins of one width over what either side has. */
function histogramOf(chosen: readonly number[], rejected: readonly number[]): BiasView['length']['histogram'] {
  const all = [...chosen, ...rejected]
  if (all.length === 0) return { edges: [0, 1], chosen: [0], rejected: [0] }
  const [low, high] = all.reduce(([least, most], tokens) => [Math.min(least, tokens), Math.max(most, tokens)], [Infinity, 0])
  const width = Math.max(1, Math.ceil((high + 1 - low) / BINS))
  const bins = Math.ceil((high + 1 - low) / width)
  const count = (tokens: readonly number[]): number[] => {
    const counts = Array<number>(bins).fill(0)
    for (const one of tokens) counts[Math.floor((one - low) / width)]!++
    return counts
  }
  return { edges: Array.from({ length: bins + 1 }, (_, i) => low + i * width), chosen: count(chosen), rejected: count(rejected) }
}

/** In chunks, so that main's loop turns in between. */
async function repetitionOf(db: Database, { prompts, outcomes }: RankedIteration): Promise<BiasView['repetition']> {
  const step = Math.max(1, prompts.length / REPETITION_PROMPTS)
  const taken = Array.from({ length: Math.min(prompts.length, REPETITION_PROMPTS) }, (_, i) => prompts[Math.floor(i * step)]!)
  const texts: Record<'all' | 'chosen' | 'rejected', string[]> = { all: [], chosen: [], rejected: [] }
  for (const [i, { promptId, responses }] of taken.entries()) {
    const outcome = outcomes!.get(promptId)
    for (const { id } of responses) {
      const text = textOf(db, id)!
      texts.all.push(text)
      if (outcome?.kind === 'pair' && outcome.chosenId === id) texts.chosen.push(text)
      if (outcome?.kind === 'pair' && outcome.rejectedId === id) texts.rejected.push(text)
    }
    if (i % CHUNK === CHUNK - 1) await setImmediate()
  }
  const figures = async <Figure>(of: (texts: readonly string[]) => Figure): Promise<Record<keyof typeof texts, Figure>> => {
    const found: Partial<Record<keyof typeof texts, Figure>> = {}
    for (const side of ['all', 'chosen', 'rejected'] as const) {
      found[side] = of(texts[side])
      await setImmediate()
    }
    return found as Record<keyof typeof texts, Figure>
  }
  return { distinctN: await figures((side) => [1, 2, 3].map((n) => distinctN(side, n))), repeated: await figures((side) => meanRepeated(side)) }
}
