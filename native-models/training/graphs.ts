/** The three graphs of alignment: train by SFT, train by DPO, score. All specialised to a bucket of shapes. */
import { gradients } from '../autodiff/backward.ts'
import { causalAttention } from '../families/attention.ts'
import { decoder, head } from '../families/decoder.ts'
import type { TensorSpec } from '../families/tables.ts'
import { GraphBuilder } from '../onnx/builder.ts'
import { fuseSums } from '../onnx/fuse.ts'
import { lower } from '../onnx/lower.ts'
import { schedule } from '../onnx/schedule.ts'
import { type Graph, GraphError, type Value } from '../onnx/types.ts'
import type { Dropout } from './dropout.ts'
import { type WeightsSpec, adaptedParameters, loraTensors } from './lora.ts'
import { consistencyDpoLoss, sftLoss } from './objectives.ts'

/**
 * Shapes of one batch: `rows` sequences padded to `length`, `positions` completion tokens over all rows. With `positions`
 * and `headChunk` in multiples of 16 a token's log-probability is the same, bit for bit, in every bucket: the CPU takes
 * the logarithms of a vector's remainder, and products of a single row, by other routines with another last bit.
 */
export interface Bucket {
  readonly rows: number
  readonly length: number
  readonly positions: number
}

/** Without an adapter it is scored as it is, or trained in full. */
export interface ModelSpec extends WeightsSpec {
  /** All weights of the model as they are fed: Hugging Face names and shapes, large tables in blocks (families/tables.ts). */
  readonly weights: readonly TensorSpec[]
  /** Completion positions whose logits exist at one time. */
  readonly headChunk: number
}

/** `dropout` = the share of what an adapter reads that is left out; DPO has none, as TRL: its reference is scored without, and the first loss has to be ln 2. */
export type Objective = { readonly kind: 'sft'; readonly dropout?: number | undefined } | { readonly kind: 'dpo'; readonly beta: number }

/** What training changes: the adapter's tensors, or every weight. */
export const trainableTensors = ({ lora, weights }: ModelSpec): readonly TensorSpec[] => (lora ? loraTensors(lora, weights) : weights)

/**
 * Log-probabilities of completion tokens. Feeds: weights by name, and
 *   tokens  [rows·length, 1]        ids (`idType`), padding at the end of each row
 *   places  int64 [positions, 1]    flat index (row·length + t) of the hidden state that predicts the token
 *   targets [positions, 1]          the token itself
 */
function completionLogps(b: GraphBuilder, model: ModelSpec, { rows, length, positions }: Bucket, dropout: Dropout | null = null): Value {
  const { config, headChunk } = model
  const parameters = adaptedParameters(b, model, dropout)
  const tokens = parameters.ids('tokens', rows * length)
  const predicting = decoder(b, config, parameters, tokens, causalAttention(b, config, rows, length), b.input('places', 'int64', [positions, 1]))
  return b.completionLogps(predicting, head(parameters, config), parameters.ids('targets', positions), headChunk, config.logitCap)[0]
}

/** Output: logps [positions]. */
export function scoringGraph(model: ModelSpec, bucket: Bucket, float: 'float32' | 'float64' = 'float32'): Graph {
  const b = new GraphBuilder(float)
  b.output('logps', completionLogps(b, model, bucket))
  return finish(b)
}

/**
 * One micro-batch forward and backward. Further feeds: `sum.<name>` (gradients of the step so far); for SFT mask [positions] and scale [], with dropout `dropoutFeeds`; for DPO refLogps [positions], members [rows, positions],
 * consistency and weight [rows/2, 1] (rows alternate chosen, rejected).
 * Outputs: loss [], `grad.<name>` = sum + gradient; for DPO per pair [rows/2, 1] losses, rewards and logps.
 */
export function trainingGraph(model: ModelSpec, objective: Objective, bucket: Bucket, float: 'float32' | 'float64' = 'float32'): Graph {
  const b = new GraphBuilder(float)
  emitTraining(b, model, objective, bucket)
  return finish(b)
}

/** The same, before lowering and scheduling: what tests and printers look at. */
export function emitTraining(b: GraphBuilder, model: ModelSpec, objective: Objective, bucket: Bucket): void {
  const { float } = b
  if (!model.lora && model.held === 'fp16') throw new GraphError('weights that are trained are held in floats: an update is too small for halves')
  const logps = completionLogps(b, model, bucket, dropoutOf(objective, bucket))
  const loss = objective.kind === 'sft' ? emitSft(b, logps) : emitDpo(b, logps, bucket, objective.beta)
  b.output('loss', loss)

  const specs = trainableTensors(model)
  const grads = gradients(b, loss, specs.map(({ name, shape }) => b.input(name, float, shape)))
  b.during('backward', () => {
    specs.forEach(({ name, shape }, i) => b.output(`grad.${name}`, b.add(grads[i]!, b.input(`sum.${name}`, float, shape))))
  })
}

/** What the masks of such a graph are made for; null where nothing is left out. */
export const dropoutOf = (objective: Objective, { rows, length, positions }: Bucket): Dropout | null =>
  objective.kind === 'sft' && objective.dropout ? { share: objective.dropout, rows: Math.max(rows * length, positions) } : null

function emitSft(b: GraphBuilder, logps: Value): Value {
  return sftLoss(b, logps, b.input('mask', b.float, logps.shape), b.input('scale', b.float, []))
}

function emitDpo(b: GraphBuilder, logps: Value, { rows, positions }: Bucket, beta: number): Value {
  const perPair = [rows / 2, 1]
  const { loss, ...perPairOutputs } = consistencyDpoLoss(b, {
    logps,
    refLogps: b.input('refLogps', b.float, [positions]),
    rows: b.input('members', b.float, [rows, positions]),
    consistency: b.input('consistency', b.float, perPair),
    weight: b.input('weight', b.float, perPair),
  }, beta)
  for (const [name, value] of Object.entries(perPairOutputs)) b.output(name, value)
  return loss
}

/** Lowers our own ops, drops what no output needs, joins sums to products, and orders the nodes for memory. */
export function finish(b: GraphBuilder): Graph {
  lower(b)
  return schedule(fuseSums(b.graph()))
}
