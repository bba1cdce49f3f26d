/** A training's curve as it grows: the stored points, and the steps that events bring on top of them. */
import type { Stage } from '../../preload/contract/domain.ts'
import type { CurvePoint } from '../../preload/contract/requests/figures.ts'
import { Refused } from '../api.ts'
import { useWorkbench } from './workbench.svelte.ts'

interface Training {
  readonly stageId: string
  readonly stage: Stage
  /** The iteration's number. */
  readonly t: number
}

export class Curve {
  /** In order, without gaps. */
  points = $state.raw<readonly CurvePoint[]>([])
  total = $state<number | null>(null)
  tokensPerSecond = $state<number | null>(null)
  problem = $state<string | null>(null)
  readonly steps = $derived(this.points.map(({ step }) => step))
  readonly committed = $derived(this.points.filter(({ committed }) => committed).length)

  /** One metric over all steps; NaN where a step has none. */
  of(metric: string): number[] {
    return this.points.map(({ metrics }) => metrics[metric] ?? Number.NaN)
  }
}

/** Called while a component is set up; null shows nothing. */
export function trainingCurve(training: () => Training | null): Curve {
  const workbench = useWorkbench()
  const curve = new Curve()
  let asked = 0

  async function load(): Promise<void> {
    const now = training()
    if (!now) return
    const mine = ++asked
    try {
      const { points, total, tokensPerSecond } = await workbench.ask('training/curve', { stageId: now.stageId })
      if (mine !== asked) return
      Object.assign(curve, { points, total, tokensPerSecond, problem: null })
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      if (mine === asked) curve.problem = error.message
    }
  }

  $effect(() => {
    void training()?.stageId
    void load()
  })
  $effect(() => workbench.listen((event) => {
    const now = training()
    if (!now) return
    if (event.kind === 'progress' && event.stage === now.stage && event.iteration === now.t) {
      const last = curve.points.at(-1)?.step ?? 0
      const fresh = event.steps.filter(({ step }) => step > last)
      if (fresh.length === 0) return
      if (fresh[0]!.step !== last + 1) return void load() // a step is missing: take it from what main kept
      curve.points = [...curve.points, ...fresh.map((point) => ({ ...point, committed: false }))]
      curve.total = event.progress.total
    } else if (['reset', 'stage-started', 'stage-done', 'job-ended', 'engine-restarted'].includes(event.kind)) void load()
  }))
  return curve
}
