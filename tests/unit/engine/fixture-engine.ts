/** An engine for tests: calls that misbehave on purpose, and calls that exercise sessions.ts on a device. */
import { setImmediate, setTimeout } from 'node:timers/promises'
import { probe, requireDevice, tryDevice } from '../../../main/engine/devices.ts'
import { type Handlers, serve } from '../../../main/engine/dispatch.ts'
import type { DeviceReport, Nothing } from '../../../main/engine/protocol.ts'
import { type DType, download, openSession, type TensorData, tensor, upload } from '../../../main/engine/sessions.ts'
import { GraphBuilder } from '../../../native-models/onnx/builder.ts'
import { encodeModel } from '../../../native-models/onnx/wire.ts'
import type { Device, WeightType } from '../../../preload/contract/domain.ts'
import { AppError } from '../../../preload/contract/errors.ts'

export interface TestCalls {
  echo: { params: unknown; result: unknown; event: never }
  /** Blocks the process, as a long run() does. */
  spin: { params: { milliseconds: number }; result: number; event: never }
  /** Keeps the event loop busy without a word. */
  linger: { params: { milliseconds: number }; result: void; event: never }
  /** One event per turn of the event loop. */
  count: { params: { to: number }; result: number; event: { n: number } }
  refuse: { params: Nothing; result: never; event: never }
  fault: { params: Nothing; result: never; event: never }
  unsendable: { params: Nothing; result: unknown; event: never }
  leave: { params: { code: number; lastWords: string }; result: never; event: never }
  crash: { params: { signal: NodeJS.Signals }; result: never; event: never }
  priority: { params: Nothing; result: number; event: never }
  /** Crashes, as a bad driver does, where the environment says CRASH_ON_TRIAL. */
  tryDevice: { params: { device: Device; weights: WeightType }; result: { milliseconds: number }; event: never }
  probe: { params: Nothing; result: DeviceReport[]; event: never }
  requireDevice: { params: { device: Device }; result: DeviceReport; event: never }
  roundTrip: { params: { device: Device; dtype: DType; dims: number[]; data: TensorData }; result: { device: Device; dims: readonly number[]; dataWhileThere: boolean; data: TensorData | null }; event: never }
  /** p ← p − g/2, `steps` times, with p as feed and fetch; also the scalar Σg. */
  descend: { params: { device: Device; p: Float32Array; g: Float32Array; steps: number }; result: { p: TensorData | null; sum: TensorData | null; sumOn: Device; sameTensor: boolean }; event: never }
  fetchIntoOnDeviceSession: { params: Nothing; result: void; event: never }
  castFloat16: { params: { bits: Uint16Array }; result: TensorData | null; event: never }
  castInt64: { params: { device: Device }; result: void; event: never }
}

const handlers: Handlers<TestCalls> = {
  echo: (params) => params,
  spin({ milliseconds }) {
    const until = performance.now() + milliseconds
    while (performance.now() < until);
    return milliseconds
  },
  linger: ({ milliseconds }) => setTimeout(milliseconds),
  async count({ to }, { emit, signal }) {
    for (let n = 1; n <= to; n++) {
      signal.throwIfAborted()
      emit({ n })
      await setImmediate()
    }
    return to
  },
  refuse() {
    throw new AppError('bad-model', 'The folder has no config.json; choose another.')
  },
  fault() {
    throw new TypeError('x is not a function')
  },
  unsendable: () => () => 1,
  leave({ code, lastWords }) {
    process.stderr.write(lastWords, () => process.exit(code))
    return new Promise(() => {}) as never
  },
  crash({ signal }) {
    process.kill(process.pid, signal)
    return new Promise(() => {}) as never
  },
  priority: async () => (await import('node:os')).getPriority(),
  tryDevice(place) {
    if (process.env.CRASH_ON_TRIAL?.split(' ').includes(place.weights)) process.kill(process.pid, 'SIGSEGV')
    return tryDevice(place)
  },
  probe: () => probe(),
  requireDevice: ({ device }) => requireDevice(device),

  async roundTrip({ device, dtype, dims, data }) {
    const there = await upload(tensor(dtype, dims, data), device)
    const back = await download(there)
    const result = { device: there.device, dims: back.dims, dataWhileThere: there.data !== null, data: back.data }
    there.dispose()
    return result
  },
  async descend({ device, p, g, steps }) {
    const graph = new GraphBuilder()
    const [p0, gradient] = [graph.input('p', 'float32', [p.length]), graph.input('g', 'float32', [g.length])]
    graph.output('p_new', graph.sub(p0, graph.scale(gradient, 0.5)))
    graph.output('sum', graph.reduceSum(gradient, [0], false))
    const session = await openSession(encodeModel(graph.graph()), { device, threads: 1 })
    const resident = await upload(tensor('float32', [p.length], p), device)
    let last
    for (let step = 0; step < steps; step++) last = await session.run({ p: resident, g: tensor('float32', [g.length], g) }, { p_new: resident, sum: null })
    const found = { p: (await download(resident)).data, sum: last!.sum!.data, sumOn: last!.sum!.device, sameTensor: last!.p_new === resident }
    resident.dispose()
    await session.dispose()
    return found
  },
  async fetchIntoOnDeviceSession() {
    const graph = new GraphBuilder()
    graph.output('y', graph.neg(graph.input('x', 'float32', [2])))
    const session = await openSession(encodeModel(graph.graph()), { device: 'webgpu', outputsOnDevice: true })
    const x = await upload(tensor('float32', [2], Float32Array.of(1, 2)), 'webgpu')
    await session.run({ x }, { y: x })
  },
  async castFloat16({ bits }) {
    const graph = new GraphBuilder()
    graph.output('y', graph.cast(graph.input('x', 'float16', [bits.length]), 'float32'))
    const session = await openSession(encodeModel(graph.graph()), { device: 'cpu' })
    return (await session.run({ x: tensor('float16', [bits.length], bits) })).y!.data
  },
  /** Has no WebGPU kernel. */
  async castInt64({ device }) {
    const graph = new GraphBuilder()
    graph.output('y', graph.cast(graph.input('x', 'int64', [2]), 'float32'))
    await openSession(encodeModel(graph.graph()), { device })
  },
}

serve(handlers)
