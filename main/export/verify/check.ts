/** All that follows in a bundle, from causes to effects. */
import { AppError } from '../../../preload/contract/errors.ts'
import { Differs, type Difference, type Evidence, type Settled } from './evidence.ts'
import { checkLabels } from './labels.ts'
import { checkLineage } from './lineage.ts'
import { checkPairs } from './pairs.ts'
import { checkRankings } from './rankings.ts'
import { checkEvaluations, checkTraining } from './results.ts'
import { checkSamples } from './samples.ts'
import { checkSessions, type Paired } from './sessions.ts'

/** What the raw rows make, up to the pairs of every ranking set. */
export interface Recomputed {
  readonly iterations: readonly Settled[]
  readonly paired: readonly Paired[]
}

/** The first difference; null where every figure is what the raw rows make it. */
export const checkEvidence = (evidence: Evidence): Promise<Difference | null> => differenceIn(async () => checkResults(evidence, await recompute(evidence)))

/** From M0 to the pairs. @throws Differs */
export async function recompute(evidence: Evidence): Promise<Recomputed> {
  const { creamery, environment } = evidence
  if (environment.creamery !== creamery) throw new Differs({ file: 'environment.json', row: null, field: 'creamery', stored: JSON.stringify(environment.creamery), recomputed: JSON.stringify(creamery) })
  const iterations = checkLineage(evidence)
  const ranked = await checkRankings(evidence, iterations, await checkSamples(evidence, iterations))
  const pairs = await checkPairs(evidence, ranked)
  return { iterations, paired: ranked.map((one) => ({ ...one, pairs: pairs.get(one.set.id)! })) }
}

/** What people, gates, training and evaluation made of them. @throws Differs */
export async function checkResults(evidence: Evidence, { iterations, paired }: Recomputed): Promise<void> {
  checkSessions(evidence, paired)
  const labels = await checkLabels(evidence, paired)
  checkTraining(evidence, iterations, labels)
  checkEvaluations(evidence, iterations)
}

/** The method's own refusals (labels that would reverse, a verdict on no showing) are differences too: what was carried out once went through. */
export async function differenceIn(work: () => Promise<void> | void): Promise<Difference | null> {
  try {
    await work()
    return null
  } catch (error) {
    if (error instanceof Differs) return error.difference
    if (error instanceof AppError && (error.code === 'method-stopped' || error.code === 'internal' || error.code === 'bad-arguments')) {
      return { file: 'run.json', row: null, field: '', stored: 'settings and rows that were carried out', recomputed: error.message }
    }
    throw error
  }
}
