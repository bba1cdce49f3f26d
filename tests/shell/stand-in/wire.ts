/** What Electron does to values on their way between processes and worlds. */
import { types } from 'node:util'

/** Between processes: a structured clone. Functions, symbols and class instances' methods do not survive. @throws Error */
export function overIpc<Value>(value: Value): Value {
  try {
    return structuredClone(value)
  } catch {
    throw new Error('An object could not be cloned.')
  }
}

/** Between a preload's world and the page's: functions become proxies, everything else a copy without its prototype. */
export function overBridge(value: unknown): unknown {
  if (typeof value === 'function') {
    return (...args: unknown[]): unknown => {
      try {
        return overBridge((value as (...given: unknown[]) => unknown)(...args.map(overBridge)))
      } catch (error) {
        throw new Error(error instanceof Error ? error.message : String(error)) // its class and code stay behind
      }
    }
  }
  if (typeof value !== 'object' || value === null || value instanceof Blob) return value
  if (types.isPromise(value)) return Promise.resolve(value).then(overBridge, (error: unknown) => Promise.reject(new Error(error instanceof Error ? error.message : String(error))))
  if (Array.isArray(value)) return value.map(overBridge)
  if (types.isDate(value) || ArrayBuffer.isView(value)) return structuredClone(value)
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, overBridge(inner)]))
}
