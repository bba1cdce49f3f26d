/**
 * What rows cost. That is not guessed: the store writes a small run of the same shape into a throw-away database, as stages
 * would; what each kind of row adds is counted in pages, and how long storing it takes is measured.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { permutation } from '../../../native-models/random.ts'
import { chanceOf } from '../../cream/chance.ts'
import { agreement } from '../../cream/consistency.ts'
import { type Database, get, inTransaction, openDatabase } from '../../store/database.ts'
import { insertEvaluation, insertEvaluationItem } from '../../store/evaluations.ts'
import { insertGate } from '../../store/gates.ts'
import { evaluationId, modelId, promptId, rankingSetId, responseId, stageId } from '../../store/ids.ts'
import { setProducedModel } from '../../store/iterations.ts'
import { commitBatch, nextBatch, planBatches } from '../../store/batches.ts'
import { insertModel } from '../../store/models.ts'
import { type Pair, insertPair } from '../../store/pairs.ts'
import { insertConsistency, insertRanking, insertRankingSet } from '../../store/rankings.ts'
import { insertResponse } from '../../store/responses.ts'
import { insertScore, scoresOf } from '../../store/scores.ts'
import { commitCheckpoint } from '../../store/training.ts'
import { planIteration, storeRun } from '../plan-run.ts'
import { type Behaviour, meanTokens } from './behaviour.ts'
import type { Paces } from './time.ts'
import type { Workload } from './workload.ts'

/** What one row's worth adds: bytes, and seconds. */
interface Cost {
  readonly bytes: number
  readonly seconds: number
}

export interface StoreCosts {
  /** Of an empty project. */
  readonly emptyBytes: number
  /** Per prompt: itself; its responses; their scores; its rankings; its pair and label. Per answer, and per training step. */
  readonly prompt: Cost
  readonly sample: Cost
  readonly score: Cost
  readonly rank: Cost
  readonly pair: Cost
  readonly answer: Cost
  readonly step: Cost
}

/** Prompts of each half: the second is counted, when every table has its first pages. */
const HALF = 120
const STEPS = 100

/** Without a probe a token is taken to write so many bytes. */
const BYTES_PER_TOKEN = 4

