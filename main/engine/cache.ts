/** Keeps the most recently used few of something that must be disposed of by hand. */
export class Cache<T> {
  readonly #limit: number
  readonly #dispose: (value: T) => unknown
  readonly #entries = new Map<string, T>()

  constructor(limit: number, dispose: (value: T) => unknown) {
    this.#limit = limit
    this.#dispose = dispose
  }

  async get(key: string, make: () => T | Promise<T>): Promise<T> {
    const known = this.#entries.get(key)
    if (known !== undefined) {
      this.#entries.delete(key)
      this.#entries.set(key, known)
      return known
    }
    // Room is made first: two whole models never stand in memory because of the order of things.
    for (const [oldest, value] of this.#entries) {
      if (this.#entries.size < this.#limit) break
      this.#entries.delete(oldest)
      await this.#dispose(value)
    }
    const made = await make()
    this.#entries.set(key, made)
    return made
  }

  clear(): void {
    for (const value of this.#entries.values()) void this.#dispose(value)
    this.#entries.clear()
  }
}
