/** What the store holds of a run's way to a model, as the rows of an evidence bundle. */
import { posix, win32 } from 'node:path'
import type { RunConfig } from '../../../preload/contract/config.ts'
import { auditsOfRound } from '../../store/audits.ts'
import type { PromptSpan } from '../../store/browse.ts'
import type { Database } from '../../store/database.ts'
import { type Evaluation, evaluationItemsOf, evaluationsOf } from '../../store/evaluations.ts'
import { humanRankingsOfRun, promptsAfter, rankingsIn, responsesIn, scoresIn, verdictsOfRun } from '../../store/evidence.ts'
import { type Gate, gateOn, gatesOf, labelsOf } from '../../store/gates.ts'
import { type Iteration, iterationOf, iterationsOf } from '../../store/iterations.ts'
import { modelOf } from '../../store/models.ts'
import { pairsOf, skipsOf } from '../../store/pairs.ts'
import { consistenciesOf, type RankingSet, rankingSetOf } from '../../store/rankings.ts'
import type { Run } from '../../store/runs.ts'
import { stageId } from '../../store/ids.ts'
import { externalRewardsOf } from '../../store/scores.ts'
import { trainingStepsOf } from '../../store/training.ts'
import { canonical, sha256Of } from '../verify/canonical.ts'
import type { KindName, RowOf } from '../verify/rows.ts'

export interface Path {
  readonly db: Database
  readonly run: Run
  /** From iteration 0 on. */
  readonly iterations: readonly Iteration[]
  readonly texts: boolean
}

/** Prompts read at once. */
const WINDOW = 200

type Rows = { readonly [Name in Exclude<KindName, 'reports'>]: (path: Path) => Iterable<RowOf<Name>> }

export const rowsOf: Rows = {
  *models({ db, iterations }) {
    for (const id of modelsOn(iterations)) {
      const { name, parentId, kind, sha256 } = modelOf(db, id)!
      yield { id, name, parentId, kind, sha256 }
    }
  },
  *iterations({ iterations }) {
    for (const { id, t, parentId, policyModelId, previousModelId, baseModelId, producedModelId, samplesId, setId, settings } of iterations) {
      yield { id, t, parentId, policyModelId, previousModelId, baseModelId, producedModelId, samplesId: samplesId ?? id, setId, settings: plain(withoutFolders(settings)) }
    }
  },
  *prompts(path) {
    for (const prompts of windows(path)) {
      for (const { input, answer, ...row } of prompts) {
        yield { ...row, inputSha256: sha256Of(canonical(input)), hasAnswer: answer !== null, ...(path.texts && { input, ...(answer !== null && { answer }) }) }
      }
    }
  },
  *responses(path) {
    for (const { id } of sampled(path)) {
      for (const span of spans(path)) {
        for (const { text, sampling, ...row } of responsesIn(path.db, id, span)) {
          yield { ...row, sampling: sampling as RowOf<'responses'>['sampling'], textSha256: sha256Of(text), ...(path.texts && { text }) }
        }
      }
    }
  },
  *scores(path) {
    for (const { id } of sampled(path)) for (const span of spans(path)) yield* scoresIn(path.db, id, span)
  },
  *'outside-rewards'({ db, run, iterations }) {
    for (const { id, settings } of iterations) {
      const { method, oracle } = { ...run.config, ...settings }
      if (method !== 'oracle') continue
      const [stored, told] = [oracle.rewards, nameOnly(oracle.rewards)].map((source) => (oracle.negate ? `${source} (negated)` : source))
      for (const { responseId, reward } of externalRewardsOf(db, id, stored!)) yield { responseId, source: told!, reward }
    }
  },
  *'ranking-sets'(path) {
    yield* setsOf(path)
  },
  *rankings(path) {
    for (const { id } of setsOf(path)) for (const span of spans(path)) yield* rankingsIn(path.db, id, span)
  },
  *consistencies(path) {
    for (const { id } of setsOf(path)) yield* consistenciesOf(path.db, id)
  },
  *pairs(path) {
    for (const { id } of setsOf(path)) yield* pairsOf(path.db, id)
  },
  *skips(path) {
    for (const { id } of setsOf(path)) yield* skipsOf(path.db, id)
  },
  /** Of the whole run, other branches included: a branch shares the sessions on equal pairs. Which one that is follows from the rows before. */
  *sessions({ db, run }) {
    const rounds = new Map(iterationsOf(db, run.id).map(({ t, id }) => [t, id]))
    for (const iterationId of rounds.values()) {
      for (const { plan: { drawnFrom = null, ...plan }, mode: kind, idempotencyKey: _, ...row } of auditsOfRound<StoredPlan>(db, iterationId)) {
        yield { ...row, heldFor: null, plan: { kind, drawnFrom, ...plan } as RowOf<'sessions'>['plan'] }
      }
    }
  },
  *verdicts({ db, run, texts }) {
    const place = new Map<number | null, number>() // ids of their own: those of a project count other runs too
    for (const { id, undoneOf, auditId: sessionId, note, textA, textB, idempotencyKey: _, ...row } of verdictsOfRun(db, run.id)) {
      place.set(id, place.size + 1)
      yield { ...row, id: place.size, undoneOf: place.get(undoneOf) ?? null, sessionId, textASha256: sha256Of(textA), textBSha256: sha256Of(textB), ...(texts && { note }) }
    }
  },
  *'human-rankings'({ db, run, texts }) {
    const place = new Map<number | null, number>()
    for (const { id, undoneOf, auditId: sessionId, note, idempotencyKey: _, ...row } of humanRankingsOfRun(db, run.id)) {
      place.set(id, place.size + 1)
      yield { ...row, id: place.size, undoneOf: place.get(undoneOf) ?? null, sessionId, ...(texts && { note }) }
    }
  },
  *gates({ db, iterations }) {
    for (const iteration of iterations) {
      for (const gate of decisionsOn(db, iteration)) {
        const { auditId: sessionId, idempotencyKey: _, ...row } = gate
        yield { ...row, sessionId, asOf: asOf(db, iteration, gate) }
      }
    }
  },
  *labels({ db, iterations }) {
    for (const iteration of iterations) for (const { id } of decisionsOn(db, iteration)) yield* labelsOf(db, id)
  },
  *'training-steps'({ db, iterations }) {
    for (const { id: iterationId, t } of iterations) {
      const stage = t === 0 ? 'tune' : 'train'
      for (const { stageId: _, ...row } of trainingStepsOf(db, stageId(iterationId, stage))) yield { iterationId, stage, ...row }
    }
  },
  *evaluations(path) {
    for (const { details: _, ...row } of evaluated(path)) yield row
  },
  *answers(path) {
    for (const { id } of evaluated(path)) {
      for (const { text, ...row } of evaluationItemsOf(path.db, id)) yield { ...row, textSha256: sha256Of(text), ...(path.texts && { text }) }
    }
  },
}

