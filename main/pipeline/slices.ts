/** Long reading on the loop that also answers everything else: a bit, then whatever waits, then the next bit. */
import { setImmediate } from 'node:timers/promises'

const SLICE_MS = 10

/** Goes through `steps`, letting the event loop turn whenever 10 ms are used up; a single step should take less. */
export async function inSlices<T>(steps: Iterable<T>, take: (step: T) => void): Promise<void> {
  let began = performance.now()
  for (const step of steps) {
    take(step)
    if (performance.now() - began < SLICE_MS) continue
    await setImmediate()
    began = performance.now()
  }
}
