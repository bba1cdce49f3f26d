/** sessions.ts through a real engine process: on the CPU, and on WebGPU by SwiftShader. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EngineHost } from '../../../main/engine/host.ts'
import type { Device } from '../../../preload/contract/domain.ts'
import { swiftshaderEnv, swiftshaderRuns } from '../../swiftshader.ts'
import type { TestCalls } from './fixture-engine.ts'

const entry = new URL('./fixture-engine.ts', import.meta.url)
const devices: Device[] = swiftshaderRuns ? ['cpu', 'webgpu'] : ['cpu']

let host: EngineHost<TestCalls>
beforeAll(() => void (host = EngineHost.start<TestCalls>({ entry, env: swiftshaderRuns ? swiftshaderEnv() : {} })))
afterAll(() => host.close())

describe.each(devices)('on %s', (device) => {
  test.each([
    ['float32', [2, 3], Float32Array.of(1, 2.5, -3, 0, 1e-20, 3e38)],
    ['float32', [], Float32Array.of(42)],
    ['float32', [1, 2, 1, 2, 1], Float32Array.of(1, 2, 3, 4)],
    ['int32', [4], Int32Array.of(1, -2, 3, 2 ** 31 - 1)],
    ['float16', [2, 2], Uint16Array.of(0x3c00, 0x4000, 0xbc00, 0x0001)],
  ] as const)('a %s tensor of shape %j goes up and comes back', async (dtype, dims, data) => {
    const found = await host.call('roundTrip', { device, dtype, dims: [...dims], data })
    expect(found).toEqual({ device, dims, dataWhileThere: device === 'cpu', data })
  })

  test('a feed that is also the fetch is updated in place, scalars land on the CPU', async () => {
    const found = await host.call('descend', { device, p: Float32Array.of(1, 2, 3), g: Float32Array.of(1, 0, -4), steps: 3 })
    expect(found).toEqual({ p: Float32Array.of(-0.5, 2, 9), sum: Float32Array.of(-3), sumOn: 'cpu', sameTensor: true })
  })
})

test('float16 is computed on the CPU although Node 24 has a Float16Array', async () => {
  expect(await host.call('castFloat16', { bits: Uint16Array.of(0x3c00, 0xc100, 0x3555) })).toEqual(Float32Array.of(1, -2.5, 0.333251953125))
})

describe.runIf(swiftshaderRuns)('what WebGPU would do wrong in silence', () => {
  test('an op without a kernel is refused instead of travelling to the CPU', async () => {
    await host.call('castInt64', { device: 'cpu' })
    await expect(host.call('castInt64', { device: 'webgpu' })).rejects.toThrow('no WebGPU kernel')
  })

  test('a fetch that the runtime would ignore is refused', async () => {
    await expect(host.call('fetchIntoOnDeviceSession', {})).rejects.toThrow('output y cannot go to a given tensor')
  })

  test('a dtype that cannot stay on the device is refused', async () => {
    await expect(host.call('roundTrip', { device: 'webgpu', dtype: 'int64', dims: [1], data: BigInt64Array.of(1n) })).rejects.toThrow('a int64 tensor cannot stay on WebGPU')
  })
})
