/** Training and evaluation: what their figures say of each other, of the labels and of the schedule. */
import { hashText, permutation } from '../../../native-models/random.ts'
import { scheduleFactor, warmupStepsOf } from '../../../native-models/training/schedule.ts'
import type { Optimisation } from '../../../preload/contract/config.ts'
import type { Device } from '../../../preload/contract/domain.ts'
import { binaryEntropy } from '../../cream/loss.ts'
import { evaluationId, iterationId, stageId } from '../../store/ids.ts'
import { type Evidence, expectNear, expectRow, expectSame, refuseRow, type Settled } from './evidence.ts'
import type { RowOf } from './rows.ts'

type Label = RowOf<'labels'>
type Step = RowOf<'training-steps'>

/** Rounding of float64 sums and of another machine's exp and log. */
const ROUNDING = 1e-9
/** The graph computes in float32, in batches of another shape than the scores'; a graphics device may hold weights in halves. */
const toleranceOn = (device: Device): number => (device === 'cpu' ? 1e-4 : 2e-3)

/** @throws Differs */
export function checkTraining(evidence: Evidence, iterations: readonly Settled[], labels: ReadonlyMap<string, readonly Label[]>): void {
  const byIteration = Map.groupBy(evidence.rows['training-steps'].values(), ({ iterationId }) => iterationId)
  for (const id of byIteration.keys()) if (!iterations.some((iteration) => iteration.id === id)) refuseRow('training-steps', id, 'iterationId', id, 'an iteration of the bundle')
  for (const iteration of iterations) {
    const steps = byIteration.get(iteration.id) ?? []
    if (iteration.t === 0) checkTuning(iteration, steps)
    else checkRound(evidence, iteration, steps, labels.get(iteration.id) ?? [])
  }
}

/** The seed set is not in the bundle, so what stands here is the schedule's. */
function checkTuning(iteration: Settled, steps: readonly Step[]): void {
  checkOrder(iteration.id, 'tune', steps)
  if (iteration.producedModelId !== null) checkRates(iteration.config.sft, steps, steps.length) // cut short, nobody knows how long it was to be
}

function checkRound(evidence: Evidence, iteration: Settled, steps: readonly Step[], labels: readonly Label[]): void {
  const { id, config: { dpo }, producedModelId } = iteration
  const planned = Math.ceil(Math.ceil(labels.length / dpo.batchSize) * dpo.epochs)
  checkOrder(id, 'train', steps)
  if (producedModelId === null ? steps.length > planned : steps.length !== planned) {
    refuseRow('training-steps', `${id} train ${Math.min(planned, steps.length) + 1}`, 'step', `${steps.length} steps`, `${planned} steps for ${labels.length} labels`)
  }
  checkRates(dpo, steps, planned)
  const batches = batchesOf(evidence, iteration, labels, steps.length)
  steps.forEach(({ step, metrics, tokens }, i) => checkStep(evidence, iteration, `${id} train ${step}`, { metrics, tokens }, batches[i]!, steps.slice(0, i).every(({ metrics: { learning_rate: rate } }) => rate === 0)))
}

/** TRL's keys against the labels of the step's batch and the scores of θ_t, the frozen reference. */
function checkStep(evidence: Evidence, { policyModelId, config: { device, dpo: { beta } } }: Settled, key: string, { metrics, tokens }: Pick<Step, 'metrics' | 'tokens'>, batch: readonly Label[], isUntouched: boolean): void {
  const { rows } = evidence
  const tolerance = toleranceOn(device)
  const mean = (of: (label: Label) => number): number => batch.reduce((sum, label) => sum + of(label), 0) / batch.length
  const near = (field: string, recomputed: number, within: number): void => expectNear('training-steps', key, `metrics.${field}`, metrics[field], recomputed, within)
  expectSame('training-steps', key, tokens, batch.reduce((sum, { chosenId, rejectedId }) => sum + rows.responses.get(chosenId)!.tokens + rows.responses.get(rejectedId)!.tokens, 0), 'tokens')
  near('loss_floor', mean(({ consistency }) => binaryEntropy(consistency!)), ROUNDING)
  const { 'rewards/chosen': chosen = NaN, 'rewards/rejected': rejected = NaN, 'rewards/accuracies': accuracy = NaN, loss = NaN, grad_norm: norm = NaN, loss_floor: floor = NaN } = metrics
  near('rewards/margins', chosen - rejected, ROUNDING * Math.max(Math.abs(chosen), Math.abs(rejected)) + 1e-12)
  for (const [side, reward] of [['chosen', chosen], ['rejected', rejected]] as const) {
    if (isUntouched) near(`rewards/${side}`, 0, tolerance * beta) // nothing was moved yet
    const reference = mean((label) => rows.scores.get(`${side === 'chosen' ? label.chosenId : label.rejectedId} ${policyModelId}`)!.logps)
    near(`logps/${side}`, reference + reward / beta, tolerance * Math.max(1, Math.abs(reference)))
  }
  if (isUntouched) near('loss', Math.LN2, tolerance)
  if (!(loss >= floor - tolerance)) refuseRow('training-steps', key, 'metrics.loss', metrics['loss'], `at least its floor ${floor}`)
  if (!(norm >= 0)) refuseRow('training-steps', key, 'metrics.grad_norm', metrics['grad_norm'], 'no negative length')
  near('rewards/accuracies', Math.min(batch.length, Math.max(0, Math.round(accuracy * batch.length))) / batch.length, ROUNDING)
}

