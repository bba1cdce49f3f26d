/** Stage `evaluate`: held-out accuracy, greedy and sampled (METHOD §2h). The first one also measures M0. */
import { type AnswerBatch, answer, planAnswers, type Question } from '../evaluate/answering.ts'
import { judgeResponse } from '../evaluate/answers.ts'
import { type Batch, batchCounts, commitBatch, nextBatch, planBatches } from '../store/batches.ts'
import { inTransaction } from '../store/database.ts'
import { type Decoding, evaluationOf, finishEvaluation, insertEvaluation, insertEvaluationItem } from '../store/evaluations.ts'
import { evaluationId } from '../store/ids.ts'
import { iterationOf } from '../store/iterations.ts'
import { type StageContext, configOf, dbOf, modelName, modelRef, placeOf } from './context.ts'
import { readQuestions } from './questions.ts'

interface EvaluationBatch extends AnswerBatch {
  readonly modelId: string
  readonly decoding: Decoding
}

export async function evaluate(context: StageContext): Promise<string> {
  const { stageId, sandbox, text, contextLength } = context
  const { data, evaluation } = configOf(context)
  const db = dbOf(context)
  if (data.evaluation.length === 0) return 'no held-out tasks'
  const { questions, leftOut } = await readQuestions(data.evaluation, { suffix: evaluation.suffix, contextLength }, sandbox, text)
  if (leftOut > 0) context.emit({ kind: 'notice', message: `${leftOut} held-out questions are left out: unusable rows, or longer than the context of ${contextLength} tokens.` })
  const models = modelsToEvaluate(context)
  planBatches(db, stageId, plan(context, models, questions))
  const evaluations = planEvaluations(context, models, questions)

  for (let batch = nextBatch<EvaluationBatch>(db, stageId); batch; batch = nextBatch<EvaluationBatch>(db, stageId)) {
    context.signal.throwIfAborted()
    await evaluateBatch(context, batch, questions)
    const { committed, total } = batchCounts(db, stageId)
    context.progress(committed, total, 'batches')
  }
  await context.engine.call('endSampling', {})
  inTransaction(db, () => evaluations.filter((id) => evaluationOf(db, id)!.correct === null).forEach((id) => finishEvaluation(db, id, {})))
  return `${models.map(modelName).join(' and ')} on ${questions.length} questions`
}

/** What the iteration made; the first also measures what it started from, which its branches share. */
function modelsToEvaluate({ project, iteration }: StageContext): string[] {
  const { t, originId, baseModelId, producedModelId } = iterationOf(project.db, iteration.id)!
  return t === 0 && originId === null ? [baseModelId, producedModelId!] : [producedModelId!]
}

const decodingsOf = (context: StageContext): Decoding[] => (configOf(context).evaluation.samples > 0 ? ['greedy', 'sampled'] : ['greedy'])
const idOf = (context: StageContext, modelId: string, task: string, decoding: Decoding): string => evaluationId(modelId, task, decoding, configOf(context).evaluation.scorer)

function plan(context: StageContext, models: readonly string[], questions: readonly Question[]): { content: EvaluationBatch; bucket: number }[] {
  const { samples, maxNewTokens } = configOf(context).evaluation
  return models.flatMap((modelId) => decodingsOf(context).flatMap((decoding) =>
    planAnswers(questions, decoding === 'greedy' ? 1 : samples, maxNewTokens, context.contextLength).map((batch) => ({ content: { modelId, decoding, ...batch }, bucket: batch.shape.promptLength }))))
}

/** A row for every model, task and decoding; figures are counted at the end. */
function planEvaluations(context: StageContext, models: readonly string[], questions: readonly Question[]): string[] {
  const db = dbOf(context)
  const tasks = [...new Set(questions.map(({ item }) => item.task))]
  return inTransaction(db, () => models.flatMap((modelId) => tasks.flatMap((task) => decodingsOf(context).map((decoding) => {
    const id = idOf(context, modelId, task, decoding)
    if (!evaluationOf(db, id)) insertEvaluation(db, { id, modelId, task, decoding, scorer: configOf(context).evaluation.scorer })
    return id
  }))))
}

async function evaluateBatch(context: StageContext, batch: Batch<EvaluationBatch>, questions: readonly Question[]): Promise<void> {
  const { modelId, decoding } = batch.content
  const { scorer, samplingTemperature } = configOf(context).evaluation
  const { engine, signal, run, text } = context
  const answers = await answer(questions, batch.content, {
    ...placeOf(context), engine, signal, model: modelRef(context, modelId), seed: run.seed, eosIds: text.info.eosIds,
    samplingTemperature: decoding === 'greedy' ? 0 : samplingTemperature, decode: (ids) => text.decode(ids, { skipSpecial: true }),
  })
  commitBatch(dbOf(context), batch, () => {
    for (const { item: at, sample, text: response, finishReason } of answers) {
      const { item } = questions[at]!
      const { answer: extracted, correct: isCorrect } = judgeResponse(response, item, scorer)
      insertEvaluationItem(dbOf(context), { evaluationId: idOf(context, modelId, item.task, decoding), itemId: item.id, sample, isCorrect, extracted, text: response, finishReason })
    }
  })
}
