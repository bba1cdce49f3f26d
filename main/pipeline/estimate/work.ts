/** Floating-point work of batches (ENGINE, "Cost model"): multiply-adds count as 2. */
import type { BatchShape, Footprint } from '../../engine/protocol.ts'

/** 2·P a token in the layers, 2·head a completion position, and causal attention: half of 4·width·length a token and layer. */
export function forwardWork({ parameters, head, layers, attentionWidth }: Footprint, { rows, length, positions }: BatchShape): number {
  const tokens = rows * length
  return 2 * (parameters - head) * tokens + 2 * head * positions + 2 * layers * attentionWidth * length * tokens
}

/** With an adapter over frozen weights only activations get gradients: twice a forward pass; with every weight trained thrice. */
export const stepWork = (footprint: Footprint, shape: BatchShape, tuning: 'lora' | 'full'): number => (tuning === 'lora' ? 2 : 3) * forwardWork(footprint, shape)

/** Prompts are read once, and only their last position goes through the head. */
export const prefillWork = (footprint: Footprint, prompts: number, promptLength: number): number => forwardWork(footprint, { rows: prompts, length: promptLength, positions: prompts })

/** Seconds = fixed + perFlop · work. */
export interface Line {
  readonly fixed: number
  readonly perFlop: number
}

export interface Timing {
  readonly work: number
  readonly seconds: number
}

export const secondsFor = ({ fixed, perFlop }: Line, work: number): number => fixed + perFlop * work

/** Through the smallest and the largest work timed; neither part below 0. One size alone, or two that hardly differ: all of it work. */
export function lineThrough(timings: readonly Timing[]): Line {
  const [first, last] = ends(timings)
  if (isOneSize(first, last)) return { fixed: 0, perFlop: last.seconds / last.work }
  const perFlop = Math.max(0, (last.seconds - first.seconds) / (last.work - first.work))
  const fixed = first.seconds - perFlop * first.work
  return fixed >= 0 ? { fixed, perFlop } : { fixed: 0, perFlop: last.seconds / last.work }
}

/** The same of opening graphs: where one size alone was timed, every shape takes as long. */
export function openingLine(timings: readonly Timing[]): Line {
  const [first, last] = ends(timings)
  return isOneSize(first, last) ? { fixed: last.seconds, perFlop: 0 } : lineThrough(timings)
}

const ends = (timings: readonly Timing[]): [Timing, Timing] => [timings.reduce((a, b) => (b.work < a.work ? b : a)), timings.reduce((a, b) => (b.work > a.work ? b : a))]
const isOneSize = (first: Timing, last: Timing): boolean => last.work < 1.5 * first.work
