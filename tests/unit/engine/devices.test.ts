/** The real engine's own calls. */
import { availableParallelism } from 'node:os'
import { afterEach, expect, test } from 'vitest'
import { EngineHost } from '../../../main/engine/host.ts'
import { swiftshaderEnv, swiftshaderRuns } from '../../swiftshader.ts'
import type { TestCalls } from './fixture-engine.ts'

/** No Vulkan driver at all, whatever this computer has. */
const noDriver = { VK_ICD_FILENAMES: '/nonexistent/driver.json', VK_DRIVER_FILES: '/nonexistent/driver.json' }

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const engine of open.splice(0)) await engine.close()
})

function start(env: Record<string, string> = {}): EngineHost {
  const engine = EngineHost.start({ env })
  open.push(engine)
  return engine
}

test('hello names the versions', async () => {
  const engine = start()
  expect(await engine.call('hello', {})).toEqual({ pid: engine.pid, node: process.versions.node, onnxruntime: '1.30.0' })
})

test('memory is the engine’s own', async () => {
  const engine = start()
  const { rss, peakRss } = await engine.call('memory', {})
  expect(rss).toBeGreaterThan(20e6)
  expect(peakRss).toBeGreaterThanOrEqual(rss * 0.9)
  expect(peakRss).toBeLessThan(2e9)
})

test('the CPU is always there, with its threads', async () => {
  const engine = start(noDriver)
  const [cpu] = await engine.call('probe', {})
  expect(cpu).toMatchObject({ device: 'cpu', available: true, reason: null, details: { threads: availableParallelism() }, fp16: expect.stringContaining('fp16 is for WebGPU') })
  expect(cpu!.name).not.toBe('')
})

test.runIf(swiftshaderRuns)('WebGPU is available where a graph really ran on it', async () => {
  const engine = start(swiftshaderEnv())
  const webgpu = (await engine.call('probe', {})).find(({ device }) => device === 'webgpu')!
  expect(webgpu).toMatchObject({ available: true, reason: null, fp16: expect.stringMatching(/no 16-bit floats.*shader-f16.*choose fp32 weights/), name: 'WebGPU adapter (name not reported)' })
  expect(webgpu.details.firstRunMilliseconds).toBeGreaterThan(0)
})

test.runIf(process.platform === 'linux')('without a driver WebGPU is reported, and refused, with a reason', async () => {
  const engine = start(noDriver)
  const webgpu = (await engine.call('probe', {})).find(({ device }) => device === 'webgpu')!
  expect(webgpu).toMatchObject({ available: false, details: {} })
  expect(webgpu.reason).toMatch(/no WebGPU adapter.*choose the CPU/)
  expect(webgpu.fp16).toBe(webgpu.reason)
  await expect(engine.call('tryDevice', { device: 'webgpu', weights: 'fp32' })).rejects.toMatchObject({ code: 'device-unavailable', message: webgpu.reason })
  expect((await engine.call('tryDevice', { device: 'cpu', weights: 'fp32' })).milliseconds).toBeGreaterThan(0)
})

test('a driver that crashes takes down the trial only', async () => {
  const engine = EngineHost.start<TestCalls>({ entry: new URL('./fixture-engine.ts', import.meta.url), env: { CRASH_ON_TRIAL: 'fp32 fp16' } })
  open.push(engine)
  const reason = 'The graphics driver crashed when a small graph was tried on it; update the driver or choose the CPU.'
  expect((await engine.call('probe', {})).map(({ device, available, reason }) => ({ device, available, reason }))).toEqual([
    { device: 'cpu', available: true, reason: null },
    { device: 'webgpu', available: false, reason },
  ])
  await expect(engine.call('requireDevice', { device: 'webgpu' })).rejects.toMatchObject({ code: 'device-unavailable', message: reason })
  expect(await engine.call('requireDevice', { device: 'cpu' })).toMatchObject({ available: true })
  expect(engine.generation).toBe(1)
})

test.runIf(swiftshaderRuns)('a driver that crashes on halves still computes with floats', async () => {
  const engine = EngineHost.start<TestCalls>({ entry: new URL('./fixture-engine.ts', import.meta.url), env: { ...swiftshaderEnv(), CRASH_ON_TRIAL: 'fp16' } })
  open.push(engine)
  const webgpu = (await engine.call('probe', {})).find(({ device }) => device === 'webgpu')!
  expect(webgpu).toMatchObject({ available: true, reason: null, fp16: 'The graphics driver crashed when a small graph was tried on it; update the driver or choose fp32 weights.' })
})
