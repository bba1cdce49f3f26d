/** The model as sampling wants it: adapter merged into the weights, ready for sessions that hold them; or, in halves, beside them. */
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GraphBuilder } from '../../native-models/onnx/builder.ts'
import type { Graph } from '../../native-models/onnx/types.ts'
import { type ExternalWeight, encodeModel } from '../../native-models/onnx/wire.ts'
import type { ParametersOn } from '../../native-models/families/decoding.ts'
import type { ModelSpec } from '../../native-models/training/graphs.ts'
import { adaptedParameters, loraName } from '../../native-models/training/lora.ts'
import type { ModelConfig } from '../../native-models/weights/config.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { sessionFor, specOf } from './graphs.ts'
import { type LoadedAdapter, type LoadedModel, disposeAll, load, loadModel } from './models.ts'
import type { ModelRef, Place } from './protocol.ts'
import { type DeviceTensor, type Session, type Tensors, download, openSession, upload } from './sessions.ts'

export interface SampledModel extends Weights {
  readonly config: ModelConfig
  /** How its graphs take the weights. */
  readonly parameters: ParametersOn
}

interface Weights {
  /** Weights to feed, asked for per batch (the base's may have left memory meanwhile); none where the sessions hold them. */
  feeds(): Promise<Tensors>
  /** `prepack`: this graph runs many times on few rows. */
  open(graph: Graph, prepack: boolean): Promise<Session>
  dispose(): void
}

const PAGE = 4096
const FOLDER = 'creamery-engine-'

/**
 * On the CPU the weights go to a temporary file that sessions map and repack (decoding runs a quarter faster than with
 * fed weights, ENGINE §11); elsewhere they are fed from the device.
 */
export async function merge(ref: ModelRef, place: Place): Promise<SampledModel> {
  const { model, adapter } = await load(ref, place)
  const { config, specs } = model
  const common = { config, parameters: samplingParameters(specOf({ config, weights: specs, lora: adapter?.lora ?? null }, place)) }
  if (place.weights === 'fp16') return { ...common, ...adaptBeside(ref, place) }
  return { ...common, ...(await (place.device === 'cpu' ? mergeToFile(model, adapter, place) : mergeOnDevice(model, adapter, place))) }
}

/** Merged weights have the adapter inside, halves have it beside them. */
export const samplingParameters = (spec: ModelSpec): ParametersOn => (b) => adaptedParameters(b, spec.held === 'fp16' ? spec : { ...spec, lora: null })

/**
 * Halves have no room for what an adapter changes (W + ΔW would round most of a small ΔW away), and merged floats would take
 * twice what the halves do: the adapter stays beside, and what is sampled from is what is scored, to the last rounding.
 */
function adaptBeside(ref: ModelRef, place: Place): Weights {
  return {
    feeds: async () => {
      const { model, adapter } = await load(ref, place)
      return { ...model.tensors, ...adapter?.tensors }
    },
    open: (graph) => openSession(encodeModel(graph), place),
    dispose: () => {},
  }
}

async function mergeOnDevice(model: LoadedModel, adapter: LoadedAdapter | null, place: Place): Promise<Weights> {
  const own: Record<string, DeviceTensor> = {}
  for (const { name } of model.specs) {
    const cpu = await mergedWeight(name, model, adapter, place)
    if (cpu) own[name] = await upload(cpu, place.device)
  }
  return {
    feeds: async () => ({ ...(await loadModel(model.folder, place)).tensors, ...own }),
    open: (graph) => openSession(encodeModel(graph), place),
    dispose: () => disposeAll({ tensors: own }),
  }
}

async function mergeToFile(model: LoadedModel, adapter: LoadedAdapter | null, place: Place): Promise<Weights> {
  const folder = mkdtempSync(join(tmpdir(), `${FOLDER}${process.pid}-`))
  const external = new Map<string, ExternalWeight>()
  try {
    const file = openSync(join(folder, 'weights.bin'), 'w')
    let offset = 0
    for (const { name } of model.specs) {
      const { data } = (await mergedWeight(name, model, adapter, place)) ?? model.tensors[name]!
      const length = data!.byteLength
      writeFully(file, new Uint8Array(data!.buffer, data!.byteOffset, length), offset)
      external.set(name, { name, location: 'weights.bin', offset, length })
      offset = Math.ceil((offset + length) / PAGE) * PAGE
    }
    closeSync(file)
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw new AppError('disk-full', `There is no room in ${tmpdir()} for the merged weights that sampling uses; make room there and resume.`, error)
    throw error
  }
  let count = 0
  return {
    feeds: async () => ({}),
    open(graph, prepack) {
      const path = join(folder, `${count++}.onnx`)
      writeFileSync(path, encodeModel(graph, new Map(graph.inputs.flatMap(({ name }) => (external.has(name) ? [[name, external.get(name)!]] : [])))))
      return openSession(path, { ...place, prepack })
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** W + (α/r)·B·A on the CPU, or null where no adapter sits. */
async function mergedWeight(name: string, model: LoadedModel, adapter: LoadedAdapter | null, place: Place): Promise<DeviceTensor | null> {
  const module = name.replace(/\.weight$/, '')
  const a = adapter?.tensors[loraName(module, 'A')]
  const b = adapter?.tensors[loraName(module, 'B')]
  if (!adapter || !a || !b) return null
  const scale = adapter.lora.alpha / adapter.lora.r
  const [out, inner] = model.tensors[name]!.dims as [number, number]
  const session = await sessionFor(['merge', out, inner, adapter.lora.r, scale], place, () => mergeGraph(out, inner, adapter.lora.r, scale))
  const { merged } = await session.run({ w: model.tensors[name]!, a, b })
  return download(merged!)
}

function mergeGraph(out: number, inner: number, r: number, scale: number): Graph {
  const b = new GraphBuilder()
  const [w, down, up] = [b.input('w', b.float, [out, inner]), b.input('a', b.float, [r, inner]), b.input('b', b.float, [out, r])]
  b.output('merged', b.gemm(up, down, { alpha: scale, c: w }))
  return b.graph()
}

function writeFully(file: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, Math.min(bytes.length - done, 2 ** 30), at + done)
}

/** Removes what engines left behind: those that were killed, or, at its own end, this one. */
export function sweepTemporaryFolders(isOver: (pid: number) => boolean = (pid) => !isAlive(pid)): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(FOLDER) ? Number(name.slice(FOLDER.length).split('-')[0]) : Number.NaN
    if (!Number.isInteger(pid) || !isOver(pid)) continue
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true })
    } catch {
      // Another user's, or being swept by another engine: nothing that this one needs.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
