/** Everything about one prompt: who ranked its responses how, what they became, and in which steps a pair was trained on. */
import type { PromptHistoryView } from '../../preload/contract/requests/history.ts'
import { averageRanks } from '../cream/rankings.ts'
import { distinctResponses } from '../cream/pairs.ts'
import { promptHeadOf } from '../store/browse.ts'
import type { Database } from '../store/database.ts'
import { type Label, gateOn, labelsOfPrompt } from '../store/gates.ts'
import { type PromptHistory, type ResponseHistory, labelPlace, promptHistory, stepsTaken } from '../store/history.ts'
import { modelName, stageId as idOfStage } from '../store/ids.ts'
import { type Iteration, iterationsOf } from '../store/iterations.ts'
import { modelsOf } from '../store/models.ts'
import type { Pair } from '../store/pairs.ts'
import { rankedPromptOf } from '../store/ranked-prompts.ts'
import { type RankingSet, currentSetOf, rankingSetOf } from '../store/rankings.ts'
import type { Run } from '../store/runs.ts'
import { stageOf } from '../store/stages.ts'
import { standingVerdictsOf } from '../store/verdicts.ts'
import { planSteps } from './optimise.ts'
import { runIn } from './settings.ts'

/** Undefined where the run has no such prompt. A handful of index look-ups, whatever the size of the project. */
export function viewPrompt(db: Database, run: Run, promptId: string): PromptHistoryView | undefined {
  const head = promptHeadOf(db, promptId)
  if (!head?.id.startsWith(`${run.id}.`)) return undefined
  const iterations = iterationsOf(db, run.id)
  const known = promptHistory(db, promptId)
  const sets = new Map([...new Set([...known.consistencies, ...known.skips, ...known.pairs].map(({ setId }) => setId))].map((id) => [id, rankingSetOf(db, id)!]))
  const sampled = [...Map.groupBy(known.responses, ({ iterationId }) => iterationId)].map(([iterationId, responses]) => ({ iteration: iterations.find(({ id }) => id === iterationId)!, responses }))
  const { position, input, answer, task } = head
  return {
    promptId, position, input, answer, task,
    responses: sampled.flatMap(({ responses }) => {
      const standsFor = new Map(distinctResponses(responses).map(({ response }) => [response.text, response.id]))
      return responses.map(({ id: responseId, judges, ...response }) => ({
        responseId, ...response,
        repeats: standsFor.get(response.text) === responseId ? null : standsFor.get(response.text)!,
        judges: judges.map(({ modelId, ...judge }) => ({ model: modelName(modelId), ...judge })),
        fates: fatesOf(known, sets, { id: responseId, iterationId: response.iterationId }, iterations),
      }))
    }),
    rankings: sampled.map(({ iteration, responses }) => rankingsIn(db, run, iteration, responses)).sort((a, b) => a.t - b.t),
    consistencies: known.consistencies.map(({ setId, agreement, consistency, nullReason }) => {
      const { iterationId, statistic } = sets.get(setId)!
      return { setId, iterationId, statistic, agreement, consistency, nullReason, flipped: rankedPromptOf(db, setId, promptId)!.flipped }
    }),
    pairs: known.pairs.flatMap((pair) => trainings(db, pair, sets.get(pair.setId)!, iterations, labelsOfPrompt(db, promptId))),
    skips: known.skips.map(({ setId, reason }) => ({ setId, iterationId: sets.get(setId)!.iterationId, reason })),
    verdicts: standingVerdictsOf(db, promptId).flatMap(({ responseAId, responseBId, verdict, note, annotator, criterion, elapsedMs, createdAt }) => (verdict === null ? [] : [{ responseAId, responseBId, verdict, note, annotator, criterion, elapsedMs, createdAt }])),
  }
}

/** In every ranking set over the responses of its iteration. */
function fatesOf({ pairs }: PromptHistory, sets: ReadonlyMap<string, RankingSet>, response: { id: string; iterationId: string }, iterations: readonly Iteration[]): PromptHistoryView['responses'][number]['fates'] {
  return [...sets.values()].filter(({ iterationId }) => samplesIn(iterations, iterationId) === response.iterationId).map(({ id: setId, iterationId }) => {
    const pair = pairs.find((one) => one.setId === setId)
    return { setId, iterationId, role: pair?.chosenId === response.id ? 'chosen' : pair?.rejectedId === response.id ? 'rejected' : 'neither' }
  })
}

