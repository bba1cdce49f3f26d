/**
 * The only file that loads onnxruntime-node. Its quirks (ENGINE.md, "Rules that follow") end here:
 * a session runs a graph on one device, a tensor lives on the CPU as a typed array or on the GPU as a handle.
 * `run` blocks this process for its whole length, so only the engine's child process calls it.
 */
import { availableParallelism } from 'node:os'
import type * as Ort from 'onnxruntime-node'
import { GraphBuilder } from '../../native-models/onnx/builder.ts'
import type { DType, TensorData } from '../../native-models/onnx/types.ts'
import { encodeModel } from '../../native-models/onnx/wire.ts'
import type { Device } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'

// While Float16Array exists, onnxruntime rejects every float16 tensor; without it a Uint16Array of bits is accepted.
Reflect.deleteProperty(globalThis, 'Float16Array')
// The runtime reports its sessions to Microsoft from Linux and macOS (a collector's URL, ~/.cache/Microsoft, a log in
// the temporary folder) unless this is set before it is loaded. Creamery is offline.
process.env['ORT_DISABLE_TELEMETRY'] = '1'
const { default: ort } = await import('onnxruntime-node')
ort.env.logLevel = 'error'

export type { DType, TensorData }

/** A tensor on a device. GPU memory is freed by `dispose` alone, never by the garbage collector. */
export interface DeviceTensor {
  readonly dtype: DType
  readonly dims: readonly number[]
  readonly device: Device
  /** The live elements on the CPU (float16 as bits, bool as bytes); null on the GPU: see `download`. */
  readonly data: TensorData | null
  dispose(): void
}

export type Tensors = Readonly<Record<string, DeviceTensor>>
/** Output name → where it goes: null allocates; a tensor is overwritten in place, and may also be a feed of that run. */
export type Fetches = Readonly<Record<string, DeviceTensor | null>>

/** One input or output of a graph; a dimension that is not fixed is a name. */
export interface Port {
  readonly name: string
  readonly dtype: DType
  readonly dims: readonly (number | string)[]
}

export interface SessionOptions {
  readonly device: Device
  /** Threads within an op, CPU only; 0 = all cores. */
  readonly threads?: number
  /** 'none' (default): nodes run in file order, which our scheduler chose for memory. 'all': ONNX Runtime rewrites the graph. */
  readonly optimise?: 'none' | 'all'
  /** CPU only: weights stored with the graph are repacked for speed at load, at the price of a second copy. Default true. */
  readonly prepack?: boolean
  /** WebGPU only: every output stays on the GPU. Such a session ignores tensors given as fetches, so `run` refuses them. */
  readonly outputsOnDevice?: boolean
}

export interface Session {
  readonly device: Device
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  /** Runs the graph; without `fetches` every output is made anew. Outputs land on the CPU unless fetched into a GPU tensor. */
  run(feeds: Tensors, fetches?: Fetches): Promise<Record<string, DeviceTensor>>
  /** Frees the session and its arena. */
  dispose(): Promise<void>
}

/** The versions that decide a result's bytes. */
export const runtimeVersion: string = ort.env.versions.node ?? ort.env.versions.common

/** Wraps elements that are already in memory, without a copy. */
export function tensor(dtype: DType, dims: readonly number[], data: TensorData): DeviceTensor {
  return new RuntimeTensor(new ort.Tensor(dtype, data as never, dims))
}

/**
 * Loads a model from its bytes or from a file (needed where weights lie beside it).
 * @throws AppError `device-unavailable` where WebGPU finds no adapter: nothing ever falls back to the CPU.
 */
export async function openSession(model: Uint8Array | string, options: SessionOptions): Promise<Session> {
  const settings: Ort.InferenceSession.SessionOptions = {
    executionProviders: [options.device],
    graphOptimizationLevel: options.optimise === 'all' ? 'all' : 'disabled',
    executionMode: 'sequential',
    enableMemPattern: false, // planning by pattern keeps 1.6× the memory at equal speed
    enableCpuMemArena: true,
    logSeverityLevel: 4, // errors arrive as exceptions; the terminal is not the place for them
    ...(options.device === 'cpu' && { intraOpNumThreads: options.threads || availableParallelism() }),
    ...(options.device === 'cpu' && options.prepack === false && { extra: { session: { disable_prepacking: '1' } } }),
    // Without this an op that WebGPU lacks silently travels to the host and back.
    ...(options.device === 'webgpu' && { extra: { session: { disable_cpu_ep_fallback: '1' } } }),
    ...(options.outputsOnDevice && options.device === 'webgpu' && { preferredOutputLocation: 'gpu-buffer' as const }),
  }
  try {
    // The two overloads differ only in their first parameter.
    const session = await (typeof model === 'string' ? ort.InferenceSession.create(model, settings) : ort.InferenceSession.create(model, settings))
    return new RuntimeSession(session, options)
  } catch (error) {
    throw explain(error, options.device)
  }
}

