/**
 * `npx node tests/bench/make-project.ts FOLDER [--prompts 20000] [--rounds 3] [--seed 1]`
 * A large project in the middle of its last round, in under a minute. The bundled model is really tuned and evaluated; responses,
 * scores (of every model: four judges in round 3) and the first trainings are drawn from a seed; rankings, pairs and labels
 * are made from them by the stages themselves. The last round's training is left to do, so that it can run for real.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { drawQuestion, families, type Question } from '../../native-models/bundled/families.ts'
import { Random } from '../../native-models/bundled/random.ts'
import { vocabulary } from '../../native-models/bundled/tokenizer.ts'
import { hashText, normal, uniform } from '../../native-models/random.ts'
import { loadConfig } from '../../main/pipeline/config.ts'
import type { RunContext } from '../../main/pipeline/context.ts'
import { inputHash } from '../../main/pipeline/inputs.ts'
import { planRound } from '../../main/pipeline/plan-run.ts'
import { carryOn } from '../../main/pipeline/runner.ts'
import { withNewRun } from '../../main/pipeline/session.ts'
import { type Database, inTransaction } from '../../main/store/database.ts'
import { modelName, producedModelId, responseId } from '../../main/store/ids.ts'
import { type Iteration, iterationOf, iterationsOf, setProducedModel } from '../../main/store/iterations.ts'
import { insertModel, modelOf, modelsOf } from '../../main/store/models.ts'
import { pairsOf } from '../../main/store/pairs.ts'
import { promptsOf } from '../../main/store/prompts.ts'
import { currentSetOf } from '../../main/store/rankings.ts'
import { insertResponse, responsesOf } from '../../main/store/responses.ts'
import { insertScore } from '../../main/store/scores.ts'
import { type StageRow, finishStage, stagesOf, startStage } from '../../main/store/stages.ts'
import { commitCheckpoint } from '../../main/store/training.ts'
import { insertVerdict } from '../../main/store/verdicts.ts'

export interface ProjectSize {
  readonly prompts: number
  /** DPO rounds, the last without its training. */
  readonly rounds: number
  readonly responses: number
  readonly seed: number
}

const VERDICTS = 50

export async function makeProject(folder: string, { prompts = 20_000, rounds = 3, responses = 5, seed = 1 }: Partial<ProjectSize> = {}): Promise<void> {
  const sources = mkdtempSync(join(tmpdir(), 'creamery-prompts-'))
  try {
    const questions = drawQuestions(prompts, seed)
    const file = join(sources, 'prompts.jsonl')
    writeFileSync(file, questions.map(({ prompt, answer, family }, i) => JSON.stringify({ id: `prompt-${i}`, prompt, answer, task: family })).join('\n'))
    const overrides = { data: { prompts: file, promptsLimit: prompts }, iterations: rounds, seed, threads: 1, sampling: { responses, maxNewTokens: 96 }, consistency: { tieTolerance: 0 } }
    await withNewRun(folder, loadConfig({ preset: 'ci', overrides }), { signal: new AbortController().signal, emit: () => {} }, async (context) => {
      const { db } = context.project
      for (let t = 0; t <= rounds; t++) {
        const iteration = iterationsOf(db, context.run.id)[t]!
        for (const row of stagesOf(db, iteration.id)) {
          if (t === rounds && row.stage === 'train') return judgeSome(db, iteration)
          await carryOut(context, iteration, row, questions)
        }
        inTransaction(db, () => planRound(db, iterationOf(db, iteration.id)!))
      }
    })
  } finally {
    rmSync(sources, { recursive: true })
  }
}

async function carryOut(context: RunContext, iteration: Iteration, { id, stage }: StageRow, questions: readonly Question[]): Promise<void> {
  const { db } = context.project
  const fill = { sample: drawResponses, score: drawScores, train: drawTraining }[stage as string]
  if (!fill) return void (await carryOn(context, { until: stage }))
  const hash = await inputHash(context, iteration, stage)
  inTransaction(db, () => {
    startStage(db, id, hash)
    fill(context, iteration, id, questions)
    finishStage(db, id)
  })
}

function drawQuestions(count: number, seed: number): Question[] {
  const random = new Random(seed, 'scale')
  return Array.from({ length: count }, (_, i) => drawQuestion(families[i % families.length]!, random))
}

/** Right about half the time; a few end by length, some repeat another, and to a few prompts all are the same. */
function drawResponses(context: RunContext, iteration: Iteration, _stageId: string, questions: readonly Question[]): void {
  const { run, project: { db } } = context
  const { samplingTemperature, topP, topK, maxNewTokens, responses } = run.config.sampling
  for (const prompt of promptsOf(db, run.id, iteration.t)) {
    const question = questions[prompt.position]!
    const random = new Random(run.seed, `response ${iteration.t} ${prompt.position}`)
    const isSure = random.uniform() < 0.03
    for (let position = 0; position < responses; position++) {
      const luck = random.uniform()
      const answer = luck < 0.45 + 0.1 * iteration.t ? question.answer : luck < 0.8 ? question.habit : question.slip(random)
      const isCut = random.uniform() < 0.02
      const text = isSure ? `Answer: ${question.answer}` : say(question, answer, random).slice(0, isCut ? 24 : 90)
      const ids = [...text].map((character) => vocabulary.get(character)!)
      insertResponse(db, {
        id: responseId(iteration.id, prompt.position, position), promptId: prompt.id, iterationId: iteration.id, position, text,
        tokenIds: Int32Array.from(isCut ? ids : [...ids, vocabulary.get('<|end|>')!]), finishReason: isCut ? 'length' : 'eos', seed: run.seed,
        sampling: { samplingTemperature, topP, topK, maxNewTokens }, isCorrect: isSure || (!isCut && answer === question.answer),
      })
    }
  }
}

