/**
 * A clock for bounds that a person would feel: on a machine that lets this very process wait, the wait is nobody's hang. What
 * this thread computes itself counts in full: main that hangs is a hang.
 */
import { threadCpuUsage } from 'node:process'

const computed = (): number => {
  const { user, system } = threadCpuUsage()
  return (user + system) / 1000
}
let total = 0
let last = { at: performance.now(), computed: computed() }
setInterval(() => {
  const now = { at: performance.now(), computed: computed() }
  total += Math.max(Math.min(now.at - last.at, 50), now.computed - last.computed)
  last = now
}, 10).unref()

/** Milliseconds for which this process has been awake; on an idle machine, those that have passed. */
export const awake = (): number => total
