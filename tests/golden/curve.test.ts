/** Ten steps of consistency DPO with LoRA against TRL's loss under torch's AdamW: the whole training loop in miniature. */
import { expect, it } from 'vitest'
import { Goldens, batchOf, expectAllClose, expectClose, goldenJson, goldenPath, gradientsOf, loadModel, lora, rowsOf, runTraining } from './fixtures.ts'
import { type OptimiserState, updateAll } from './optimise.ts'
import { type ModelSpec, scoringGraph } from '../../native-models/training/graphs.ts'
import { loraTensors } from '../../native-models/training/lora.ts'
import { scheduleFactor } from '../../native-models/training/schedule.ts'
import { runGraph } from '../run-graph.ts'

interface Curve {
  readonly beta: number
  readonly lr: number
  readonly betas: readonly [number, number]
  readonly eps: number
  readonly weightDecay: number
  readonly maxNorm: number
  readonly warmup: number
  readonly total: number
  readonly steps: readonly { readonly loss: number; readonly gradNorm: number; readonly lr: number; readonly 'rewards/chosen': number; readonly 'rewards/rejected': number }[]
}

const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length

it('losses, norms, learning rates, rewards and the trained adapter', async () => {
  const curve = goldenJson<Curve>('curve.json')
  const golden = new Goldens('curve.safetensors')
  const { spec, weights } = loadModel(goldenPath('llama/gqa-tied'))
  const model: ModelSpec = { ...spec, lora }
  const specs = loraTensors(lora, spec.weights)
  const rows = rowsOf(golden)
  // A micro-batch is two pairs: with their reference log-probs from the scoring graph, and a share of 1/4 for each pair.
  const microBatches = await Promise.all([0, 1, 2, 3].map(async (i) => {
    const batch = batchOf(rows.slice(4 * i, 4 * i + 4))
    const { logps } = await runGraph(scoringGraph(model, batch.bucket), { ...weights, ...golden.under('initial.'), ...batch.feeds })
    return { ...batch, feeds: { ...batch.feeds, refLogps: logps!, consistency: Array.from(golden.get('c').slice(2 * i, 2 * i + 2)), weight: [1 / 4, 1 / 4] } }
  }))
  const zeros = Object.fromEntries(specs.map(({ name, shape }) => [name, new Float32Array(shape[0]! * shape[1]!)]))
  let state: OptimiserState = { params: golden.under('initial.'), m: zeros, v: zeros }
  const ours: { loss: number; gradNorm: number; lr: number; chosen: number; rejected: number }[] = []

  for (let step = 0; step < curve.total; step++) {
    let gradients: Record<string, Float32Array> = zeros
    let loss = 0
    const rewards: { chosen: number[]; rejected: number[] } = { chosen: [], rejected: [] }
    for (const { bucket, feeds } of microBatches.slice(step % 2 ? 2 : 0, step % 2 ? 4 : 2)) {
      const sums = Object.fromEntries(Object.entries(gradients).map(([name, sum]) => [`sum.${name}`, sum]))
      const results = await runTraining(model, { kind: 'dpo', beta: curve.beta }, bucket, { ...weights, ...state.params, ...feeds, ...sums })
      gradients = gradientsOf(results) as Record<string, Float32Array>
      loss += Number(results['loss']![0])
      rewards.chosen.push(...(results['chosenRewards'] as Float32Array))
      rewards.rejected.push(...(results['rejectedRewards'] as Float32Array))
    }
    const lr = curve.lr * scheduleFactor('cosine', step, curve.warmup, curve.total)
    const { norm, ...next } = await updateAll(specs, state, gradients, { ...curve, step: step + 1, learningRate: lr })
    state = next
    ours.push({ loss, gradNorm: norm, lr, chosen: mean(rewards.chosen), rejected: mean(rewards.rejected) })
  }

  expect([0, 1, 2, 3, 4].map((i) => golden.get('pairs').slice(8 * i, 8 * i + 8).join()), 'each batch is seen every other step').toEqual(Array(5).fill('0,1,2,3,4,5,6,7'))
  ours.forEach(({ loss }, step) => expectClose([loss], [curve.steps[step]!.loss], 1e-5, `step ${step} loss`))
  expectClose(ours.map(({ gradNorm }) => gradNorm), curve.steps.map(({ gradNorm }) => gradNorm), 1e-4, 'grad_norm')
  expectClose(ours.map(({ lr }) => lr), curve.steps.map(({ lr }) => lr), 1e-15, 'learning rate')
  expectClose(ours.map(({ chosen }) => chosen), curve.steps.map((one) => one['rewards/chosen']), 1e-4, 'rewards/chosen')
  expectClose(ours.map(({ rejected }) => rejected), curve.steps.map((one) => one['rewards/rejected']), 1e-4, 'rewards/rejected')
  expectAllClose(state.params, golden.under('final.'), 1e-4, 'trained adapter')
})
