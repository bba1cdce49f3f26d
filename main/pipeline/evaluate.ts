/** Stage `evaluate`: held-out accuracy, greedy and sampled (METHOD §2h). The first one also measures M0. */
import { judgeResponse } from '../evaluate/answers.ts'
import { type TaskItem, toPrompt } from '../evaluate/tasks.ts'
import { planSampling } from '../engine/batches.ts'
import type { SampleShape } from '../engine/protocol.ts'
import { batchCounts, commitBatch, nextBatch, planBatches } from '../store/batches.ts'
import { inTransaction } from '../store/database.ts'
import { type Decoding, evaluationOf, finishEvaluation, insertEvaluation, insertEvaluationItem } from '../store/evaluations.ts'
import { evaluationId } from '../store/ids.ts'
import { iterationOf } from '../store/iterations.ts'
import { type StageContext, configOf, dbOf, modelName, modelRef, placeOf } from './context.ts'

interface EvaluationBatch {
  readonly modelId: string
  readonly decoding: Decoding
  /** Places in the list of all items. */
  readonly items: readonly number[]
  readonly shape: SampleShape
  readonly samples: number
  readonly maxNewTokens: number
}

interface Question {
  readonly item: TaskItem & { readonly task: string }
  readonly promptIds: Int32Array
}

/** Keeps the random numbers of evaluation apart from those of `sample`. */
const EVALUATION_KEY = 0x65766c

export async function evaluate(context: StageContext): Promise<string> {
  const { engine, stageId, run, signal } = context
  const { evaluation } = configOf(context)
  const db = dbOf(context)
  const questions = await readQuestions(context)
  if (questions.length === 0) return 'no held-out tasks'
  const models = modelsToEvaluate(context)
  const idOf = (modelId: string, task: string, decoding: Decoding): string => evaluationId(modelId, task, decoding, evaluation.scorer)
  const batches = plan(context, models, questions)
  planBatches(db, stageId, batches)
  inTransaction(db, () => {
    for (const { modelId, decoding, items } of batches.map(({ content }) => content)) {
      for (const task of new Set(items.map((i) => questions[i]!.item.task))) {
        const id = idOf(modelId, task, decoding)
        if (!evaluationOf(db, id)) insertEvaluation(db, { id, modelId, task, decoding, scorer: evaluation.scorer })
      }
    }
  })

  for (let batch = nextBatch<EvaluationBatch>(db, stageId); batch; batch = nextBatch<EvaluationBatch>(db, stageId)) {
    signal.throwIfAborted()
    const { modelId, decoding, items, shape, samples, maxNewTokens } = batch.content
    const rows = items.flatMap((item, prompt) => Array.from({ length: samples }, (_, sample) => ({ prompt, item, sample, key: [EVALUATION_KEY, item, sample] })))
    const { completions } = await engine.call('sample', {
      ...placeOf(context), model: modelRef(context, modelId), shape, maxNewTokens, seed: run.seed, eosIds: context.text.info.eosIds, stream: false,
      samplingTemperature: decoding === 'greedy' ? 0 : evaluation.samplingTemperature, topP: 1, topK: 0,
      prompts: items.map((i) => questions[i]!.promptIds), rows: rows.map(({ prompt, key }) => ({ prompt, key })),
    }, { signal })
    const texts = await context.text.decode(completions.map(({ ids }) => [...ids]), { skipSpecial: true })
    commitBatch(db, batch, () => rows.forEach(({ item: at, sample }, i) => {
      const { item } = questions[at]!
      const { answer, correct } = judgeResponse(texts[i]!, item, evaluation.scorer)
      insertEvaluationItem(db, { evaluationId: idOf(modelId, item.task, decoding), itemId: item.id, sample, isCorrect: correct, extracted: answer, text: texts[i]!, finishReason: completions[i]!.finishReason })
    }))
    const { committed, total } = batchCounts(db, stageId)
    context.progress(committed, total, 'batches')
  }
  await engine.call('endSampling', {})
  inTransaction(db, () => {
    for (const modelId of models) {
      for (const task of new Set(questions.map(({ item }) => item.task))) {
        for (const decoding of decodingsOf(context)) {
          const id = idOf(modelId, task, decoding)
          if (evaluationOf(db, id)?.correct === null) finishEvaluation(db, id, {})
        }
      }
    }
  })
  return `${models.map(modelName).join(' and ')} on ${questions.length} questions`
}

/** What the iteration made; before the first, also what it started from. */
function modelsToEvaluate({ project, iteration }: StageContext): string[] {
  const { t, baseModelId, producedModelId } = iterationOf(project.db, iteration.id)!
  return t === 0 ? [baseModelId, producedModelId!] : [producedModelId!]
}

const decodingsOf = (context: StageContext): Decoding[] => (configOf(context).evaluation.samples > 0 ? ['greedy', 'sampled'] : ['greedy'])

async function readQuestions(context: StageContext): Promise<Question[]> {
  const { data, evaluation } = configOf(context)
  const questions: Question[] = []
  for (const { name, file, limit } of data.evaluation) {
    const { taken } = await context.sandbox.readTasks(file, limit === undefined ? {} : { limit })
    const items = taken.map(({ id, prompt, answer, task }) => ({ id: `${name}/${id}`, prompt, answer, task: task || name }))
    const encoded = await context.text.encodePrompts(items.map((item) => toPrompt(item, evaluation.suffix)))
    encoded.forEach((one, i) => {
      if ('ids' in one && one.ids.length < context.contextLength) questions.push({ item: items[i]!, promptIds: Int32Array.from(one.ids) })
    })
  }
  const total = questions.length
  if (total === 0 && data.evaluation.length > 0) context.emit({ kind: 'notice', message: 'No held-out question fits the context; nothing is evaluated.' })
  return questions
}

function plan(context: StageContext, models: readonly string[], questions: readonly Question[]): { content: EvaluationBatch; bucket: number }[] {
  const { evaluation } = configOf(context)
  return models.flatMap((modelId) => decodingsOf(context).flatMap((decoding) => {
    const samples = decoding === 'greedy' ? 1 : evaluation.samples
    return planSampling(questions.map(({ promptIds }) => promptIds.length), samples, evaluation.maxNewTokens).map(({ members, shape }) => {
      const room = context.contextLength - Math.max(...members.map((i) => questions[i]!.promptIds.length))
      return { content: { modelId, decoding, items: members, shape, samples, maxNewTokens: Math.min(evaluation.maxNewTokens, room) }, bucket: shape.promptLength }
    })
  }))
}
