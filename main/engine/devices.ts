/** Which devices can compute here. A device counts as available only after a graph has run on it and its numbers were right. */
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { pathToFileURL } from 'node:url'
import { fedParameters } from '../../native-models/families/parameters.ts'
import { GraphBuilder } from '../../native-models/onnx/builder.ts'
import { encodeModel } from '../../native-models/onnx/wire.ts'
import { encodeHalves } from '../../native-models/weights/halves.ts'
import type { Device, WeightType } from '../../preload/contract/domain.ts'
import { AppError, assertNever } from '../../preload/contract/errors.ts'
import { EngineHost } from './host.ts'
import type { DeviceReport, Place } from './protocol.ts'
import { openSession, tensor, upload } from './sessions.ts'

const TRIAL_LIMIT = 30_000 // milliseconds; a first run compiles shaders

/** Asks every device, the CPU first. */
export async function probe(): Promise<DeviceReport[]> {
  return [reportCpu(), await reportWebgpu()]
}

/** @throws AppError `device-unavailable`, with the device's own reason. */
export async function requireDevice(device: Device): Promise<DeviceReport> {
  const report = device === 'cpu' ? reportCpu() : await reportWebgpu()
  if (report.reason !== null) throw new AppError('device-unavailable', report.reason)
  return report
}

/** Multiplies two 2×2 matrices on a device, one of them as weights of this type; throws unless the product is right. Returns the time of load and run, in milliseconds. */
export async function tryDevice({ device, weights }: Pick<Place, 'device' | 'weights'>): Promise<{ milliseconds: number }> {
  const started = performance.now()
  const graph = new GraphBuilder()
  const [product] = fedParameters(graph, [], weights).linears(graph.input('x', 'float32', [2, 2]), [{ module: 'linear', out: 2, bias: false }])
  graph.output('product', product!)
  const session = await openSession(encodeModel(graph.graph()), { device, threads: 1 })
  const transposed = Float32Array.of(5, 7, 6, 8)
  const weight = await upload(weights === 'fp16' ? tensor('float16', [2, 2], encodeHalves(transposed, 'the trial', instead.fp16)) : tensor('float32', [2, 2], transposed), device)
  const results = await session.run({ x: tensor('float32', [2, 2], Float32Array.of(1, 2, 3, 4)), 'linear.weight': weight })
  await session.dispose()
  weight.dispose()
  const found = Array.from(results['product']!.data as Float32Array).join()
  if (found !== '19,22,43,50') throw new AppError('device-unavailable', `${nameOf(device)} computes wrong numbers here (${found} for a product of 19,22,43,50); update the graphics driver or ${instead[weights]}.`)
  return { milliseconds: performance.now() - started }
}

function reportCpu(): DeviceReport {
  const details = { threads: availableParallelism(), vectors: vectorInstructions(), memoryBytes: totalmem() }
  return { device: 'cpu', name: nameOf('cpu'), available: true, reason: null, fp16: 'On the CPU weights are fp32; fp16 is for WebGPU.', details }
}

/** The trial runs in a process of its own: a graphics driver that crashes or hangs takes only that one down. */
async function reportWebgpu(): Promise<DeviceReport> {
  const trial = EngineHost.start({ entry: pathToFileURL(process.argv[1]!) })
  const report = { device: 'webgpu', name: nameOf('webgpu') } as const
  try {
    const floats = await attempt(trial, 'fp32')
    if (typeof floats === 'string') return { ...report, available: false, reason: floats, fp16: floats, details: {} }
    const halves = await attempt(trial, 'fp16')
    return { ...report, available: true, reason: null, fp16: typeof halves === 'string' ? halves : null, details: { firstRunMilliseconds: Math.round(floats) } }
  } finally {
    await trial.close(500)
  }
}

/** What to do where weights of a type do not work. */
const instead: Readonly<Record<WeightType, string>> = { fp32: 'choose the CPU', fp16: 'choose fp32 weights' }

/** @returns milliseconds, or a sentence that says why not */
async function attempt(trial: EngineHost, weights: WeightType): Promise<number | string> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    const sentence = `The graphics driver did not answer within ${TRIAL_LIMIT / 1000} seconds; ${instead[weights]}.`
    timer = setTimeout(() => reject(new AppError('device-unavailable', sentence)), TRIAL_LIMIT)
  })
  try {
    return (await Promise.race([trial.call('tryDevice', { device: 'webgpu', weights }), limit])).milliseconds
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return error.code === 'engine-died' ? `The graphics driver crashed when a small graph was tried on it; update the driver or ${instead[weights]}.` : error.message
  } finally {
    clearTimeout(timer)
  }
}

function nameOf(device: Device): string {
  switch (device) {
    case 'cpu': return cpus()[0]?.model.trim() || process.arch
    case 'webgpu': return 'WebGPU adapter (name not reported)' // the binding does not say which
    default: return assertNever(device)
  }
}

/** The widest vector unit, which decides the speed of every product. */
function vectorInstructions(): string {
  if (process.arch === 'arm64') return 'NEON'
  if (process.platform !== 'linux') return 'not reported'
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' ') ?? []
  const names = { avx512f: 'AVX-512', avx2: 'AVX2', avx: 'AVX' }
  return Object.entries(names).find(([flag]) => flags.includes(flag))?.[1] ?? 'SSE'
}
