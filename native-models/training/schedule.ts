/** Learning-rate schedules, as transformers' get_{constant,linear,cosine}_schedule_with_warmup. */
export type ScheduleKind = 'constant' | 'linear' | 'cosine'

/** Factor on the learning rate at optimiser step `step` (from 0): 0 at the first step of a warm-up, as in transformers. */
export function scheduleFactor(kind: ScheduleKind, step: number, warmupSteps: number, totalSteps: number): number {
  if (step < warmupSteps) return step / Math.max(1, warmupSteps)
  const decaySteps = Math.max(1, totalSteps - warmupSteps)
  switch (kind) {
    case 'constant': return 1
    case 'linear': return Math.max(0, (totalSteps - step) / decaySteps)
    case 'cosine': return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * ((step - warmupSteps) / decaySteps))))
  }
}

/** transformers' get_warmup_steps: the ratio of all steps, rounded up. */
export const warmupStepsOf = (ratio: number, totalSteps: number): number => Math.ceil(totalSteps * ratio)
