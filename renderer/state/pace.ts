/** Work that many events ask for, done at most once in a while; the last asking is never lost. */

/** @param wait milliseconds between two starts @returns asks for it, and `stop`, which forgets what is still asked */
export function paced(work: () => void, wait = 1000): { ask: () => void; stop: () => void } {
  let last = -Infinity
  let timer: ReturnType<typeof setTimeout> | undefined
  const start = (): void => {
    timer = undefined
    last = Date.now()
    work()
  }
  return {
    ask: () => {
      timer ??= setTimeout(start, Math.max(0, last + wait - Date.now()))
    },
    stop: () => {
      clearTimeout(timer)
      timer = undefined
    },
  }
}
