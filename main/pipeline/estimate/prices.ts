/** What the last estimate of a run said of its stages: the rail's prices before there is a round to compare with. */
import type { Stage } from '../../../preload/contract/domain.ts'
import type { RunEstimate } from '../../../preload/contract/requests/estimate.ts'
import type { Price } from '../../../preload/contract/requests/run.ts'
import type { Database } from '../../store/database.ts'

const estimates = new WeakMap<Database, RunEstimate['time']['stages']>()

export const rememberPrices = (db: Database, { time }: RunEstimate): void => void estimates.set(db, time.stages)

/** A round beyond the estimated ones costs what the last of them does. */
export function estimatedPrice(db: Database, t: number, stage: Stage): Price | null {
  const seconds = estimates.get(db)?.findLast((one) => one.stage === stage && (t === 0 ? one.t === 0 : one.t >= 1 && one.t <= t))?.seconds
  return seconds === undefined || seconds === null ? null : { seconds, basis: 'as a probe of this machine tells' }
}
