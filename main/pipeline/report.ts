/** The figures of a run, model by model, read from what is stored. */
import { pooledRewardAccuracy } from '../cream/rewards.ts'
import { type SampledAccuracy, type Accuracy, scoreGreedy, scoreSampled } from '../evaluate/scoring.ts'
import type { Database } from '../store/database.ts'
import { evaluationItemsOf, evaluationsOf } from '../store/evaluations.ts'
import { type Iteration, activeIteration, iterationsOf, pathTo } from '../store/iterations.ts'
import { modelsOf } from '../store/models.ts'
import { consistenciesOf, currentSetOf } from '../store/rankings.ts'
import { runOf } from '../store/runs.ts'
import { stagesWithShared } from '../store/stages.ts'
import { type JudgedPrompt, judgedPrompts } from './judged.ts'

export interface ModelReport {
  readonly model: string
  /** By task, and `all` for every question together. */
  readonly tasks: Readonly<Record<string, { readonly greedy?: Accuracy; readonly sampled?: SampledAccuracy }>>
  /** Of the iteration that this model is the policy of, on the active path where several start from it; null where there is none yet. */
  readonly judged: JudgedReport | null
  /** Adapter or checkpoint, relative to the project; null for M0. */
  readonly path: string | null
}

export interface JudgedReport {
  /** Mean C, and what two unrelated judges would give. */
  readonly consistency: number | null
  readonly chance: { readonly mean: number; readonly sd: number } | null
  /** Share of prompts with C < 0.5. */
  readonly belowHalf: number | null
  /** P(r of a right response > r of a wrong one), where answers are known. */
  readonly rewardAccuracy: number | null
}

export function reportRun(db: Database, runId: string): ModelReport[] {
  const active = activePath(db, runId)
  const iterations = [...active, ...iterationsOf(db, runId).filter(({ id }) => !active.some((one) => one.id === id))]
  return modelsOf(db, runId).map(({ id, name, path }) => {
    const iteration = iterations.find(({ t, policyModelId }) => t > 0 && policyModelId === id)
    return { model: name, tasks: tasksOf(db, id), judged: iteration ? judgedBy(db, iteration) : null, path }
  })
}

function tasksOf(db: Database, modelId: string): ModelReport['tasks'] {
  const finished = evaluationsOf(db, modelId).filter(({ correct }) => correct !== null)
  const items = finished.flatMap(({ id, task, decoding }) => evaluationItemsOf(db, id).map((item) => ({ ...item, task, decoding })))
  const tasks = [...new Set(finished.map(({ task }) => task))]
  const figures = (task: string | null, decoding: string): Map<string, boolean[]> => {
    const chosen = items.filter((item) => item.decoding === decoding && (task === null || item.task === task))
    return new Map([...Map.groupBy(chosen, ({ itemId }) => itemId)].map(([id, samples]) => [id, samples.map(({ isCorrect }) => isCorrect)]))
  }
  return Object.fromEntries([...tasks, ...(tasks.length > 1 ? [null] : [])].map((task) => {
    const [greedy, sampled] = [figures(task, 'greedy'), figures(task, 'sampled')]
    return [task ?? 'all', {
      ...(greedy.size > 0 && { greedy: scoreGreedy(new Map([...greedy].map(([id, [isCorrect]]) => [id, isCorrect!]))) }),
      ...(sampled.size > 0 && { sampled: scoreSampled(sampled) }),
    }]
  }))
}

export function judgedBy(db: Database, iteration: Iteration): JudgedReport | null {
  const set = currentSetOf(db, iteration.id)
  if (!set) return null
  const known = consistenciesOf(db, set.id).flatMap(({ consistency }) => (consistency === null ? [] : [consistency]))
  const { meanC, sdOfMeanC } = set.chance
  return {
    consistency: set.meanConsistency,
    chance: meanC === undefined || sdOfMeanC === undefined ? null : { mean: meanC, sd: sdOfMeanC },
    belowHalf: known.length === 0 ? null : known.filter((c) => c < 0.5).length / known.length,
    rewardAccuracy: rewardAccuracyOf(judgedPrompts(db, set)),
  }
}

/** Over all pairs of a right and a wrong response to one prompt; identical texts count as often as they were sampled. */
export function rewardAccuracyOf(prompts: readonly JudgedPrompt[]): number | null {
  return pooledRewardAccuracy(prompts.map(({ responses, rewards, counts }) => {
    const known = responses.flatMap(({ isCorrect }, i) => (isCorrect === null ? [] : Array.from({ length: counts[i]! }, () => ({ reward: rewards[i]!, isCorrect }))))
    return { rewards: known.map(({ reward }) => reward), correct: known.map(({ isCorrect }) => isCorrect) }
  })).accuracy
}

const activePath = (db: Database, runId: string): Iteration[] => pathTo(db, activeIteration(db, runOf(db, runId)!).id)

/** Where the run stands: every stage of the active path with its status. */
export function statusOf(db: Database, runId: string): { iteration: number; stage: string; status: string; error: string | null }[] {
  return activePath(db, runId).flatMap((iteration) => stagesWithShared(db, iteration).map(({ stage, status, error }) => ({ iteration: iteration.t, stage, status, error })))
}
