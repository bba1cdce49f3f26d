/** Which prompts are listed, and in which order, as it is kept in the address. */
import type { PromptFilter, PromptOrder } from '../../../preload/contract/requests/rank.ts'
import { skipTerms } from '../../state/terms.ts'

export interface Listing {
  readonly filter: PromptFilter
  readonly order: PromptOrder
}

export const orders = { position: 'File order', consistency: 'Consistency C', margin: 'Margin', lengthRatio: 'Length ratio' } as const satisfies Record<PromptOrder['by'], string>
export const ranges = { low: 'below .5', middle: '.5 to .75', high: '.75 and more' } as const
const bounds: Readonly<Record<keyof typeof ranges, Pick<PromptFilter, 'minConsistency' | 'maxConsistency'>>> = { low: { maxConsistency: 0.4999 }, middle: { minConsistency: 0.5, maxConsistency: 0.7499 }, high: { minConsistency: 0.75 } }

/** Every filter's name in the address: to take them all out. */
export const noFilter: Readonly<Record<string, null>> = { task: null, outcome: null, c: null, flipped: null, search: null, by: null, desc: null, row: null }

const isIn = <T extends string>(terms: Readonly<Record<T, unknown>>, value: string | null): value is T => value !== null && Object.hasOwn(terms, value)

export function readListing(query: URLSearchParams): Listing {
  const [task, outcome, range, flipped, search, by] = ['task', 'outcome', 'c', 'flipped', 'search', 'by'].map((name) => query.get(name)) as [string | null, string | null, string | null, string | null, string | null, string | null]
  return {
    filter: {
      ...(task !== null && { task }),
      ...((outcome === 'pair' || outcome === 'skipped' || isIn(skipTerms, outcome)) && { outcome }),
      ...(isIn(ranges, range) && bounds[range]),
      ...(flipped === 'yes' && { flipped: true }),
      ...(search && { search: search.slice(0, 200) }),
    },
    order: { by: isIn(orders, by) ? by : 'position', descending: query.get('desc') === 'yes' },
  }
}
