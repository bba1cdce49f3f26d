import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EngineHost, type EngineOptions } from '../../../main/engine/host.ts'
import { AppError } from '../../../preload/contract/errors.ts'
import type { TestCalls } from './fixture-engine.ts'

const entry = new URL('./fixture-engine.ts', import.meta.url)
let host: EngineHost<TestCalls>
const start = (options: EngineOptions = {}): EngineHost<TestCalls> => (host = EngineHost.start<TestCalls>({ entry, ...options }))
const errorOf = async (promise: Promise<unknown>): Promise<AppError> => promise.then(() => expect.fail('it should have failed'), (error) => error)

beforeEach(() => void start())
afterEach(() => host.close())

describe('a call', () => {
  test('carries typed arrays both ways, only the part that is viewed', async () => {
    const view = new Float32Array(Float32Array.of(9, 1, 2, 3, 9).buffer, 4, 3)
    const found = (await host.call('echo', { view, big: 7n, none: undefined })) as { view: Float32Array; big: bigint }
    expect(found.view).toEqual(Float32Array.of(1, 2, 3))
    expect(found.view.buffer.byteLength).toBeLessThan(20)
    expect(found.big).toBe(7n)
  })

  test('waits for the one before it', async () => {
    const order: string[] = []
    await Promise.all([
      host.call('spin', { milliseconds: 100 }).then(() => order.push('spin')),
      host.call('count', { to: 3 }, { onEvent: ({ n }) => order.push(`event ${n}`) }).then(() => order.push('count')),
      host.call('echo', 1).then(() => order.push('echo')),
    ])
    expect(order).toEqual(['spin', 'event 1', 'event 2', 'event 3', 'count', 'echo'])
  })

  test('leaves this process free while the engine computes', async () => {
    await host.call('echo', 1)
    let ticks = 0
    const timer = setInterval(() => ticks++, 5)
    // Of this process alone: how late a timer is says how busy the machine is.
    const before = performance.eventLoopUtilization()
    await host.call('spin', { milliseconds: 1000 })
    const { active } = performance.eventLoopUtilization(before)
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(50)
    expect(active).toBeLessThan(300)
  })

  test('runs at a lower priority', async () => {
    expect(await host.call('priority', {})).toBe(constants.priority.PRIORITY_BELOW_NORMAL)
  })

  test('fails with the engine’s own sentence and code; the engine lives on', async () => {
    const refusal = await errorOf(host.call('refuse', {}))
    expect(refusal).toMatchObject({ code: 'bad-model', message: 'The folder has no config.json; choose another.' })
    const fault = await errorOf(host.call('fault', {}))
    expect(fault).toMatchObject({ code: 'internal', message: 'The engine failed in "fault": x is not a function' })
    expect(String(fault.cause)).toContain('fixture-engine.ts')
    expect(await errorOf(host.call('unsendable', {}))).toMatchObject({ code: 'internal' })
    expect(await errorOf(host.call('no-such-call' as 'fault', {}))).toMatchObject({ code: 'internal', message: 'The engine failed in "no-such-call": there is no such call' })
    expect(host.generation).toBe(1)
  })
})

describe('a cancellation', () => {
  test('stops a running call between two turns', async () => {
    const stop = new AbortController()
    let seen = 0
    const call = host.call('count', { to: 1e9 }, { signal: stop.signal, onEvent: ({ n }) => ((seen = n) === 5 ? stop.abort() : undefined) })
    expect(await errorOf(call)).toMatchObject({ code: 'cancelled' })
    expect(seen).toBeGreaterThanOrEqual(5)
    expect(await host.call('echo', 'next')).toBe('next')
  })

  test('takes a waiting call out of the queue at once', async () => {
    const stop = new AbortController()
    const first = host.call('spin', { milliseconds: 200 })
    const second = errorOf(host.call('leave', { code: 3, lastWords: 'never' }, { signal: stop.signal }))
    stop.abort()
    expect(await second).toMatchObject({ code: 'cancelled' })
    expect(await first).toBe(200)
    expect(await errorOf(host.call('echo', 1, { signal: stop.signal }))).toMatchObject({ code: 'cancelled' })
    expect(host.generation).toBe(1)
  })

  test('too late leaves the result', async () => {
    const stop = new AbortController()
    const call = host.call('spin', { milliseconds: 200 }, { signal: stop.signal })
    setTimeout(() => stop.abort(), 50)
    expect(await call).toBe(200)
  })

  test('follows from a listener that throws, whose error the call rejects with', async () => {
    const full = new AppError('disk-full', 'The disk is full.')
    const call = host.call('count', { to: 1e9 }, { onEvent: () => { throw full } })
    expect(await errorOf(call)).toBe(full)
    expect(await errorOf(host.call('count', { to: 1 }, { onEvent: () => { throw full } }))).toBe(full)
  })
})

