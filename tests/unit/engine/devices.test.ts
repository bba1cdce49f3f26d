/** The real engine's own calls. */
import { availableParallelism } from 'node:os'
import { afterEach, expect, test } from 'vitest'
import { EngineHost } from '../../../main/engine/host.ts'
import { swiftshaderEnv, swiftshaderRuns } from '../../swiftshader.ts'

/** No Vulkan driver at all, whatever this computer has. */
const noDriver = { VK_ICD_FILENAMES: '/nonexistent/driver.json', VK_DRIVER_FILES: '/nonexistent/driver.json' }

let host: EngineHost
afterEach(() => host.close())

test('hello names the versions', async () => {
  host = EngineHost.start()
  expect(await host.call('hello', {})).toEqual({ pid: host.pid, node: process.versions.node, onnxruntime: '1.30.0' })
})

test('memory is the engine’s own', async () => {
  host = EngineHost.start()
  const { rss, peakRss } = await host.call('memory', {})
  expect(rss).toBeGreaterThan(20e6)
  expect(peakRss).toBeGreaterThanOrEqual(rss * 0.9)
  expect(peakRss).toBeLessThan(2e9)
})

test('the CPU is always there, with its threads', async () => {
  host = EngineHost.start({ env: noDriver })
  const [cpu] = await host.call('probe', {})
  expect(cpu).toMatchObject({ device: 'cpu', available: true, reason: null, details: { threads: availableParallelism() } })
  expect(cpu!.name).not.toBe('')
})

test.runIf(swiftshaderRuns)('WebGPU is available where a graph really ran on it', async () => {
  host = EngineHost.start({ env: swiftshaderEnv() })
  const webgpu = (await host.call('probe', {})).find(({ device }) => device === 'webgpu')!
  expect(webgpu).toMatchObject({ available: true, reason: null, name: 'WebGPU adapter (name not reported)' })
  expect(webgpu.details.firstRunMilliseconds).toBeGreaterThan(0)
})

test.runIf(process.platform === 'linux')('without a driver WebGPU is reported, and refused, with a reason', async () => {
  host = EngineHost.start({ env: noDriver })
  const webgpu = (await host.call('probe', {})).find(({ device }) => device === 'webgpu')!
  expect(webgpu).toMatchObject({ available: false, details: {} })
  expect(webgpu.reason).toMatch(/no WebGPU adapter.*choose the CPU/)
  await expect(host.call('tryDevice', { device: 'webgpu' })).rejects.toMatchObject({ code: 'device-unavailable', message: webgpu.reason })
  expect((await host.call('tryDevice', { device: 'cpu' })).milliseconds).toBeGreaterThan(0)
})
