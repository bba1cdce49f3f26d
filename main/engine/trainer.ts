/**
 * One training at a time: micro-batches accumulate gradients, AdamW updates parameters in place, on the device.
 * Between steps only ids, indices, masks and scalars travel to the device, and only scalars come back.
 */
import { type AdamWScalars, adamwGraph, adamwInPlace, adamwScalars, clipFactor, gradNormGraph, isDecayed } from '../../native-models/training/adamw.ts'
import { dropoutFeeds } from '../../native-models/training/dropout.ts'
import { dropoutOf, trainableTensors, trainingGraph } from '../../native-models/training/graphs.ts'
import type { TensorSpec } from '../../native-models/families/tables.ts'
import { type Lora, initialLora, widthsOf } from '../../native-models/training/lora.ts'
import { sizeOf } from '../../native-models/onnx/types.ts'
import type { Device } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { CallContext } from './dispatch.ts'
import { membership, perToken, scalar, sequenceFeeds } from './feeds.ts'
import { forgetSessions, sessionFor, specOf } from './graphs.ts'
import { disposeAll, explained, forgetModels, loadModel, readAdapterTensors, readModel } from './models.ts'
import type { MicroBatch, PairMetrics, Place, TrainStepParams, TrainStepResult, TrainingParams, TrainingStarted } from './protocol.ts'
import { type DeviceTensor, type Tensors, tensor, upload } from './sessions.ts'
import { readCheckpoint } from './training-files.ts'
import type { Training } from './training.ts'

let current: Training | null = null

export async function startTraining(params: TrainingParams): Promise<TrainingStarted> {
  endTraining()
  forgetSessions()
  const { device, weights, threads, tuning, folder, from, resume } = params
  const place = { device, weights, threads }
  const model = tuning.kind === 'full' ? await readModel(from ?? folder, place) : await loadModel(folder, place)
  const lora = tuning.kind === 'full' ? null : { r: tuning.r, alpha: tuning.alpha, targets: tuning.targets }
  const spec = specOf({ config: model.config, weights: model.specs, lora }, place)
  const trainable = trainableTensors(spec)

  const fill = (make: (one: TensorSpec) => Float32Array): Promise<Tensors> => fillAll(trainable, device, make)
  const zeros = (): Promise<Tensors> => fillAll(trainable, device, zerosOf)
  const start = async (): Promise<Tensors> => {
    if (!lora) return model.tensors
    if (from === null) return fill((one) => initialLora(one, params.seed))
    const adapter = await readAdapterTensors(from, model.config, device)
    const [found, asked] = [describe(adapter.lora), describe(lora)]
    if (found !== asked) throw new AppError('bad-config', `The adapter in ${from} has ${found}, but the run asks for ${asked}; use the adapter's own settings.`)
    return adapter.tensors
  }

  const saved = resume === null ? null : await explained(() => readCheckpoint(resume, trainable))
  if (saved && !lora) disposeAll(model) // the checkpoint's values take their place
  current = {
    params, place, model, spec, trainable,
    values: saved ? await fill(({ name }) => saved.values.get(name)!) : await start(),
    m: saved ? await fill(({ name }) => saved.m.get(name)!) : await zeros(),
    v: saved ? await fill(({ name }) => saved.v.get(name)!) : await zeros(),
    sums: await zeros(),
    settled: true,
    step: saved?.step ?? 0,
  }
  return { trainable: trainable.reduce((sum, { shape }) => sum + sizeOf(shape), 0), step: current.step }
}

async function fillAll(specs: readonly TensorSpec[], device: Device, make: (one: TensorSpec) => Float32Array): Promise<Tensors> {
  const made: Record<string, DeviceTensor> = {}
  for (const one of specs) made[one.name] = await upload(tensor('float32', one.shape, make(one)), device)
  return made
}

const zerosOf = ({ shape }: TensorSpec): Float32Array => new Float32Array(sizeOf(shape))

const describe = ({ r, alpha, targets }: Lora): string => `r ${r}, alpha ${alpha} and adapts ${[...targets].sort().join(', ')}`