function say({ family }: Question, answer: string, random: Random): string {
  const before = random.pick(['', 'Let me see. ', 'Step by step, one after the other. ', `This is a ${family}. `])
  const after = random.pick(['', '', ' I checked it twice.', ' That is all there is to it.'])
  return `${before}Answer: ${answer}${after}`
}

/** Under the judges of the iteration and, as if they had been asked later, under every model that exists by the end. */
function drawScores(context: RunContext, iteration: Iteration): void {
  const { run, project: { db } } = context
  const models = new Set([...modelsOf(db, run.id).map(({ id }) => id), iteration.policyModelId])
  for (const { id, tokenIds, isCorrect } of responsesOf(db, iteration.id)) for (const model of models) insertDrawn(db, run.seed, id, model, tokenIds.length, isCorrect)
}

/** r grows with every round for right answers, more than it wavers. */
function insertDrawn(db: Database, seed: number, responseId: string, modelId: string, tokens: number, isCorrect: boolean | null): void {
  const m = Number(/M(\d+)/.exec(modelId)![1])
  const base = -tokens * (0.3 + 0.4 * uniform(seed, hashText(responseId)))
  const reward = m === 0 ? 0 : 0.5 * m * Number(isCorrect) + normal(seed, hashText(responseId), 1) + 0.6 * normal(seed, hashText(responseId), hashText(modelId))
  insertScore(db, { responseId, modelId, logps: base + reward, meanLogps: (base + reward) / tokens, tokens })
}

/** The policy's weights again under the next name, one step for each batch, and scores of all responses under the new judge. */
function drawTraining(context: RunContext, iteration: Iteration, stageId: string): void {
  const { run, project: { db, folder } } = context
  const policy = modelOf(db, iteration.policyModelId)!
  const id = producedModelId(iteration.id)
  cpSync(join(folder, policy.path!), join(folder, 'adapters', id), { recursive: true })
  const total = Math.ceil(pairsOf(db, currentSetOf(db, iteration.id)!.id).length / run.config.dpo.batchSize)
  const steps = Array.from({ length: total }, (_, i) => {
    const done = i / total
    const chosen = 0.3 * done + 0.05 * normal(run.seed, i, 0)
    const rejected = -0.2 * done + 0.05 * normal(run.seed, i, 1)
    return {
      stageId, step: i + 1, tokens: 2 * run.config.dpo.batchSize * 60, elapsedMs: 40 + 5 * uniform(run.seed, i, 2),
      metrics: {
        'rewards/chosen': chosen, 'rewards/rejected': rejected, 'rewards/margins': chosen - rejected, 'rewards/accuracies': 0.5 + 0.3 * done,
        'logps/chosen': -30 - 2 * done, 'logps/rejected': -31 - 5 * done, loss: Math.LN2 - 0.08 * done, loss_floor: 0.55, grad_norm: 1 + uniform(run.seed, i, 3), learning_rate: run.config.dpo.learningRate * (1 - done),
      },
    }
  })
  commitCheckpoint(db, { steps, checkpoint: { stageId, kind: 'final', step: total, path: `adapters/${id}/adapter_model.safetensors`, sha256: policy.sha256 } })
  insertModel(db, { id, runId: run.id, name: modelName(id), parentId: policy.id, kind: policy.kind, path: `adapters/${id}`, sha256: policy.sha256 })
  setProducedModel(db, iteration.id, id)
  for (const earlier of iterationsOf(db, run.id)) for (const { id: response, tokenIds, isCorrect } of responsesOf(db, earlier.id)) insertDrawn(db, run.seed, response, id, tokenIds.length, isCorrect)
}

/** Verdicts on pairs spread over the round; one of ten is taken back. */
function judgeSome(db: Database, iteration: Iteration): void {
  const pairs = pairsOf(db, currentSetOf(db, iteration.id)!.id)
  const every = Math.max(1, Math.floor(pairs.length / VERDICTS))
  for (const [i, { promptId, chosenId, rejectedId }] of pairs.filter((_, i) => i % every === 0).slice(0, VERDICTS).entries()) {
    const row = { promptId, responseAId: chosenId, responseBId: rejectedId, annotator: 'ana', criterion: 'which answer is right', elapsedMs: 4000 + 10 * i }
    const id = insertVerdict(db, { ...row, verdict: (['a', 'a', 'a', 'b', 'tie'] as const)[i % 5]!, undoneOf: null, idempotencyKey: `drawn-${i}` })
    if (i % 10 === 9) insertVerdict(db, { ...row, verdict: null, undoneOf: id, idempotencyKey: `drawn-${i}-undone`, elapsedMs: 0 })
  }
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { prompts: { type: 'string', default: '20000' }, rounds: { type: 'string', default: '3' }, seed: { type: 'string', default: '1' } } })
  const [folder] = positionals
  if (folder === undefined) throw new Error('name a new folder for the project')
  const began = performance.now()
  mkdirSync(resolve(folder), { recursive: true })
  await makeProject(resolve(folder), { prompts: Number(values.prompts), rounds: Number(values.rounds), seed: Number(values.seed) })
  console.log(`${resolve(folder)}: ${values.prompts} prompts in ${((performance.now() - began) / 1000).toFixed(1)} s`)
}
