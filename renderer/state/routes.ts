/** The places of the workbench and their addresses. */

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
