/** Stage `rank`: two rankings of every prompt's responses, their agreement, and C (METHOD §2c, d). */
import type { FirstIterationRule } from '../../preload/contract/domain.ts'
import { type ResponseScores, judgesOf } from '../cream/judges.ts'
import { measuredTolerance } from '../cream/rewards.ts'
import { shapeOf } from '../engine/batches.ts'
import { iterationOf } from '../store/iterations.ts'
import { promptOf } from '../store/prompts.ts'
import { currentSetOf } from '../store/rankings.ts'
import { responsesOf } from '../store/responses.ts'
import { writeAside } from './aside.ts'
import { type StageContext, configOf, dbOf, modelRef, placeOf } from './context.ts'
import { type Tolerances, scoresUnder, storedScores } from './rank-scores.ts'

/** Responses re-scored to measure the noise that tells a tie from a difference. */
const NOISE_SAMPLE = 16

export async function rank(context: StageContext): Promise<string> {
  const { iteration } = context
  const { consistency: { firstIterationRule, tieTolerance } } = configOf(context)
  if (iterationOf(dbOf(context), iteration.id)!.setId === null) {
    const tolerances = tieTolerance === 'measured'
      ? await measureNoise(context, firstIterationRule)
      : { tolCurrent: tieTolerance, tolPrevious: tieTolerance, tolReward: tieTolerance }
    await writeAside(context.project, 'rankScores', { iterationId: iteration.id, tolerances })
  }
  return summary(context)
}

/**
 * The tie tolerance of each judge, in its own unit: how far a value moves when the same response is scored again in a
 * batch of another shape. On the CPU that is 0, bit for bit.
 */
async function measureNoise(context: StageContext, rule: FirstIterationRule): Promise<Tolerances> {
  const { iteration, engine, signal } = context
  const db = dbOf(context)
  const models = [...new Set([iteration.policyModelId, iteration.previousModelId!, iteration.baseModelId])]
  const stored: ResponseScores<string>[] = []
  const again: ResponseScores<string>[] = []
  for (const { id, promptId, tokenIds: completionIds } of responsesOf(db, iteration.id, NOISE_SAMPLE)) {
    const { tokenIds: promptIds } = promptOf(db, promptId)!
    const shape = shapeOf([{ promptTokens: promptIds.length, completionTokens: completionIds.length }], 2)
    const { perTokenLogps } = await engine.call('score', { ...placeOf(context), models: models.map((model) => modelRef(context, model)), sequences: [{ promptIds, completionIds }], shape }, { signal })
    stored.push(storedScores(db, iteration, id))
    again.push(scoresUnder(iteration, id, (model) => {
      const logps = perTokenLogps[models.indexOf(model)]![0]!.reduce((sum, value) => sum + value, 0)
      return { logps, meanLogps: logps / completionIds.length }
    }))
  }
  const [before, after] = [judgesOf(stored, iteration.t, rule), judgesOf(again, iteration.t, rule)]
  const noise = (first: ReadonlyMap<string, number>, second: ReadonlyMap<string, number>): number => measuredTolerance([...first.values()], [...second.values()])
  return { tolCurrent: noise(before.current.values, after.current.values), tolPrevious: noise(before.previous.values, after.previous.values), tolReward: noise(before.rewards, after.rewards) }
}

function summary(context: StageContext): string {
  const { meanConsistency: mean, chance } = currentSetOf(dbOf(context), context.iteration.id)!
  return mean === null ? 'no prompt has a consistency' : `C = ${mean.toFixed(3)} (chance ${(chance['meanC'] ?? 0.5).toFixed(3)} ± ${(chance['sdOfMeanC'] ?? 0).toFixed(3)})`
}
