/** Weights and adapters in memory, one copy for all graphs. */
import { readAdapter } from '../../native-models/weights/adapter.ts'
import { type Checkpoint, closeCheckpoint, openCheckpoint, readHalves, readWeights } from '../../native-models/weights/checkpoint.ts'
import type { ModelConfig } from '../../native-models/weights/config.ts'
import type { JsonObject } from '../../native-models/weights/files.ts'
import { ModelError } from '../../native-models/weights/error.ts'
import { expectedTensors } from '../../native-models/weights/tensors.ts'
import { areHalves } from '../../native-models/families/parameters.ts'
import { type TensorSpec, fedTensors } from '../../native-models/families/tables.ts'
import { type Lora, loraName } from '../../native-models/training/lora.ts'
import type { Device } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { blocksOf } from './blocks.ts'
import { Cache } from './cache.ts'
import type { ModelRef, Place } from './protocol.ts'
import { type DeviceTensor, type Tensors, tensor, upload } from './sessions.ts'

export interface LoadedModel {
  readonly folder: string
  readonly config: ModelConfig
  /** `config.json` as it is, to pass on. */
  readonly configJson: JsonObject
  /** Every weight as it is fed, in the model's order. */
  readonly specs: readonly TensorSpec[]
  /** By the names of `specs`, on the device. */
  readonly tensors: Tensors
}

export interface LoadedAdapter {
  readonly lora: Lora
  /** By PEFT name, on the device. */
  readonly tensors: Tensors
}

/** Where weights lie, and as what. */
type Where = Pick<Place, 'device' | 'weights'>

export const disposeAll = ({ tensors }: { tensors: Tensors }): void => Object.values(tensors).forEach((one) => one.dispose())
// Two whole models at most: full fine-tuning scores one after another. Adapters are small.
const models = new Cache<LoadedModel>(2, disposeAll)
const adapters = new Cache<LoadedAdapter>(8, disposeAll)

/** The weights, shared by all who only read them. @throws AppError 'bad-model' with the reader's sentence */
export function loadModel(folder: string, { device, weights }: Where): Promise<LoadedModel> {
  return models.get(`${device} ${weights} ${folder}`, () => readModel(folder, { device, weights }))
}

/** A copy of one's own, to train on. */
export function readModel(folder: string, { device, weights }: Where): Promise<LoadedModel> {
  return explained(async () => {
    const checkpoint = openCheckpoint(folder)
    try {
      const specs = fedTensors(expectedTensors(checkpoint.config), blocksOf(checkpoint.config))
      const tensors: Record<string, DeviceTensor> = {}
      for (const { name, shape, block } of specs) tensors[name] = await upload(readRows(checkpoint, block?.of ?? name, block ? [block.start, block.end] : [0, shape[0]!], weights), device)
      return { folder, config: checkpoint.config, configJson: checkpoint.configJson, specs, tensors }
    } finally {
      closeCheckpoint(checkpoint)
    }
  })
}

/** Rows [from, to) of a tensor, as they are held. */
export function readRows(checkpoint: Checkpoint, name: string, [from, to]: readonly [number, number], weights: Place['weights']): DeviceTensor {
  const shape = [to - from, ...checkpoint.tensors.get(name)!.shape.slice(1)]
  return areHalves(shape, weights) ? tensor('float16', shape, readHalves(checkpoint, name, [from, to], 'choose fp32 weights')) : tensor('float32', shape, readWeights(checkpoint, name, [from, to]))
}

/** An adapter as it fits this base; for another base it is read, and its shapes are checked, again. */
function loadAdapter(folder: string, base: LoadedModel, device: Device): Promise<LoadedAdapter> {
  return adapters.get(JSON.stringify([device, base.folder, folder]), () => readAdapterTensors(folder, base.config, device))
}

export function readAdapterTensors(folder: string, base: ModelConfig, device: Device): Promise<LoadedAdapter> {
  return explained(async () => {
    const { config, modules } = readAdapter(folder, base)
    const tensors: Record<string, DeviceTensor> = {}
    for (const [module, { a, b }] of modules) {
      tensors[loraName(module, 'A')] = await upload(tensor('float32', [config.rank, a.length / config.rank], a), device)
      tensors[loraName(module, 'B')] = await upload(tensor('float32', [b.length / config.rank, config.rank], b), device)
    }
    const targets = [...new Set([...modules.keys()].map((module) => module.slice(module.lastIndexOf('.') + 1)))]
    return { lora: { r: config.rank, alpha: config.alpha, targets }, tensors }
  })
}

/** The model and its adapter, if it has one. */
export async function load({ folder, adapter }: ModelRef, where: Where): Promise<{ model: LoadedModel; adapter: LoadedAdapter | null }> {
  const model = await loadModel(folder, where)
  return { model, adapter: adapter === null ? null : await loadAdapter(adapter, model, where.device) }
}

/** Forgets what was read: a folder is about to change, or room is needed. Hold no tensors of a shared model over this. */
export function forgetModels(): void {
  models.clear()
  adapters.clear()
}

/** A reader's complaint becomes what a person sees, with code 'bad-model'. */
export async function explained<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof ModelError ? new AppError('bad-model', error.message, error) : error
  }
}
