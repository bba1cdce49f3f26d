/** Going back: what it would make stale, and the branch it starts. Nothing that was done is ever deleted. */
import { stages as stageOrder, type Stage } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { BackStage, type BackPreview, type Price, type SettingsChange } from '../../preload/contract/requests/run.ts'
import { type Database, inTransaction } from '../store/database.ts'
import { gateOn, insertGate, labelsOf } from '../store/gates.ts'
import { type Iteration, activeIteration, childrenOf, iterationOf, nextIterationId, pathTo, setRankingSet, setSettings } from '../store/iterations.ts'
import { insertPair, insertSkip, pairsOf, skipsOf } from '../store/pairs.ts'
import { copyRankingSet } from '../store/rankings.ts'
import { type Run, runOf, setActiveIteration } from '../store/runs.ts'
import { stageId } from '../store/ids.ts'
import { type StageRow, finishStage, hasBegun, markStage, secondsOf, stagesWithShared, startStage } from '../store/stages.ts'
import { planIteration } from './plan-run.ts'
import { rankAgain } from './rank-again.ts'
import { type Setting, changedSettings, firstUse, requireNothingHalfDone, runIn, withChange } from './settings.ts'
import { producedName, titleOf } from './titles.ts'

interface BackPlan {
  /** The run as the iteration was carried out. */
  readonly run: Run
  readonly from: BackStage
  readonly how: BackPreview['how']
  readonly changed: readonly Setting[]
  readonly rows: readonly StageRow[]
}

const orderOf = (stage: Stage): number => stageOrder.indexOf(stage)
const isOf = (stage: BackStage, { t }: Iteration): boolean => (stage === 'tune') === (t === 0)

/** @throws AppError 'bad-arguments' for a stage that the iteration does not have, or a setting that no branch of it can change */
function planBack(db: Database, iteration: Iteration, stage: BackStage, change: SettingsChange): BackPlan {
  if (!isOf(stage, iteration)) throw new AppError('bad-arguments', `Iteration ${iteration.t} has no step "${stage}" to go back to; choose one of its own.`)
  const run = runIn(db, iteration)
  const changed = changedSettings(run, change)
  const rows = stagesWithShared(db, iteration)
  const from = firstOf(iteration, stage, changed)
  const row = rows.find((one) => one.stage === from)!
  const training = rows.find((one) => one.stage === 'tune' || one.stage === 'train')!
  const isOwn = row.iterationId === iteration.id
  const how = isOwn && !hasBegun(db, row) ? 'settings' : isOwn && from !== 'sample' && !hasBegun(db, training) ? 'in-place' : 'branch'
  if (how === 'settings') requireNothingHalfDone(db, iteration)
  return { run, from, how, changed, rows }
}

/** The stage asked for, or an earlier one that uses a changed setting. */
function firstOf({ t }: Iteration, stage: BackStage, changed: readonly Setting[]): BackStage {
  return changed.map((setting) => stepOf(setting, t)).reduce<BackStage>((first, step) => (step !== null && orderOf(step) < orderOf(first) ? step : first), stage)
}

/** Where an iteration of index t first uses a setting; null = nowhere that counts. @throws AppError 'bad-arguments' for what none of its branches can change */
export function stepOf(setting: Setting, t: number): BackStage | null {
  const use = firstUse[setting]
  if (use === null) return null
  if (use === 'plan' || use === 'evaluate') throw new AppError('bad-arguments', `The setting "${setting}" holds for the whole run, so that its models can be compared; start a new project to use another.`)
  if (use === 'tune' && t > 0) throw new AppError('bad-arguments', `The setting "${setting}" is used by the tuning of M0 (SFT); go back to that step to change it.`)
  return use === 'tune' || t > 0 ? BackStage.parse(use) : null
}

export function previewBack(db: Database, iteration: Iteration, stage: BackStage, change: SettingsChange): BackPreview {
  const { from, how, rows } = planBack(db, iteration, stage, change)
  const staleIn = (one: Iteration, its: readonly StageRow[]): BackPreview['stale'] => its.filter((row) => hasBegun(db, row)).map((row) => {
    const seconds = secondsOf(row)
    return { t: one.t, stage: row.stage, title: titleOf(row.stage, one), price: seconds === null ? null : { seconds, basis: 'as it took before' } }
  })
  const later = how === 'branch' ? pathFrom(db, iteration) : []
  const stale = how === 'settings' ? [] : [...staleIn(iteration, rows.filter((row) => orderOf(row.stage) >= orderOf(from))), ...later.flatMap((one) => staleIn(one, stagesWithShared(db, one)))]
  const produces = how === 'branch' ? producedName({ id: nextIterationId(db, iteration.runId, iteration.t) }) : producedName(iteration)
  return { iterationId: iteration.id, from, how, produces, kept: rows.filter((row) => orderOf(row.stage) < orderOf(from)).map((row) => row.stage), stale, price: sumOf(stale.map(({ price }) => price)) }
}

