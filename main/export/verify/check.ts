/** All that follows in a bundle, from causes to effects. */
import { AppError } from '../../../preload/contract/errors.ts'
import { Differs, type Difference, type Evidence } from './evidence.ts'
import { checkLabels } from './labels.ts'
import { checkLineage } from './lineage.ts'
import { checkPairs } from './pairs.ts'
import { checkRankings } from './rankings.ts'
import { checkEvaluations, checkTraining } from './results.ts'
import { checkSamples } from './samples.ts'
import { checkSessions, type Paired } from './sessions.ts'

/** The first difference; null where every figure is what the raw rows make it. */
export function checkEvidence(evidence: Evidence): Difference | null {
  return differenceIn(() => {
    const { creamery, environment } = evidence
    if (environment.creamery !== creamery) throw new Differs({ file: 'environment.json', row: null, field: 'creamery', stored: JSON.stringify(environment.creamery), recomputed: JSON.stringify(creamery) })
    const { iterations, paired } = recompute(evidence)
    checkSessions(evidence, paired)
    const labels = checkLabels(evidence, paired)
    checkTraining(evidence, iterations, labels)
    checkEvaluations(evidence, iterations)
  })
}

/** Up to the pairs of every ranking set. @throws Differs */
export function recompute(evidence: Evidence): { iterations: ReturnType<typeof checkLineage>; paired: Paired[] } {
  const iterations = checkLineage(evidence)
  const ranked = checkRankings(evidence, iterations, checkSamples(evidence, iterations))
  const pairs = checkPairs(evidence, ranked)
  return { iterations, paired: ranked.map((one) => ({ ...one, pairs: pairs.get(one.set.id)! })) }
}

/** The method's own refusals (labels that would reverse, a verdict on no showing) are differences too: what was carried out once went through. */
export function differenceIn(work: () => void): Difference | null {
  try {
    work()
    return null
  } catch (error) {
    if (error instanceof Differs) return error.difference
    if (error instanceof AppError && (error.code === 'method-stopped' || error.code === 'internal' || error.code === 'bad-arguments')) {
      return { file: 'run.json', row: null, field: '', stored: 'settings and rows that were carried out', recomputed: error.message }
    }
    throw error
  }
}
