/** What a person calls a stage of an iteration. */
import type { Stage } from '../../preload/contract/domain.ts'
import { branchOf, modelName, producedModelId } from '../store/ids.ts'
import type { Iteration } from '../store/iterations.ts'

/** What tells one iteration from another: its models. */
export type Named = Pick<Iteration, 'id' | 't' | 'policyModelId' | 'previousModelId' | 'baseModelId'>

/** "M2", in a branch "M2·b": what the iteration makes, made or not. */
export const producedName = ({ id }: Pick<Named, 'id'>): string => modelName(producedModelId(id))

interface Names {
  readonly measuresPolicy: boolean
  readonly policy: string
  readonly previous: string
  readonly base: string
  readonly produced: string
}

const titles: Readonly<Record<Stage, (names: Names) => string>> = {
  tune: ({ policy, produced }) => `tuning ${policy} into ${produced} (SFT)`,
  sample: ({ policy }) => `sampling responses from ${policy}`,
  score: ({ policy, previous, base }) => `scoring under ${previous === base ? policy : `${policy}, ${previous}`} and ${base}`,
  rank: ({ policy, previous }) => `ranking by ${policy} and ${previous}`,
  pair: () => 'choosing pairs',
  audit: () => 'spot-check',
  train: ({ policy, produced }) => `training ${policy} into ${produced} (DPO)`,
  evaluate: ({ measuresPolicy, policy, produced }) => (measuresPolicy ? `evaluating ${policy} and ${produced}` : `evaluating ${produced}`),
  export: () => 'exporting',
}

export function titleOf(stage: Stage, iteration: Named): string {
  const { id, t, policyModelId, previousModelId, baseModelId } = iteration
  return titles[stage]({ measuresPolicy: t === 0 && branchOf(id) === 0, policy: modelName(policyModelId), previous: modelName(previousModelId ?? baseModelId), base: modelName(baseModelId), produced: producedName(iteration) })
}
