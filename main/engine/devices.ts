/** Which devices can compute here. A device counts as available only after a graph has run on it and its numbers were right. */
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { pathToFileURL } from 'node:url'
import { GraphBuilder } from '../../native-models/onnx/builder.ts'
import { encodeModel } from '../../native-models/onnx/wire.ts'
import type { Device } from '../../preload/contract/domain.ts'
import { AppError, assertNever } from '../../preload/contract/errors.ts'
import { EngineHost } from './host.ts'
import type { DeviceReport } from './protocol.ts'
import { openSession, tensor } from './sessions.ts'

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

/** Multiplies two 2×2 matrices on a device; throws unless the product is right. Returns the time of load and run, in milliseconds. */
export async function tryDevice(device: Device): Promise<{ milliseconds: number }> {
  const started = performance.now()
  const graph = new GraphBuilder()
  graph.output('product', graph.matmul(graph.input('a', 'float32', [2, 2]), graph.input('b', 'float32', [2, 2])))
  const session = await openSession(encodeModel(graph.graph()), { device, threads: 1 })
  const { product } = await session.run({ a: tensor('float32', [2, 2], Float32Array.of(1, 2, 3, 4)), b: tensor('float32', [2, 2], Float32Array.of(5, 6, 7, 8)) })
  await session.dispose()
  const found = Array.from(product!.data as Float32Array).join()
  if (found !== '19,22,43,50') throw new AppError('device-unavailable', `${nameOf(device)} computes wrong numbers here (${found} for a product of 19,22,43,50); update the graphics driver or choose the CPU.`)
  return { milliseconds: performance.now() - started }
}

function reportCpu(): DeviceReport {
  const details = { threads: availableParallelism(), vectors: vectorInstructions(), memoryBytes: totalmem() }
  return { device: 'cpu', name: nameOf('cpu'), available: true, reason: null, details }
}

/** The trial runs in a process of its own: a graphics driver that crashes or hangs takes only that one down. */
async function reportWebgpu(): Promise<DeviceReport> {
  const trial = EngineHost.start({ entry: pathToFileURL(process.argv[1]!) })
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    const sentence = `The graphics driver did not answer within ${TRIAL_LIMIT / 1000} seconds; choose the CPU.`
    timer = setTimeout(() => reject(new AppError('device-unavailable', sentence)), TRIAL_LIMIT)
  })
  const report = { device: 'webgpu', name: nameOf('webgpu') } as const
  try {
    const { milliseconds } = await Promise.race([trial.call('tryDevice', { device: 'webgpu' }), limit])
    return { ...report, available: true, reason: null, details: { firstRunMilliseconds: Math.round(milliseconds) } }
  } catch (error) {
    return { ...report, available: false, reason: sentenceOf(error), details: {} }
  } finally {
    clearTimeout(timer)
    await trial.close(500)
  }
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof AppError)) throw error
  return error.code === 'engine-died' ? 'The graphics driver crashed when a small graph was tried on it; update the driver or choose the CPU.' : error.message
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
