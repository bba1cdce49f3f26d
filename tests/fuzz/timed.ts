/** A sandbox that holds every call to the longest time anything hostile may take, on a child that lives when the call begins. */
import { expect } from 'vitest'
import { type Sandbox, startSandbox } from '../../main/sandbox/host.ts'
import { awake } from '../awake.ts'
import { byteLevelFolder } from '../unit/text/fixtures.ts'

/** Milliseconds. */
export const longest = 5000

export function startTimed(): Sandbox {
  const sandbox = startSandbox()
  const harmless = byteLevelFolder()
  return timed(sandbox, async () => {
    if (sandbox.pid() === undefined) await (await sandbox.openText(harmless)).close()
  })
}

const untimed: readonly PropertyKey[] = ['pid', 'close', 'stream']

function timed<T extends object>(calls: T, revive: () => Promise<void>): T {
  return new Proxy(calls, {
    get(_, name) {
      const call: unknown = Reflect.get(calls, name)
      if (typeof call !== 'function' || untimed.includes(name)) return call
      return async (...args: unknown[]): Promise<unknown> => {
        await revive()
        const began = awake()
        const [outcome] = await Promise.allSettled([Reflect.apply(call, calls, args) as unknown])
        expect(awake() - began, String(name)).toBeLessThan(longest)
        if (outcome.status === 'rejected') throw outcome.reason
        const { value } = outcome
        return typeof value === 'object' && value !== null && 'encode' in value ? timed(value, revive) : value
      }
    },
  })
}