export function currentTraining(): Training {
  if (!current) throw new AppError('engine-died', 'The engine holds no training; it was restarted. Resume the stage from its last checkpoint.')
  return current
}

export function endTraining(): void {
  if (!current) return
  const { values, m, v, sums, params } = current
  for (const group of [values, m, v, sums]) for (const one of Object.values(group)) one.dispose()
  if (params.tuning.kind === 'lora') forgetModels()
  forgetSessions() // no other work has graphs of these shapes
  current = null
}

/** All gradients first, then one update; a cancellation between micro-batches leaves the parameters as they were. */
export async function trainStep({ microBatches, learningRate }: TrainStepParams, { signal }: CallContext<never>): Promise<TrainStepResult> {
  const training = currentTraining()
  const totalTokens = microBatches.reduce((sum, batch) => sum + completionTokens(batch), 0)
  if (totalTokens === 0) throw new Error('there is no completion token in this step')
  if (!(learningRate >= 0 && learningRate < Infinity)) throw new AppError('bad-config', `The learning rate of step ${training.step + 1} is ${learningRate}; choose a number from 0 on.`)
  const totalPairs = microBatches.reduce((sum, batch) => sum + batch.sequences.length / 2, 0)
  if (!training.settled) {
    disposeAll({ tensors: training.sums })
    training.sums = await fillAll(training.trainable, training.place.device, zerosOf)
  }
  training.settled = false
  let loss = 0
  const pairs: PairMetrics[] = []
  for (const [i, batch] of microBatches.entries()) {
    signal.throwIfAborted()
    const result = await accumulate(training, batch, i, training.params.objective.kind === 'sft' ? 1 / totalTokens : 1 / totalPairs)
    loss += result.loss
    pairs.push(...result.pairs)
  }
  if (training.params.objective.kind === 'dpo' && training.step === 0) requireEqualModels(pairs, training.place)
  const gradNorm = await gradientNorm(training)
  if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
    throw new AppError('method-stopped', `Training stopped before step ${training.step + 1}: the ${Number.isFinite(loss) ? 'gradient' : 'loss'} is not a number. The last checkpoint is good; lower the learning rate and resume.`)
  }
  await update(training, learningRate, gradNorm)
  training.settled = true
  return { step: training.step, loss, gradNorm, tokens: totalTokens, pairs }
}

const completionTokens = ({ sequences }: MicroBatch): number => sequences.reduce((sum, { completionIds }) => sum + completionIds.length, 0)

async function accumulate({ params, place, spec, trainable, values, sums, step }: Training, batch: MicroBatch, index: number, weight: number): Promise<{ loss: number; pairs: PairMetrics[] }> {
  const { objective } = params
  const { sequences, shape } = batch
  // Asked for anew each time: scoring other models in between may have put the shared one out of memory.
  const frozen = spec.lora ? (await loadModel(params.folder, place)).tensors : {}
  const session = await sessionFor(['train', spec.config, spec.lora, objective, shape, spec.headChunk], place, () => trainingGraph(spec, objective, shape))
  const feeds: Record<string, DeviceTensor> = { ...frozen, ...values, ...sequenceFeeds(sequences, shape, spec.config) }
  const fetches: Record<string, DeviceTensor | null> = { loss: null }
  for (const { name } of trainable) {
    feeds[`sum.${name}`] = sums[name]!
    fetches[`grad.${name}`] = sums[name]!
  }
  if (objective.kind === 'sft') {
    feeds['mask'] = tensor('float32', [shape.positions], new Float32Array(shape.positions).fill(1, 0, completionTokens(batch)))
    feeds['scale'] = scalar(weight)
    const dropout = spec.lora && dropoutOf(objective, shape)
    for (const { name, shape: size, data } of dropout ? dropoutFeeds(dropout, widthsOf(trainable), [params.seed, step, index]) : []) feeds[name] = tensor('float32', size, data)
    const results = await session.run(feeds, fetches)
    return { loss: numbers(results['loss']!)[0]!, pairs: [] }
  }
  const pairCount = sequences.length / 2
  const perPair = (list: readonly number[], rest: number): DeviceTensor => tensor('float32', [shape.rows / 2, 1], Float32Array.from({ length: shape.rows / 2 }, (_, i) => list[i] ?? rest))
  feeds['refLogps'] = tensor('float32', [shape.positions], perToken(batch.refLogps!, sequences, shape.positions))
  feeds['members'] = tensor('float32', [shape.rows, shape.positions], membership(sequences, shape))
  feeds['consistency'] = perPair(batch.consistency!, 1)
  feeds['weight'] = perPair(Array<number>(pairCount).fill(weight), 0)
  for (const name of perPairOutputs) fetches[name] = null
  const results = await session.run(feeds, fetches)
  const [losses, chosenRewards, rejectedRewards, chosenLogps, rejectedLogps] = perPairOutputs.map((name) => numbers(results[name]!))
  const pairs = Array.from({ length: pairCount }, (_, i) => ({
    loss: losses![i]!, chosenReward: chosenRewards![i]!, rejectedReward: rejectedRewards![i]!, chosenLogps: chosenLogps![i]!, rejectedLogps: rejectedLogps![i]!,
  }))
  return { loss: numbers(results['loss']!)[0]!, pairs }
}

