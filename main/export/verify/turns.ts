/** Long work in turns, so that whoever answers others too can answer them in between. */
import { setImmediate } from 'node:timers/promises'

/** Milliseconds without a break: a hand on the mouse does not feel them. */
const TURN = 12

/** The items one by one; now and then the event loop turns first. */
export async function* inTurns<T>(items: Iterable<T>): AsyncGenerator<T> {
  let since = performance.now()
  for (const item of items) {
    if (performance.now() - since > TURN) {
      await setImmediate()
      since = performance.now()
    }
    yield item
  }
}
