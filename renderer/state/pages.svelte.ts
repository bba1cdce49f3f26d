/** A long list kept in main, of which a window is shown: pages are fetched as they come into sight and kept until the list changes. */
import { SvelteMap } from 'svelte/reactivity'

const PAGE = 100 // rows a request
const MOST_PAGES = 40

export class PagedList<Row> {
  readonly #fetch: (offset: number, limit: number) => Promise<{ rows: Row[]; total: number }>
  readonly #pages = new SvelteMap<number, readonly Row[]>()
  readonly #asked = new Set<number>()
  #version = 0
  /** Null until the first page came. */
  total = $state<number | null>(null)

  constructor(fetch: (offset: number, limit: number) => Promise<{ rows: Row[]; total: number }>) {
    this.#fetch = fetch
    this.want(0, 1)
  }

  /** Undefined while its page is on the way. */
  at(index: number): Row | undefined {
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE]
  }

  /** Rows [first, last) are to be seen. */
  want(first: number, last: number): void {
    for (let page = Math.floor(first / PAGE); page * PAGE < last; page++) if (!this.#asked.has(page)) void this.#load(page)
  }

  /** The list changed: what is shown stays until the new rows are there. */
  refresh(): void {
    const shown = [...this.#pages.keys()]
    this.#version++
    this.#asked.clear()
    for (const page of shown.length > 0 ? shown : [0]) void this.#load(page)
  }

  async #load(page: number): Promise<void> {
    const version = this.#version
    this.#asked.add(page)
    try {
      const { rows, total } = await this.#fetch(page * PAGE, PAGE)
      if (version !== this.#version) return
      this.#pages.set(page, rows)
      this.total = total
      for (const old of [...this.#pages.keys()].slice(0, Math.max(0, this.#pages.size - MOST_PAGES))) {
        this.#pages.delete(old)
        this.#asked.delete(old)
      }
    } catch {
      if (version === this.#version) this.#asked.delete(page) // the next look asks again; the bridge says why it failed
    }
  }
}
