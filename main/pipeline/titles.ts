/** What a person calls a stage of iteration t. */
import type { Stage } from '../../preload/contract/domain.ts'

const titles: Readonly<Record<Stage, (t: number) => string>> = {
  tune: () => 'tuning M0 into M1 (SFT)',
  sample: (t) => `sampling responses from M${t}`,
  score: (t) => `scoring under M${t}, M${t - 1} and M0`,
  rank: (t) => `ranking by M${t} and M${t - 1}`,
  pair: () => 'choosing pairs',
  audit: () => 'spot-check',
  train: (t) => `training M${t} into M${t + 1} (DPO)`,
  evaluate: (t) => (t === 0 ? 'evaluating M0 and M1' : `evaluating M${t + 1}`),
  export: () => 'exporting',
}

export const titleOf = (stage: Stage, t: number): string => titles[stage](t)
