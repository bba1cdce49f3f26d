/** The optimiser against torch.optim.AdamW with clip_grad_norm_, and the learning-rate schedules against transformers. */
import { describe, expect, it } from 'vitest'
import { type Float, Goldens, expectAllClose, expectClose, goldenJson } from './fixtures.ts'
import { type OptimiserState, updateAll } from './optimise.ts'
import { isDecayed } from '../../native-models/training/adamw.ts'
import { type ScheduleKind, scheduleFactor, warmupStepsOf } from '../../native-models/training/schedule.ts'

interface Recipe {
  readonly steps: number
  readonly lr: number
  readonly betas: readonly [number, number]
  readonly eps: number
  readonly maxNorm: number
  readonly warmup: number
  readonly weightDecay: Readonly<Record<string, number>>
}

const recipe = goldenJson<Recipe>('adamw.json')
const golden = new Goldens('adamw.safetensors')
const specs = Object.entries({ 'up.weight': [6, 5], 'down.weight': [4, 6], 'norm.weight': [6], 'up.bias': [6] }).map(([name, shape]) => ({ name, shape }))
/** The issue asks for 1e-4. */
const limits: Record<Float, number> = { float32: 1e-6, float64: 1e-13 }

it('decays matrices only', () => {
  expect(Object.fromEntries(specs.map(({ name, shape }) => [name, isDecayed(shape) ? 0.01 : 0]))).toEqual(recipe.weightDecay)
})

it.each(['float32', 'float64'] as const)('ten clipped and scheduled steps, %s', async (float) => {
  const zeros = specs.map(({ name, shape }) => [name, new Float64Array(shape.reduce((a, b) => a * b))] as const)
  let state: OptimiserState = { params: golden.under('initial.'), m: Object.fromEntries(zeros), v: Object.fromEntries(zeros) }
  const norms: number[] = []
  const rates: number[] = []
  for (let step = 0; step < recipe.steps; step++) {
    const learningRate = recipe.lr * scheduleFactor('cosine', step, recipe.warmup, recipe.steps)
    const { norm, ...next } = await updateAll(specs, state, golden.under(`step${step}.grad.`), { ...recipe, weightDecay: 0.01, step: step + 1, learningRate }, float)
    state = next
    norms.push(norm)
    rates.push(learningRate)
    expectAllClose(state.params, golden.under(`step${step}.param.`), limits[float], `${float} step ${step} param`)
  }
  expectAllClose(state.m, golden.under('final.m.'), limits[float], `${float} final m`)
  expectAllClose(state.v, golden.under('final.v.'), limits[float], `${float} final v`)
  expectClose(norms, golden.get('norm'), limits[float], `${float} norm`)
  expectClose(rates, golden.get('lr'), 1e-15, 'learning rates')
})

describe('schedules', () => {
  const { cases } = goldenJson<{ cases: { kind: string; warmup: number; total: number; factors: number[] }[] }>('schedules.json')
  it.each(cases)('$kind, $warmup of $total', ({ kind, warmup, total, factors }) => {
    const ours = (kind === 'constant_with_warmup' ? 'constant' : kind) as ScheduleKind
    const factorsHere = factors.map((_, step) => scheduleFactor(ours, step, warmup, total))
    if (ours !== 'cosine') expect(factorsHere).toEqual(factors)
    // V8's cosine and the C library's differ in the last bit.
    else factors.forEach((factor, step) => expect(Math.abs(factorsHere[step]! - factor)).toBeLessThanOrEqual(2 ** -52))
  })

  it('warm-up takes its share of the steps, rounded up', () => {
    expect([[0.1, 10], [0.1, 31], [0.03, 100], [0, 7]].map(([ratio, total]) => warmupStepsOf(ratio!, total!))).toEqual([1, 4, 3, 0])
  })
})
