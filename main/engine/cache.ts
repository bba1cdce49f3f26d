/** Keeps the most recently used few of something that must be disposed of by hand, up to a total size. */
export class Cache<T> {
  readonly #limit: number
  readonly #dispose: (value: T) => unknown
  readonly #entries = new Map<string, { readonly value: T; readonly size: number }>()

  /** `limit` in the unit of the sizes: a count, where every size is 1. */
  constructor(limit: number, dispose: (value: T) => unknown) {
    this.#limit = limit
    this.#dispose = dispose
  }

  /** What `key` names, made if it is not there. One that is larger than the whole limit is kept alone. */
  async get(key: string, make: () => T | Promise<T>, size = 1): Promise<T> {
    const known = this.#entries.get(key)
    if (known !== undefined) {
      this.#entries.delete(key)
      this.#entries.set(key, known)
      return known.value
    }
    // Room is made first: two whole models never stand in memory because of the order of things.
    let held = [...this.#entries.values()].reduce((sum, entry) => sum + entry.size, 0)
    for (const [oldest, entry] of this.#entries) {
      if (held + size <= this.#limit) break
      this.#entries.delete(oldest)
      held -= entry.size
      await this.#dispose(entry.value)
    }
    const value = await make()
    this.#entries.set(key, { value, size })
    return value
  }

  /** What `key` names, if it is there. */
  find(key: string): T | undefined {
    return this.#entries.get(key)?.value
  }

  clear(): void {
    for (const { value } of this.#entries.values()) void this.#dispose(value)
    this.#entries.clear()
  }
}
