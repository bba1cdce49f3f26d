/** What a project will take on disk: rows by what a small run's took, models by their weights. */
import type { EstimatePart } from '../../../preload/contract/requests/estimate.ts'
import type { Footprint } from '../../engine/protocol.ts'
import type { WorkPlan } from './plan.ts'
import type { StoreCosts } from './store-costs.ts'
import type { Workload } from './workload.ts'

export interface DiskNeed {
  readonly totalBytes: number
  readonly perRoundBytes: number
  readonly passingBytes: number
  readonly parts: EstimatePart[]
}

/** The finished project, and what passes through it. Two training checkpoints are kept, and a third is written before one goes. */
export function diskOf(work: Workload, plan: WorkPlan, { trainable, parameters }: Footprint, costs: StoreCosts): DiskNeed {
  const { config, prompts, questions } = work
  const { tuning, evaluation, device } = config
  const models = plan.rounds.length + (plan.tune.length > 0 ? 1 : 0)
  const modelBytes = 4 * trainable
  const answers = questions.length * (1 + evaluation.samples)
  const sampled = plan.rounds.reduce((sum, round) => sum + round.prompts, 0)
  // Round 1 has two judges, later ones three.
  const scored = plan.rounds.reduce((sum, round, i) => sum + round.prompts * (i === 0 ? 1 : 1.5), 0)
  const steps = plan.tune.length + plan.rounds.reduce((sum, { train }) => sum + train.length, 0)
  const part = (what: string, count: number, each: number, of: string): EstimatePart => ({ what, bytes: Math.round(count * each), formula: `${Math.round(count).toLocaleString('en')} ${of} × ${Math.round(each).toLocaleString('en')} B` })
  const parts = [
    { what: 'empty database', bytes: costs.emptyBytes, formula: 'tables and indexes without rows' },
    part('prompts', prompts, costs.prompt.bytes, 'prompts'),
    part('responses', sampled, costs.sample.bytes, `prompts with ${config.sampling.responses} responses`),
    part('scores', scored, costs.score.bytes, 'prompts under two judges'),
    part('rankings, pairs and labels', sampled, costs.rank.bytes + costs.pair.bytes, 'prompts'),
    part('answers', answers * (models + 1), costs.answer.bytes, 'answers'),
    part('training steps', steps, costs.step.bytes, 'steps'),
    part(tuning.kind === 'lora' ? 'adapters' : 'models', models, modelBytes, tuning.kind === 'lora' ? 'adapters in float32' : 'whole models in float32'),
  ]
  const last = plan.rounds.at(-1)!
  return {
    parts,
    totalBytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    perRoundBytes: Math.round(last.prompts * (costs.sample.bytes + 1.5 * costs.score.bytes + costs.rank.bytes + costs.pair.bytes) + answers * costs.answer.bytes + last.train.length * costs.step.bytes + modelBytes),
    passingBytes: Math.max(3 * 12 * trainable, device === 'cpu' ? 4 * parameters : 0),
  }
}
