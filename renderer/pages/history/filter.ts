/** Which prompts of the whole run are listed, as it is kept in the address: Rank's filters, an iteration, and whether people judged. */
import type { Params } from '../../../preload/contract/requests.ts'
import { noFilter, readListing } from '../../steps/rank/filter.ts'

export type HistoryListing = Pick<Params<'history/list'>, 'iterationId' | 'filter' | 'order'>

/** @param iterationIds those of the run: an id of another project is none */
export function readHistoryListing(query: URLSearchParams, iterationIds: readonly string[]): HistoryListing {
  const { filter, order } = readListing(query)
  const [iteration, audited] = [query.get('iteration'), query.get('audited')]
  return {
    ...(iteration !== null && iterationIds.includes(iteration) && { iterationId: iteration }),
    filter: { ...filter, ...(audited === 'yes' ? { audited: true } : audited === 'no' ? { audited: false } : {}) },
    order,
  }
}

export const everything: Readonly<Record<string, null>> = { ...noFilter, iteration: null, audited: null }
