/** A clock for bounds that a person would feel: on a machine that lets this very process wait, the wait is nobody's hang. */
let total = 0
let last = performance.now()
setInterval(() => {
  const now = performance.now()
  total += Math.min(now - last, 50)
  last = now
}, 10).unref()

/** Milliseconds for which this process has been awake; on an idle machine, those that have passed. */
export const awake = (): number => total