/** Brings a CPU tensor to a device (float32, float16, int32 on WebGPU); on the CPU it is the same tensor. */
export async function upload(source: DeviceTensor, device: Device): Promise<DeviceTensor> {
  if (source.device === device) return source
  if (device === 'cpu') throw new Error('upload to the CPU: call download')
  if (source.dtype === 'int64' || source.dtype === 'bool') throw new Error(`a ${source.dtype} tensor cannot stay on WebGPU: feed it from the CPU in each run`)
  const copy = await copySession(source, true)
  return (await copy.run({ x: source })).y!
}

/** Reads a tensor back to the CPU. (`getData` on a GPU tensor aborts the process; a graph with a CPU output does not.) */
export async function download(source: DeviceTensor): Promise<DeviceTensor> {
  if (source.device === 'cpu') return source
  const copy = await copySession(source, false)
  return (await copy.run({ x: source })).y!
}

const copySessions = new Map<string, Promise<Session>>()

/** One Identity graph per dtype and rank, every dimension free. */
function copySession({ dtype, dims }: DeviceTensor, outputsOnDevice: boolean): Promise<Session> {
  const key = `${dtype} ${dims.length} ${outputsOnDevice}`
  const known = copySessions.get(key)
  if (known) return known
  const graph = new GraphBuilder()
  graph.output('y', graph.identity(graph.input('x', dtype, dims.map(() => -1))))
  const session = openSession(encodeModel(graph.graph()), { device: 'webgpu', outputsOnDevice })
  copySessions.set(key, session)
  session.catch(() => copySessions.delete(key))
  return session
}

class RuntimeTensor implements DeviceTensor {
  readonly handle: Ort.Tensor
  readonly device: Device

  constructor(handle: Ort.Tensor) {
    this.handle = handle
    this.device = handle.location === 'gpu-buffer' ? 'webgpu' : 'cpu'
  }

  get dtype(): DType {
    return this.handle.type as DType
  }

  get dims(): readonly number[] {
    return this.handle.dims
  }

  get data(): TensorData | null {
    return this.device === 'cpu' ? (this.handle.data as TensorData) : null
  }

  dispose(): void {
    this.handle.dispose()
  }
}

class RuntimeSession implements Session {
  readonly #session: Ort.InferenceSession
  readonly #outputsOnDevice: boolean
  readonly device: Device
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]

  constructor(session: Ort.InferenceSession, { device, outputsOnDevice = false }: SessionOptions) {
    this.#session = session
    this.#outputsOnDevice = outputsOnDevice
    this.device = device
    this.inputs = session.inputMetadata.map(port)
    this.outputs = session.outputMetadata.map(port)
  }

  async run(feeds: Tensors, fetches?: Fetches): Promise<Record<string, DeviceTensor>> {
    const given = Object.entries(fetches ?? Object.fromEntries(this.outputs.map(({ name }) => [name, null])))
    const places = given.map(([name, place]) => [name, place && this.#place(name, place)] as const)
    const handles = Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, handleOf(feed)]))
    const results = await this.#session.run(handles, Object.fromEntries(places)).catch((error: unknown) => {
      throw explain(error, this.device) // a shader is compiled when it first runs
    })
    // In place: the given tensor is the result. (The binding also makes a copy, garbage at once.)
    return Object.fromEntries(given.map(([name, place]) => [name, place ?? new RuntimeTensor(results[name]!)]))
  }

  #place(name: string, place: DeviceTensor): Ort.Tensor {
    if (this.#outputsOnDevice) throw new Error(`output ${name} cannot go to a given tensor: this session's outputs are made on the device`)
    if (!this.outputs.some((output) => output.name === name)) throw new Error(`no output ${name}; there are ${this.outputs.map((output) => output.name).join(', ')}`)
    return handleOf(place)
  }

  async dispose(): Promise<void> {
    await this.#session.release()
  }
}

function handleOf(tensor: DeviceTensor): Ort.Tensor {
  if (tensor instanceof RuntimeTensor) return tensor.handle
  throw new TypeError('a tensor of another make: use tensor(), upload() or the outputs of a run')
}

function port(meta: Ort.InferenceSession.ValueMetadata): Port {
  if (!meta.isTensor) throw new Error(`${meta.name} is not a tensor`)
  return { name: meta.name, dtype: meta.type as DType, dims: meta.shape }
}

function explain(error: unknown, device: Device): unknown {
  const message = error instanceof Error ? error.message : String(error)
  if (device !== 'webgpu') return error
  if (/WebGPU adapter|backend not found|not supported in this build/i.test(message)) {
    return new AppError('device-unavailable', 'This computer offers no WebGPU adapter to Creamery (no supported GPU, or its driver is missing); choose the CPU instead.', error)
  }
  if (message.includes('requires f16 but the device does not support it')) {
    return new AppError('device-unavailable', 'This graphics adapter computes with no 16-bit floats (WebGPU’s "shader-f16"), so weights cannot be fp16 on it; choose fp32 weights.', error)
  }
  if (message.includes('fallback to CPU EP has been explicitly disabled')) return new Error('the graph holds an op, or an op on this dtype, that has no WebGPU kernel', { cause: error })
  return error
}
