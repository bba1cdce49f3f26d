/** A long list kept in main, of which a window is shown: pages are fetched as they come into sight and kept until the list changes. */
import { SvelteMap } from 'svelte/reactivity'
import { Refused } from '../api.ts'
import { pagesToDrop } from './pages.ts'

const PAGE = 100 // rows a request
const MOST_PAGES = 40

export class PagedList<Row> {
  readonly #fetch: (offset: number, limit: number) => Promise<{ rows: Row[]; total: number }>
  readonly #pages = new SvelteMap<number, readonly Row[]>()
  readonly #asked = new Set<number>()
  #inSight: readonly [number, number] = [0, 0]
  #version = 0
  /** Null until the first page came. */
  total = $state<number | null>(null)
  /** Why rows are missing: the sentence of main's refusal. */
  problem = $state<string | null>(null)

  constructor(fetch: (offset: number, limit: number) => Promise<{ rows: Row[]; total: number }>) {
    this.#fetch = fetch
    void this.#load(0)
  }

  /** Undefined while its page is on the way. */
  at(index: number): Row | undefined {
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE]
  }

  /** Rows [first, last) are to be seen. */
  want(first: number, last: number): void {
    this.#inSight = [Math.floor(first / PAGE), Math.floor((last - 1) / PAGE)]
    for (let page = this.#inSight[0]; page <= this.#inSight[1]; page++) if (!this.#asked.has(page)) void this.#load(page)
  }

  /** The list changed, or could not be read: what is shown stays until the new rows are there. */
  refresh(): void {
    this.#version++
    this.#asked.clear()
    this.#keep(0)
    for (const page of new Set([0, ...this.#pages.keys()])) void this.#load(page)
  }

  #keep(most: number): void {
    for (const page of pagesToDrop([...this.#pages.keys()], this.#inSight, most)) {
      this.#pages.delete(page)
      this.#asked.delete(page)
    }
  }

  async #load(page: number): Promise<void> {
    const version = this.#version
    this.#asked.add(page)
    try {
      const { rows, total } = await this.#fetch(page * PAGE, PAGE)
      if (version !== this.#version) return
      this.#pages.set(page, rows)
      this.total = total
      this.problem = null
      this.#keep(MOST_PAGES)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      if (version !== this.#version) return
      this.#asked.delete(page) // the next look asks again
      this.problem = error.message
    }
  }
}
