/** Training and evaluation: what their figures say of each other, of the labels and of the schedule. */
import { scheduleFactor, warmupStepsOf } from '../../../native-models/training/schedule.ts'
import { binaryEntropy } from '../../cream/loss.ts'
import { evaluationId } from '../../store/ids.ts'
import { type Evidence, expectNear, expectRow, expectSame, refuseRow, type Settled } from './evidence.ts'
import type { RowOf } from './rows.ts'

type Label = RowOf<'labels'>
type Step = RowOf<'training-steps'>

/** Rounding of float64 sums and of another machine's exp and log. */
const ROUNDING = 1e-9
/** The first loss is ln 2 up to float32 (METHOD §3). */
const FLOAT32 = 1e-5

/** @throws Differs */
export function checkTraining(evidence: Evidence, iterations: readonly Settled[], labels: ReadonlyMap<string, readonly Label[]>): void {
  const byIteration = Map.groupBy(evidence.rows['training-steps'].values(), ({ iterationId }) => iterationId)
  for (const id of byIteration.keys()) if (!iterations.some((iteration) => iteration.id === id)) refuseRow('training-steps', id, 'iterationId', id, 'an iteration of the bundle')
  for (const iteration of iterations) checkSteps(iteration, byIteration.get(iteration.id) ?? [], labels.get(iteration.id) ?? [])
}

function checkSteps({ id, t, config, producedModelId }: Settled, steps: readonly Step[], labels: readonly Label[]): void {
  const [stage, hyper] = t === 0 ? (['tune', config.sft] as const) : (['train', config.dpo] as const)
  const planned = Math.ceil(Math.ceil(labels.length / hyper.batchSize) * hyper.epochs)
  const total = t === 0 ? steps.length : planned
  if (t > 0 && (producedModelId === null ? steps.length > total : steps.length !== total)) {
    refuseRow('training-steps', `${id} ${stage} ${Math.min(total, steps.length) + 1}`, 'step', steps.length, `${total} steps for ${labels.length} labels`)
  }
  const warmup = Math.min(warmupStepsOf(hyper.warmupRatio, total), Math.max(0, total - 1))
  const floors = labels.map(({ consistency }) => binaryEntropy(consistency!))
  const [lowest, highest] = floors.reduce(([low, high], floor) => [Math.min(low, floor), Math.max(high, floor)], [Infinity, -Infinity])
  steps.forEach(({ step, stage: own, metrics }, i) => {
    const key = `${id} ${own} ${step}`
    expectSame('training-steps', key, { step, stage: own }, { step: i + 1, stage })
    const isKnown = t > 0 || producedModelId !== null // of SFT cut short nobody knows how long it was to be
    if (isKnown) expectNear('training-steps', key, 'metrics.learning_rate', metrics['learning_rate'], hyper.learningRate * scheduleFactor(hyper.schedule, i, warmup, total), ROUNDING * hyper.learningRate)
    if (t === 0) return
    const { 'rewards/chosen': chosen = NaN, 'rewards/rejected': rejected = NaN, 'rewards/margins': margins, 'rewards/accuracies': accuracy = NaN, loss_floor: floor = NaN } = metrics
    expectNear('training-steps', key, 'metrics.rewards/margins', margins, chosen - rejected, ROUNDING * Math.max(1, Math.abs(chosen), Math.abs(rejected)))
    if (!(accuracy >= 0 && accuracy <= 1)) refuseRow('training-steps', key, 'metrics.rewards/accuracies', metrics['rewards/accuracies'], 'a share')
    if (!(floor >= lowest - ROUNDING && floor <= highest + ROUNDING)) refuseRow('training-steps', key, 'metrics.loss_floor', metrics['loss_floor'], `from ${lowest} to ${highest}, the H(C) of its labels`)
    if (i === 0) expectNear('training-steps', key, 'metrics.loss', metrics['loss'], Math.LN2, FLOAT32)
  })
}

/** @throws Differs */
export function checkEvaluations(evidence: Evidence, [first]: readonly Settled[]): void {
  const { rows } = evidence
  const answers = Map.groupBy(rows.answers.values(), (answer) => answer.evaluationId)
  for (const { id, modelId, task, decoding, scorer, correct, total } of rows.evaluations.values()) {
    if (!rows.models.has(modelId)) refuseRow('evaluations', id, 'modelId', modelId, 'a model of the bundle')
    const own = answers.get(id) ?? []
    const isFinished = correct !== null || total !== null
    expectSame('evaluations', id, { id, scorer, correct, total }, {
      id: evaluationId(modelId, task, decoding, scorer), scorer: first!.config.evaluation.scorer,
      correct: isFinished ? own.filter(({ isCorrect }) => isCorrect).length : null, total: isFinished ? own.length : null,
    })
    if (decoding === 'greedy') for (const { itemId, sample } of own) expectSame('answers', `${id} ${itemId} ${sample}`, sample, 0, 'sample')
    else checkSampled(id, own, first!.config.evaluation.samples)
  }
  for (const [key, answer] of rows.answers) if (!rows.evaluations.has(answer.evaluationId)) expectRow(evidence, 'answers', key, undefined)
}

/** Every question the same number of times. */
function checkSampled(id: string, answers: readonly RowOf<'answers'>[], samples: number): void {
  for (const { itemId, sample } of answers) if (sample >= samples) refuseRow('answers', `${id} ${itemId} ${sample}`, 'sample', sample, `below ${samples}`)
}
