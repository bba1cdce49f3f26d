/** Where the person is, kept in the address after '#': a reload comes back to the same place, and the browser's Back works. */
import { type Route, linkTo, parseRoute } from './routes.ts'

export * from './routes.ts'

class Location {
  #at = $state.raw(parseRoute(location.hash))
  /** The place in the open project where the person was last. */
  #within = $state.raw(linkTo({ page: 'tune' }))

  constructor() {
    addEventListener('hashchange', () => {
      this.#at = parseRoute(location.hash)
      if (this.isWithin) this.#within = location.hash
    })
    if (this.isWithin) this.#within = location.hash
  }

  /** At a step or page of the open project, not at the list of projects or at a new one. */
  get isWithin(): boolean {
    return this.route.page !== 'home' && this.route.page !== 'new'
  }

  /** The way back into the open project. */
  get within(): string {
    return this.#within
  }

  get route(): Route {
    return this.#at.route
  }

  /** What a page keeps of its own state in the address: filters, the selected prompt. */
  get query(): URLSearchParams {
    return this.#at.query
  }

  go(route: Route, query?: Readonly<Record<string, string>>): void {
    location.hash = linkTo(route, query)
  }

  /** Changes the page's own state without a new entry in the browser's history; null takes a name out. */
  keep(changes: Readonly<Record<string, string | null>>): void {
    const query = new URLSearchParams(this.#at.query)
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) query.delete(name)
      else query.set(name, value)
    }
    history.replaceState(null, '', linkTo(this.#at.route, Object.fromEntries(query)))
    this.#at = parseRoute(location.hash)
  }
}

export const place = new Location()