/** Iterations with responses of their own or their origin's. */
const sampled = ({ iterations }: Path): Iteration[] => iterations.filter(({ t }) => t > 0)

const setsOf = ({ db, iterations }: Path): RankingSet[] => iterations.flatMap(({ setId }) => (setId === null ? [] : [rankingSetOf(db, setId)!]))

const decisionsOn = (db: Database, { id, setId }: Iteration): Gate[] => gatesOf(db, id).filter((gate) => gate.setId === setId)

/** A branch that goes on from training shares its origin's decision: what it rests on ended there. */
function asOf(db: Database, { originId, originStage, setId }: Iteration, { idempotencyKey, decidedAt }: Gate): string {
  const origin = originStage === 'train' && idempotencyKey.endsWith('.shared') ? iterationOf(db, originId!) : undefined
  const shared = origin && setId !== null ? gateOn(db, origin.id, setId) : undefined
  return origin && shared ? asOf(db, origin, shared) : decidedAt
}

const modelsOn = (iterations: readonly Iteration[]): string[] => [iterations[0]!.baseModelId, ...iterations.flatMap(({ producedModelId }) => producedModelId ?? [])]

const evaluated = ({ db, iterations }: Path): Evaluation[] => modelsOn(iterations).flatMap((id) => evaluationsOf(db, id))

interface StoredPlan {
  readonly drawnFrom?: string
}

function* windows({ db, run }: Path) {
  for (let prompts = promptsAfter(db, run.id, -1, WINDOW); prompts.length > 0; prompts = promptsAfter(db, run.id, prompts.at(-1)!.position, WINDOW)) yield prompts
}

/** Ids are in file order, so a window of prompts is a span of ids. */
function* spans(path: Path): Generator<PromptSpan> {
  for (const prompts of windows(path)) yield { first: prompts[0]!.id, last: prompts.at(-1)!.id }
}

const nameOnly = (path: string): string => posix.basename(win32.basename(path))

/** The configuration with the last name of every path: where files lie on this machine is nobody's business. */
export function withoutFolders<Config extends Partial<RunConfig>>({ $schema: _, ...config }: Config): Omit<Config, '$schema'> {
  const { model, data, oracle } = config
  return {
    ...config,
    ...(model !== undefined && { model: nameOnly(model) }),
    ...(data && { data: { ...data, prompts: nameOnly(data.prompts), ...(data.sft !== undefined && { sft: nameOnly(data.sft) }), evaluation: data.evaluation.map((task) => ({ ...task, file: nameOnly(task.file) })) } }),
    ...(oracle && { oracle: { ...oracle, rewards: nameOnly(oracle.rewards) } }),
  } as Omit<Config, '$schema'>
}

/** As JSON has it: without undefined. */
const plain = (value: object): Record<string, unknown> => JSON.parse(JSON.stringify(value)) as Record<string, unknown>
