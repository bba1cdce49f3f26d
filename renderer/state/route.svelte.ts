/** Where the person is, kept in the address after '#': a reload comes back to the same place, and the browser's Back works. */

/** Steps of one iteration, in the rail's order. */
export const roundSteps = ['sample', 'rank', 'spot-check', 'train', 'evaluate'] as const
export type RoundStep = (typeof roundSteps)[number]
/** Steps and pages of a project that belong to no iteration. */
export const projectPages = ['model', 'data', 'tune', 'history', 'export', 'settings'] as const
export type ProjectPage = (typeof projectPages)[number]
export const draftSteps = ['model', 'data', 'plan'] as const
export type DraftStep = (typeof draftSteps)[number]

export type Route =
  | { readonly page: 'home' }
  | { readonly page: 'new'; readonly step: DraftStep }
  | { readonly page: ProjectPage }
  | { readonly page: 'round'; readonly step: RoundStep; readonly iterationId: string }

const isOneOf = <T extends string>(list: readonly T[], value: string | undefined): value is T => list.some((one) => one === value)

/** '#/rank/run1.i2?prompt=…' → route and query; anything unknown is home. */
export function parseRoute(hash: string): { route: Route; query: URLSearchParams } {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const [first, second] = path.split('/').map(decodeURIComponent)
  return { route: routeOf(first, second), query: new URLSearchParams(search) }
}

function routeOf(first: string | undefined, second: string | undefined): Route {
  if (first === 'new' && isOneOf(draftSteps, second)) return { page: 'new', step: second }
  if (isOneOf(projectPages, first) && second === undefined) return { page: first }
  if (isOneOf(roundSteps, first) && second !== undefined) return { page: 'round', step: first, iterationId: second }
  return { page: 'home' }
}

/** The address of a place, for an `href`. */
export function linkTo(route: Route, query?: Readonly<Record<string, string>>): string {
  const search = query && Object.keys(query).length > 0 ? `?${new URLSearchParams(query)}` : ''
  return `#/${pathOf(route)}${search}`
}

function pathOf(route: Route): string {
  switch (route.page) {
    case 'home': return ''
    case 'new': return `new/${route.step}`
    case 'round': return `${route.step}/${encodeURIComponent(route.iterationId)}`
    default: return route.page
  }
}

class Location {
  #at = $state.raw(parseRoute(location.hash))

  constructor() {
    addEventListener('hashchange', () => (this.#at = parseRoute(location.hash)))
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
