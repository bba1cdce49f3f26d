/** What an iteration's responses are like, in figures. */
import type { SampleSummary } from '../../preload/contract/requests/sample.ts'
import { sampleFigures, shareFigures } from '../store/browse.ts'
import type { Database } from '../store/database.ts'
import type { Iteration } from '../store/iterations.ts'

export function summariseSamples(db: Database, { id, runId, t }: Iteration): SampleSummary {
  const { responses, prompts: sampled, truncated, meanTokens, distinct, correct, known } = sampleFigures(db, id)
  return {
    ...shareFigures(db, runId, t), sampled, responses, truncated, meanTokens,
    meanDistinct: sampled === 0 ? null : distinct / sampled,
    accuracy: known === 0 ? null : correct / known,
  }
}