describe('the death of the engine', () => {
  test('by kill -9 rejects every pending call with a named reason; the next call gets a fresh engine', async () => {
    const deaths: AppError[] = []
    await host.close()
    start({ onRestart: (death) => deaths.push(death) })
    await host.call('echo', 'up')
    const firstPid = host.pid!
    const [running, waiting] = [errorOf(host.call('count', { to: 1e9 })), errorOf(host.call('echo', 1))]
    process.kill(firstPid, 'SIGKILL')
    for (const error of await Promise.all([running, waiting])) {
      expect(error).toMatchObject({ name: 'AppError', code: 'engine-died' })
      expect(error.message).toMatch(/was killed \(SIGKILL.*during "count"/)
    }
    expect(await host.call('echo', 'again')).toBe('again')
    expect(host.pid).not.toBe(firstPid)
    expect(host.generation).toBe(2)
    expect(deaths.map(({ code }) => code)).toEqual(['engine-died'])
  })

  test('by itself names the exit code and keeps the last 2 kB it said', async () => {
    const error = await errorOf(host.call('leave', { code: 7, lastWords: `${'x'.repeat(5000)} out of memory` }))
    expect(error.message).toMatch(/ended by itself \(exit code 7\) during "leave"/)
    expect(error.cause).toMatch(/^x+ out of memory$/)
    expect((error.cause as string).length).toBeLessThanOrEqual(2048)
  })

  test('by a crash names the signal', async () => {
    expect((await errorOf(host.call('crash', { signal: 'SIGSEGV' }))).message).toContain('crashed (SIGSEGV)')
  })

  test('while idle is noticed by the next call', async () => {
    await host.call('echo', 1)
    process.kill(host.pid!, 'SIGKILL')
    await expect.poll(() => host.pid).toBeUndefined()
    expect(await host.call('echo', 2)).toBe(2)
    expect(host.generation).toBe(2)
  })

  test('again and again ends in a sentence, until a restart is asked for', async () => {
    await host.close()
    start({ deathLimit: { count: 2, within: 60_000 } })
    for (let i = 0; i < 2; i++) await errorOf(host.call('leave', { code: 1, lastWords: '' }))
    const error = await errorOf(host.call('echo', 1))
    expect(error).toMatchObject({ code: 'engine-died' })
    expect(error.message).toMatch(/has died 2 times .* Last time: The engine process ended by itself \(exit code 1\)/)
    expect(host.generation).toBe(2)
    await host.restart()
    expect(await host.call('echo', 1)).toBe(1)
  })

  test('follows from an entry that is not there', async () => {
    await host.close()
    start({ entry: new URL('./no-such-engine.ts', import.meta.url) })
    const error = await errorOf(host.call('echo', 1))
    expect(error.message).toMatch(/ended by itself \(exit code 1\)/)
    expect(error.cause).toContain('no-such-engine.ts')
  })
})

describe('leaving', () => {
  test('close ends an idle engine by itself, and a busy one by force', async () => {
    await host.call('echo', 1)
    const idle = host.pid!
    await host.close()
    expect(isAlive(idle)).toBe(false)
    expect(await errorOf(host.call('echo', 1))).toMatchObject({ code: 'engine-died' })

    start()
    await host.call('echo', 1)
    const busy = host.pid!
    const pending = errorOf(host.call('spin', { milliseconds: 60_000 }))
    const started = performance.now()
    await host.close(100)
    expect(performance.now() - started).toBeLessThan(5000)
    expect(isAlive(busy)).toBe(false)
    expect(await pending).toMatchObject({ code: 'cancelled' })
  })

  test('the engine leaves when its parent is killed -9', async () => {
    const parent: ChildProcess = spawn(process.execPath, [fileURLToPath(new URL('./fixture-parent.ts', import.meta.url))], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(parent.stdout!, 'data')) as [Buffer]
    const engine = Number(line.toString())
    expect(isAlive(engine)).toBe(true)
    parent.kill('SIGKILL')
    for (let waited = 0; isAlive(engine) && waited < 10_000; waited += 50) await wait(50)
    expect(isAlive(engine)).toBe(false)
  })
})

/** An orphan that has ended may stay a zombie where the container's first process does not reap. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  const stat = `/proc/${pid}/stat`
  return !existsSync(stat) || !/\) Z /.test(readFileSync(stat, 'utf8'))
}
