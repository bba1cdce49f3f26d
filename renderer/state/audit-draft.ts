/** What a person has begun on the item before them and main does not hold yet, kept by the browser: a reload loses nothing. */
import type { Params } from '../../preload/contract/requests.ts'

export interface Draft {
  /** The item by its number in the session: a handle names it only for as long as main runs. */
  readonly at: number
  readonly note?: string
  /** Milliseconds it has been looked at. */
  readonly looked?: number
  readonly order?: readonly (readonly number[])[]
  /** An answer that main has not confirmed; sent again with the same key, it counts once. */
  readonly unsent?: Params<'audit/judge'>
}

/** One entry a session: `name` tells projects and sessions apart. */
export class DraftBook {
  readonly #name: string
  readonly #storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

  constructor(name: string, storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>) {
    this.#name = `creamery-audit-${name}`
    this.#storage = storage
  }

  /** The draft of item `at`; one of another item is not given. */
  read(at: number): Draft {
    const draft = this.#stored()
    return draft?.at === at ? draft : { at }
  }

  write(at: number, changes: Omit<Draft, 'at'>): void {
    this.#storage.setItem(this.#name, JSON.stringify({ ...this.read(at), ...changes }))
  }

  /** Whatever item it is of. */
  unsent(): Params<'audit/judge'> | undefined {
    return this.#stored()?.unsent
  }

  /** Takes one part out and keeps the others. */
  drop(part: keyof Omit<Draft, 'at'>): void {
    const { [part]: _, ...rest } = this.#stored() ?? { at: 0 }
    this.#storage.setItem(this.#name, JSON.stringify(rest))
  }

  clear(): void {
    this.#storage.removeItem(this.#name)
  }

  #stored(): Draft | undefined {
    try {
      const draft = JSON.parse(this.#storage.getItem(this.#name) ?? 'null') as Draft | null
      return typeof draft?.at === 'number' ? draft : undefined
    } catch {
      return undefined
    }
  }
}

/** Counts milliseconds while it runs. Times are the caller's, from one clock. */
export class Stopwatch {
  #sum: number
  #since: number | null = null

  constructor(sum = 0) {
    this.#sum = sum
  }

  run(now: number): void {
    this.#since ??= now
  }

  halt(now: number): void {
    this.#sum = this.read(now)
    this.#since = null
  }

  read(now: number): number {
    return this.#sum + (this.#since === null ? 0 : Math.max(0, now - this.#since))
  }
}