function sumOf(prices: readonly (Price | null)[]): Price | null {
  const known = prices.filter((price) => price !== null)
  return known.length === 0 ? null : { seconds: known.reduce((sum, { seconds }) => sum + seconds, 0), basis: 'as it took before' }
}

/** The rounds after an iteration: on the active path where that goes through it, else on its newest. */
function pathFrom(db: Database, iteration: Iteration): Iteration[] {
  const active = pathTo(db, activeIteration(db, runOf(db, iteration.runId)!).id)
  const at = active.findIndex(({ id }) => id === iteration.id)
  return at >= 0 ? active.slice(at + 1) : pathTo(db, newestEnd(db, iteration).id).slice(iteration.t + 1)
}

/** Where the newest path through an iteration ends. */
function newestEnd(db: Database, iteration: Iteration): Iteration {
  const child = childrenOf(db, iteration.id).at(-1)
  return child ? newestEnd(db, child) : iteration
}

/** Makes the newest path through an iteration the active one. */
export function activate(db: Database, iteration: Iteration): void {
  inTransaction(db, () => setActiveIteration(db, iteration.runId, newestEnd(db, iteration).id))
}

/** Goes back, and makes the result the active path. @returns the iteration that goes on: the same one, or its new branch */
export function goBack(db: Database, iteration: Iteration, stage: BackStage, change: SettingsChange): Iteration {
  const plan = planBack(db, iteration, stage, change)
  const { run, from, how, changed } = plan
  const settings = withChange(iteration, run, changed, change)
  return inTransaction(db, () => {
    if (how === 'branch') return startBranch(db, iteration, plan, settings)
    setSettings(db, iteration.id, settings)
    setActiveIteration(db, iteration.runId, iteration.id)
    const changedNow = iterationOf(db, iteration.id)!
    if (how === 'in-place') {
      for (const { id, stage: one } of plan.rows) if (orderOf(one) >= orderOf(from)) markStage(db, id, 'pending')
      prepareSet(db, iteration, changedNow, from)
    }
    return iterationOf(db, iteration.id)!
  })
}

function startBranch(db: Database, origin: Iteration, { from }: BackPlan, settings: Iteration['settings']): Iteration {
  const { runId, t, parentId, policyModelId, previousModelId, baseModelId } = origin
  const ownSamples = from === 'tune' || from === 'sample'
  const id = planIteration(db, runId, {
    t, parentId, policyModelId, previousModelId, baseModelId, settings,
    originId: origin.id, originStage: from, samplesId: ownSamples ? null : (origin.samplesId ?? origin.id), setId: from === 'train' ? origin.setId : null,
  })
  prepareSet(db, origin, iterationOf(db, id)!, from)
  return iterationOf(db, id)!
}

/** What the iteration `to` goes on with from the ranking set of `of`, the same iteration or the one it branched off: as much of it as stays true. */
function prepareSet(db: Database, of: Iteration, to: Iteration, from: BackStage): void {
  if (of.setId === null) return
  switch (from) {
    case 'tune':
    case 'sample': return
    case 'rank': {
      if (rankAgain(db, of, to) === null) return setRankingSet(db, to.id, null)
      const rank = stageId(to.id, 'rank')
      startStage(db, rank, '')
      finishStage(db, rank)
      return
    }
    case 'pair':
      copyRankingSet(db, of.setId, to.id)
      return
    case 'audit': {
      const setId = copyRankingSet(db, of.setId, to.id)
      for (const pair of pairsOf(db, of.setId)) insertPair(db, { ...pair, setId })
      for (const skip of skipsOf(db, of.setId)) insertSkip(db, { ...skip, setId })
      return
    }
    case 'train': {
      const gate = gateOn(db, of.id, of.setId)
      if (gate && to.id !== of.id) insertGate(db, { ...gate, iterationId: to.id, idempotencyKey: `${to.id}.shared` }, labelsOf(db, gate.id))
    }
  }
}