const perPairOutputs = ['losses', 'chosenRewards', 'rejectedRewards', 'chosenLogps', 'rejectedLogps'] as const
const numbers = (result: DeviceTensor): Float32Array => result.data as Float32Array

/**
 * Before the first update policy and reference are one model, so rewards are 0 and every pair's loss is ln 2 whatever
 * its C (METHOD §3), bit for bit on the CPU if the reference was scored in batches of this shape. Anything else means a
 * wrong reference, and training on it would be meaningless.
 */
function requireEqualModels(pairs: readonly PairMetrics[], { device }: Place): void {
  const tolerance = device === 'cpu' ? 0 : 1e-4
  const isNear = (value: number, expected: number): boolean => Math.abs(value - expected) <= tolerance
  const off = pairs.find(({ loss, chosenReward, rejectedReward }) => !(isNear(loss, Math.fround(Math.LN2)) && isNear(chosenReward, 0) && isNear(rejectedReward, 0)))
  if (off) throw new AppError('method-stopped', `Training stopped at its first step: a pair's loss is ${off.loss} and its rewards are ${off.chosenReward} and ${off.rejectedReward}, not ln 2 (${Math.fround(Math.LN2)}) and 0, so the reference is not the model that is trained. Score the pairs again with this round's own model.`)
}

async function gradientNorm({ trainable, place, sums }: Training): Promise<number> {
  const session = await sessionFor(['norm', trainable], place, () => gradNormGraph(trainable))
  const { grad_norm } = await session.run(Object.fromEntries(trainable.map(({ name }) => [`grad.${name}`, sums[name]!])))
  return numbers(grad_norm!)[0]!
}

async function update(training: Training, learningRate: number, gradNorm: number): Promise<void> {
  const { params: { optimiser }, place, trainable, values, m, v, sums } = training
  training.step++
  const scalarsFor = (decay: number): AdamWScalars => adamwScalars(optimiser, training.step, learningRate, decay, clipFactor(gradNorm, optimiser.maxGradNorm))
  const [decayed, free] = [scalarsFor(optimiser.weightDecay), scalarsFor(0)]
  for (const { name, shape } of trainable) {
    const scalars = isDecayed(shape) ? decayed : free
    const [param, mean, variance, grad] = [values[name]!, m[name]!, v[name]!, sums[name]!]
    if (place.device === 'cpu') {
      adamwInPlace(numbers(param), numbers(mean), numbers(variance), numbers(grad), scalars, optimiser)
      continue
    }
    const session = await sessionFor(['adamw', shape, optimiser.beta1, optimiser.beta2, optimiser.epsilon], place, () => adamwGraph(shape, optimiser))
    const feeds = Object.fromEntries(Object.entries(scalars).map(([name, value]) => [name, scalar(value)]))
    await session.run({ param, m: mean, v: variance, grad, ...feeds }, { param_out: param, m_out: mean, v_out: variance, grad_out: grad })
  }
}