const samplesIn = (iterations: readonly Iteration[], id: string): string => iterations.find((one) => one.id === id)?.samplesId ?? id

type Rankings = PromptHistoryView['rankings'][number]

/** Under M0, M1, … as far as they scored every distinct response; and under the judges of the set, in their own measure. */
function rankingsIn(db: Database, run: Run, { id: iterationId, t, baseModelId }: Iteration, responses: readonly ResponseHistory[]): Rankings {
  const distinct = distinctResponses(responses).map(({ response }) => response)
  const set = currentSetOf(db, iterationId)
  const judges = modelsOf(db, run.id).flatMap(({ id: modelId }) => {
    const judged = distinct.map(({ judges: all }) => all.find((judge) => judge.modelId === modelId))
    if (!judged.every((judge) => judge !== undefined)) return []
    return (['log-ratio', 'mean-logps'] as const).flatMap((measure): Rankings['judges'] => {
      const role = set?.currentModelId === modelId && set.currentMeasure === measure ? 'current' : set?.previousModelId === modelId && set.previousMeasure === measure ? 'previous' : null
      const isOwn = measure === (modelId === baseModelId ? 'mean-logps' : 'log-ratio')
      const values = judged.map(({ reward, meanLogps }) => (measure === 'mean-logps' ? meanLogps : reward))
      if ((role === null && !isOwn) || !values.every((value) => value !== null)) return []
      const tolerance = role === 'current' ? set!.currentTolerance : role === 'previous' ? set!.previousTolerance : measure === 'log-ratio' ? (set?.rewardTolerance ?? 0) : 0
      return [{ model: modelName(modelId), measure, values, ranks: averageRanks(values, tolerance), role }]
    })
  })
  return { iterationId, t, responseIds: distinct.map(({ id }) => id), judges }
}

type PairView = PromptHistoryView['pairs'][number]

/** The pair in every iteration whose ranking this set is or was. */
function trainings(db: Database, { setId, chosenId, rejectedId, margin, consistency }: Pair, set: RankingSet, iterations: readonly Iteration[], labels: readonly (Label & { iterationId: string; setId: string })[]): PairView[] {
  return iterations.filter((one) => one.id === set.iterationId || one.setId === set.id).map((iteration) => {
    const label = labels.findLast((one) => one.iterationId === iteration.id && one.setId === set.id)
    return {
      setId, iterationId: iteration.id, chosenId, rejectedId, margin, consistency,
      label: label ? { source: label.source, chosenId: label.chosenId, rejectedId: label.rejectedId, consistency: label.consistency } : null,
      training: label && label.source !== 'dropped' && gateOn(db, iteration.id, set.id)?.id === label.gateId ? trainingOf(db, iteration, label) : null,
    }
  })
}

/** The plan of the steps is a function of seed, stage and sizes, so nothing about it is stored. */
function trainingOf(db: Database, iteration: Iteration, { gateId, promptId }: Label): PairView['training'] {
  const stageId = idOfStage(iteration.id, 'train')
  if ((stageOf(db, stageId)?.startedAt ?? null) === null) return null
  const { index, of: examples } = labelPlace(db, gateId, promptId)
  const steps = stepsOf(runIn(db, iteration), iteration, examples).flatMap((members, step) => (members.includes(index) ? [step + 1] : []))
  return { stageId, steps, taken: stepsTaken(db, stageId) }
}

/** The last few plans: going from prompt to prompt asks for the same ones. */
const plans = new Map<string, number[][]>()

function stepsOf(run: Run, iteration: Iteration, examples: number): number[][] {
  const { dpo: hyper } = run.config
  const key = JSON.stringify([run.seed, run.id, iteration.t, examples, hyper.batchSize, hyper.epochs])
  const found = plans.get(key)
  if (found) return found
  const steps = planSteps({ run, iteration, stage: 'train' }, { examples, hyper })
  if (plans.size === 8) plans.delete(plans.keys().next().value!)
  plans.set(key, steps)
  return steps
}