function checkOrder(id: string, stage: Step['stage'], steps: readonly Step[]): void {
  steps.forEach((row, i) => expectSame('training-steps', `${id} ${row.stage} ${row.step}`, { step: row.step, stage: row.stage }, { step: i + 1, stage }))
}

function checkRates({ learningRate, schedule, warmupRatio }: Optimisation, steps: readonly Step[], total: number): void {
  const warmup = Math.min(warmupStepsOf(warmupRatio, total), Math.max(0, total - 1))
  steps.forEach(({ iterationId: id, stage, step, metrics }, i) => expectNear('training-steps', `${id} ${stage} ${step}`, 'metrics.learning_rate', metrics['learning_rate'], learningRate * scheduleFactor(schedule, i, warmup, total), ROUNDING * learningRate))
}

/** The labels of the first steps: each epoch is a permutation of its own, the same in every branch. */
function batchesOf({ run }: Evidence, { t, config: { dpo: { batchSize } } }: Settled, labels: readonly Label[], steps: number): Label[][] {
  const stage = hashText(stageId(iterationId(run.id, t), 'train'))
  const perEpoch = Math.ceil(labels.length / batchSize)
  const orders = Array.from({ length: Math.ceil(steps / Math.max(1, perEpoch)) }, (_, epoch) => permutation(labels.length, run.seed, stage, epoch).map((i) => labels[i]!))
  return Array.from({ length: steps }, (_, step) => orders[Math.floor(step / perEpoch)]!.slice((step % perEpoch) * batchSize, ((step % perEpoch) + 1) * batchSize))
}

/** @throws Differs */
export function checkEvaluations(evidence: Evidence, [first]: readonly Settled[]): void {
  const { rows } = evidence
  const answers = Map.groupBy(rows.answers.values(), (answer) => answer.evaluationId)
  const isFinished = ({ correct, total }: RowOf<'evaluations'>): boolean => correct !== null || total !== null
  const asked = new Map<string, ReadonlySet<string>>()
  for (const row of rows.evaluations.values()) if (isFinished(row) && !asked.has(row.task)) asked.set(row.task, new Set((answers.get(row.id) ?? []).map(({ itemId }) => itemId)))
  for (const row of rows.evaluations.values()) {
    const { id, modelId, task, decoding, scorer, correct, total } = row
    if (!rows.models.has(modelId)) refuseRow('evaluations', id, 'modelId', modelId, 'a model of the bundle')
    const own = answers.get(id) ?? []
    expectSame('evaluations', id, { id, scorer, correct, total }, {
      id: evaluationId(modelId, task, decoding, scorer), scorer: first!.config.evaluation.scorer,
      correct: isFinished(row) ? own.filter(({ isCorrect }) => isCorrect).length : null, total: isFinished(row) ? own.length : null,
    })
    checkQuestions(id, own, decoding === 'greedy' ? 1 : first!.config.evaluation.samples, asked.get(task) ?? null, isFinished(row))
  }
  for (const [key, answer] of rows.answers) if (!rows.evaluations.has(answer.evaluationId)) expectRow(evidence, 'answers', key, undefined)
}

/** Every model is asked the same questions of a task, each as often; one that is still being asked has some of the answers. @param asked null while no model has answered all */
function checkQuestions(id: string, answers: readonly RowOf<'answers'>[], samples: number, asked: ReadonlySet<string> | null, isFinished: boolean): void {
  for (const { itemId, sample } of answers) {
    if (sample >= samples) refuseRow('answers', `${id} ${itemId} ${sample}`, 'sample', sample, `below ${samples}`)
    if (asked && !asked.has(itemId)) refuseRow('answers', `${id} ${itemId} ${sample}`, 'itemId', itemId, 'a question that the other models were asked')
  }
  if (isFinished && answers.length !== samples * asked!.size) refuseRow('evaluations', id, 'total', answers.length, `${samples} answers to each of ${asked!.size} questions`)
}