export async function measureStore(work: Workload, behaviour: Behaviour, bytesPerToken: number | null, clock: () => number): Promise<StoreCosts> {
  const folder = mkdtempSync(join(tmpdir(), 'creamery-estimate-'))
  const db = openDatabase(join(folder, 'creamery.db'))
  try {
    return await measure(db, work, behaviour, bytesPerToken ?? BYTES_PER_TOKEN, clock)
  } finally {
    db.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measure(db: Database, work: Workload, behaviour: Behaviour, bytesPerToken: number, clock: () => number): Promise<StoreCosts> {
  const { config, examples, eosIds } = work
  const samples = config.sampling.responses
  const pages = (): number => get<{ bytes: number }>(db, "SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()")!.bytes
  const emptyBytes = pages()
  const completion = Int32Array.from({ length: Math.max(1, Math.round(meanTokens(behaviour, config.sampling.maxNewTokens))) }, (_, i) => i + 3)
  const textOf = (n: number): string => `${n} `.padEnd(Math.round(completion.length * bytesPerToken), 'a word and ').slice(0, Math.max(4, Math.round(completion.length * bytesPerToken)))
  const example = (at: number) => examples[at % examples.length]!

  const totals = { prompt: zero(), sample: zero(), score: zero(), rank: zero(), pair: zero(), answer: zero(), step: zero() }
  const perBatch = Math.max(1, Math.floor(64 / samples))
  for (const half of [0, 1]) {
    const spend = async (what: keyof typeof totals, work: () => void | Promise<void>): Promise<void> => {
      const [before, began] = [pages(), clock()]
      await work()
      if (half === 1) totals[what] = { bytes: totals[what].bytes + pages() - before, seconds: totals[what].seconds + clock() - began }
    }
    // A run of its own for each half: the ids are as long, and the tables the same.
    const number = half + 1
    let run!: ReturnType<typeof storeRun>
    await spend('prompt', () => {
      run = storeRun(db, {
        config, baseSha256: work.modelSha256,
        prompts: Array.from({ length: HALF }, (_, position) => ({ position, share: 1, sourceId: String(position), input: example(position).input, tokenIds: Int32Array.from(example(position).ids), answer: example(position).answer, task: example(position).task, skipReason: null })),
      }, number)
    })
    const models = makeModels(db, run.id)
    const { iteration } = models
    const order = permutation(HALF, number)
    const groups = Array.from({ length: Math.ceil(HALF / perBatch) }, (_, i) => order.slice(i * perBatch, (i + 1) * perBatch))
    const idsOf = (prompts: readonly number[]): string[] => prompts.flatMap((p) => Array.from({ length: samples }, (_, r) => responseId(iteration, p, r)))

    await spend('sample', async () => {
      const stage = stageId(iteration, 'sample')
      planBatches(db, stage, groups.map((group) => ({ content: { prompts: group.map((p) => promptId(run.id, p)), shape: work.contextLength, maxNewTokens: 1 }, bucket: 16 })))
      for (const group of groups) {
        commitBatch(db, nextBatch(db, stage)!, () => group.forEach((p) => Array.from({ length: samples }, (_, r) => insertResponse(db, {
          id: responseId(iteration, p, r), promptId: promptId(run.id, p), iterationId: iteration, position: r, text: textOf(samples * p + r), tokenIds: completion, finishReason: 'eos', seed: run.seed,
          sampling: { samplingTemperature: config.sampling.samplingTemperature, topP: config.sampling.topP, topK: config.sampling.topK, maxNewTokens: config.sampling.maxNewTokens }, isCorrect: example(p).answer === null ? null : r % 2 === 0,
        }))))
        await setImmediate()
      }
    })
    await spend('score', async () => {
      const stage = stageId(iteration, 'score')
      planBatches(db, stage, groups.map((group) => ({ content: { models: models.judges, responses: idsOf(group), shape: { rows: 64, length: 64, positions: 64 } }, bucket: 16 })))
      for (const group of groups) {
        commitBatch(db, nextBatch(db, stage)!, () => models.judges.forEach((judge, m) => idsOf(group).forEach((id, i) => {
          const logps = -Math.PI * completion.length * (1 + ((i * 7 + m * 3) % 11) / 13)
          insertScore(db, { responseId: id, modelId: judge, logps, meanLogps: logps / completion.length, tokens: completion.length })
        })))
        await setImmediate()
      }
    })
    let pairs: readonly Pair[] = []
    await spend('rank', () => void (pairs = storeRanking(db, run.id, iteration, models, { samples, distinct: Math.max(1, Math.round(samples * behaviour.variety)), paired: behaviour.distinct })))
    await spend('pair', () => storePairs(db, iteration, pairs))
    await spend('answer', () => {
      const evaluation = evaluationId(models.base, 'a-task', 'sampled', config.evaluation.scorer)
      insertEvaluation(db, { id: evaluation, modelId: models.base, task: 'a-task', decoding: 'sampled', scorer: config.evaluation.scorer })
      inTransaction(db, () => order.forEach((item) => Array.from({ length: samples }, (_, sample) => insertEvaluationItem(db, { evaluationId: evaluation, itemId: `tasks/${item}`, sample, isCorrect: true, extracted: '42', text: textOf(item), finishReason: eosIds.length > 0 ? 'eos' : 'length' }))))
    })
    await spend('step', () => void commitCheckpoint(db, {
      steps: Array.from({ length: STEPS }, (_, i) => ({ stageId: stageId(iteration, 'train'), step: i + 1, metrics: metricsLike(i), tokens: 1000 + i, elapsedMs: Math.PI * 100 + i })),
      checkpoint: { stageId: stageId(iteration, 'train'), kind: 'final', step: STEPS, path: `adapters/${run.id}.M2/adapter_model.safetensors`, sha256: work.modelSha256 },
    }))
  }
  const each = ({ bytes, seconds }: Cost, count: number): Cost => ({ bytes: bytes / count, seconds: seconds / count })
  return {
    emptyBytes,
    prompt: each(totals.prompt, HALF), sample: each(totals.sample, HALF), score: each(totals.score, HALF), rank: each(totals.rank, HALF), pair: each(totals.pair, HALF),
    answer: each(totals.answer, HALF * samples), step: each(totals.step, STEPS),
  }
}

const zero = (): Cost => ({ bytes: 0, seconds: 0 })
/** As long as real ones: 17 digits. */
const metricsLike = (i: number): Record<string, number> => Object.fromEntries(['rewards/chosen', 'rewards/rejected', 'rewards/margins', 'rewards/accuracies', 'logps/chosen', 'logps/rejected', 'loss_floor', 'loss', 'grad_norm', 'learning_rate'].map((key, k) => [key, Math.sin(i * 10 + k + 1)]))

interface Models {
  readonly base: string
  readonly iteration: string
  readonly judges: readonly string[]
}

/** M0, M1 and iteration 1 over them, as a run has them after SFT. */
function makeModels(db: Database, run: string): Models {
  const base = modelId(run, 'M0')
  const first = `${run}.i0`
  inTransaction(db, () => {
    insertModel(db, { id: modelId(run, 'M1'), runId: run, name: 'M1', parentId: base, kind: 'adapter', path: `adapters/${run}.M1`, sha256: '0'.repeat(64) })
    setProducedModel(db, first, modelId(run, 'M1'))
    planIteration(db, run, { t: 1, parentId: first, policyModelId: modelId(run, 'M1'), previousModelId: base, baseModelId: base })
  })
  return { base, iteration: `${run}.i1`, judges: [modelId(run, 'M1'), base] }
}

function storeRanking(db: Database, run: string, iteration: string, { base, judges }: Models, { samples, distinct, paired }: { samples: number; distinct: number; paired: number }): Pair[] {
  const setId = rankingSetId(iteration)
  const exact = { tolCurrent: 0, tolPrevious: 0 }
  return inTransaction(db, () => {
    insertRankingSet(db, {
      id: setId, iterationId: iteration, statistic: 'tau-b', firstIterationRule: 'mean-logps', currentModelId: judges[0]!, currentMeasure: 'mean-logps', currentTolerance: 0,
      previousModelId: base, previousMeasure: 'mean-logps', previousTolerance: 0, rewardTolerance: 0, meanConsistency: 0.6, chance: { meanTau: 0, sdTau: 0.4, meanC: 0.5, sdOfMeanC: 0.01 },
    })
    return Array.from({ length: HALF }, (_, p) => {
      const id = promptId(run, p)
      const values = judges.map((judge) => Array.from({ length: samples }, (_, r) => scoresOf(db, responseId(iteration, p, r)).find(({ modelId: by }) => by === judge)!.meanLogps).slice(0, distinct))
      values.forEach((rewards, j) => insertRanking(db, {
        setId, promptId: id, judge: j === 0 ? 'current' : 'previous', rewards: rewards.map((reward, r) => ({ responseId: responseId(iteration, p, r), reward, count: 1 })), ordering: rewards.map((_, r) => responseId(iteration, p, r)),
      }))
      const { value } = agreement('tau-b', values[0]!, values[1]!, exact)
      chanceOf('tau-b', values[0]!, values[1]!, exact)
      insertConsistency(db, { setId, promptId: id, agreement: value, consistency: value === null ? null : (value + 1) / 2, nullReason: value === null ? 'too-few-distinct' : null, currentTies: 0, previousTies: 0 })
      return p < paired * HALF && distinct > 1 ? [{ setId, promptId: id, chosenId: responseId(iteration, p, 0), rejectedId: responseId(iteration, p, 1), margin: Math.PI / 3, consistency: Math.E / 4 }] : []
    }).flat()
  })
}

function storePairs(db: Database, iteration: string, pairs: readonly Pair[]): void {
  inTransaction(db, () => {
    for (const pair of pairs) insertPair(db, pair)
    insertGate(db, { iterationId: iteration, setId: rankingSetId(iteration), choice: 'not-audited', minConsistency: null, minMargin: null, reason: null, measureOnly: false, auditId: null, idempotencyKey: iteration },
      pairs.map(({ promptId: id, chosenId, rejectedId, consistency }) => ({ promptId: id, source: 'judge', effect: 'not-audited', chosenId, rejectedId, consistency })))
  })
}

export const pacesOf = ({ sample, score, rank, pair, answer }: StoreCosts): Paces =>
  ({ storeSample: sample.seconds, storeScore: score.seconds, storeRank: rank.seconds, storePair: pair.seconds, storeAnswer: answer.seconds })
