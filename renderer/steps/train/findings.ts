/** What the training's charts say in words: each title is the finding of its last steps. */
import type { CurvePoint } from '../../../preload/contract/requests/figures.ts'
import { share, signed } from '../../state/words.ts'

/** Mean of a metric over the last fifth of the steps, at least three; null without any. */
export function lately(points: readonly CurvePoint[], metric: string): number | null {
  const recent = points.slice(-Math.max(3, Math.ceil(points.length / 5))).flatMap(({ metrics }) => (metrics[metric] === undefined ? [] : [metrics[metric]]))
  return recent.length === 0 ? null : recent.reduce((sum, value) => sum + value, 0) / recent.length
}

export function excessTitle(points: readonly CurvePoint[]): string {
  const [loss, floor] = [lately(points, 'loss'), lately(points, 'loss_floor')]
  if (loss === null || floor === null) return 'Loss above its floor'
  const [first] = points
  const start = first!.metrics['loss']! - first!.metrics['loss_floor']!
  const now = loss - floor
  return `The loss is ${share(now, 3)} above its floor (${now < start ? 'down' : 'up'} from ${share(start, 3)})`
}

export function rewardsTitle(points: readonly CurvePoint[]): string {
  const margin = lately(points, 'rewards/margins')
  if (margin === null) return 'Rewards of chosen and rejected'
  return margin > 0 ? `Chosen responses lead by a margin of ${signed(margin, 3)}` : `Chosen responses do not lead yet (margin ${signed(margin, 3)})`
}

export function logpsTitle(points: readonly CurvePoint[]): string {
  const [first] = points
  const [chosen, rejected] = [lately(points, 'logps/chosen'), lately(points, 'logps/rejected')]
  if (!first || chosen === null || rejected === null) return 'Log-probabilities of chosen and rejected'
  const moved = (now: number, metric: string): string => signed(now - first.metrics[metric]!, 2)
  return `Log-probabilities: chosen ${moved(chosen, 'logps/chosen')}, rejected ${moved(rejected, 'logps/rejected')} nats since step 1`
}

export function gradientTitle(points: readonly CurvePoint[], clip: number | null): string {
  const norm = lately(points, 'grad_norm')
  if (norm === null) return 'Gradient norm'
  return clip !== null && norm > clip ? `The gradient norm is ${norm.toFixed(2)} and is clipped to ${clip}` : `The gradient norm is ${norm.toFixed(2)}`
}
