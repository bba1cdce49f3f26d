/** What training writes: checkpoints to resume from, and the finished adapter or model. Written beside, fsynced, renamed. */
import { basename, join } from 'node:path'
import { type TensorSpec, wholeTensors } from '../../native-models/families/tables.ts'
import { sizeOf } from '../../native-models/onnx/types.ts'
import { loraName } from '../../native-models/training/lora.ts'
import { writeAdapter } from '../../native-models/weights/adapter.ts'
import { writeCheckpoint } from '../../native-models/weights/checkpoint.ts'
import { ModelError } from '../../native-models/weights/error.ts'
import { type TensorToWrite, openSafetensors, writeSafetensors } from '../../native-models/weights/safetensors.ts'
import { linearModules } from '../../native-models/weights/tensors.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { forgetModels } from './models.ts'
import type { SavedFile } from './protocol.ts'
import { type Tensors, download } from './sessions.ts'
import type { Training } from './training.ts'

export interface SavedState {
  readonly step: number
  readonly values: ReadonlyMap<string, Float32Array>
  readonly m: ReadonlyMap<string, Float32Array>
  readonly v: ReadonlyMap<string, Float32Array>
}
const groups = ['values', 'm', 'v'] as const

/** Parameters and both moments, by `<group>/<name>`; the step in the metadata. Blocks of a table are one tensor here. */
export async function saveCheckpoint(training: Training, path: string): Promise<SavedFile> {
  const tensors: TensorToWrite[] = []
  for (const group of groups) {
    tensors.push(...toWrite(training.trainable, await onCpu(training[group], training.trainable), `${group}/`))
  }
  return explained(() => writeSafetensors(path, tensors, { step: String(training.step) }))
}

/** @throws ModelError when it is no checkpoint of what is trained here */
export function readCheckpoint(path: string, trainable: readonly TensorSpec[]): SavedState {
  const file = openSafetensors(path)
  try {
    const shapes = new Map([...file.tensors].map(([name, { shape }]) => [name, String(shape)]))
    const whole = wholeTensors(trainable)
    const fits = shapes.size === groups.length * whole.length && groups.every((group) => whole.every(({ name, shape }) => shapes.get(`${group}/${name}`) === String(shape)))
    if (!fits || !/^\d+$/.test(file.metadata['step'] ?? '')) throw new ModelError(`${path} is a checkpoint of another training; resume with the settings that it was saved under, or start the stage anew.`)
    const read = (group: string): Map<string, Float32Array> => new Map(trainable.map(({ name, shape, block }) => {
      const width = sizeOf(shape.slice(1))
      return [name, file.readFloats(`${group}/${block?.of ?? name}`, block && [block.start * width, block.end * width])]
    }))
    return { step: Number(file.metadata['step']), values: read('values'), m: read('m'), v: read('v') }
  } finally {
    file.close()
  }
}

/** A PEFT adapter folder, or for full tuning a whole checkpoint folder. The hash is that of the weights file. */
export async function saveModel({ params, model, trainable, values, spec }: Training, folder: string): Promise<SavedFile> {
  const data = await onCpu(values, trainable)
  forgetModels() // what lay in this folder before
  if (!spec.lora) {
    const files = await explained(() => writeCheckpoint(folder, { ...model.configJson, torch_dtype: 'float32' }, toWrite(trainable, data)))
    return { ...files[0]!, path: folder }
  }
  const adapted = [...linearModules(model.config).keys()].filter((module) => data.has(loraName(module, 'A')))
  const modules = new Map(adapted.map((module) => [module, { a: data.get(loraName(module, 'A'))!, b: data.get(loraName(module, 'B'))! }]))
  const config = { rank: spec.lora.r, alpha: spec.lora.alpha, dropout: params.tuning.kind === 'lora' ? (params.tuning.dropout ?? 0) : 0, base: basename(params.folder), targets: [...spec.lora.targets] }
  const { weights } = await explained(() => writeAdapter(folder, { config, modules }, model.config))
  return { ...weights, path: join(folder, basename(weights.path)) }
}

/** Tensors by their usual names, those in blocks put together as they are written. */
const toWrite = (trainable: readonly TensorSpec[], data: ReadonlyMap<string, Float32Array>, prefix = ''): TensorToWrite[] =>
  wholeTensors(trainable).map(({ name, shape, pieces }) => ({ name: prefix + name, dtype: 'F32', shape, data: () => pieces.map((piece) => data.get(piece.name)!) }))

async function onCpu(tensors: Tensors, trainable: readonly TensorSpec[]): Promise<Map<string, Float32Array>> {
  const read = new Map<string, Float32Array>()
  for (const { name } of trainable) read.set(name, (await download(tensors[name]!)).data as Float32Array)
  return read
}

async function explained<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw new AppError('disk-full', 'The disk is full: nothing was overwritten. Make room and resume; training goes on from its last checkpoint.', error)
    throw error
  }
}
