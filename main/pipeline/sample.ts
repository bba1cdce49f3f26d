/** Stage `sample`: N responses of M_t to every prompt of this iteration's share (METHOD §2a). */
import { judgeResponse } from '../evaluate/answers.ts'
import { planSampling } from '../engine/batches.ts'
import type { SampleShape } from '../engine/protocol.ts'
import { commitBatch, nextBatch, planBatches, batchCounts } from '../store/batches.ts'
import { branchOf, responseId } from '../store/ids.ts'
import { type Prompt, promptsOf } from '../store/prompts.ts'
import { countResponses, insertResponse } from '../store/responses.ts'
import { type StageContext, configOf, dbOf, modelRef, placeOf } from './context.ts'

interface SampleBatch {
  readonly prompts: readonly string[]
  readonly shape: SampleShape
  readonly maxNewTokens: number
}

export async function sample(context: StageContext): Promise<string> {
  const { run, iteration, engine, stageId, signal } = context
  const { sampling } = configOf(context)
  const db = dbOf(context)
  const prompts = new Map(promptsOf(db, run.id, iteration.t).map((prompt) => [prompt.id, prompt]))
  planBatches(db, stageId, plan(context, [...prompts.values()].filter(({ skipReason }) => skipReason === null)))

  // Who goes back to this stage wants other responses: a branch draws anew.
  const number = branchOf(iteration.id)
  const branch = number === 0 ? [] : [number]
  for (let batch = nextBatch<SampleBatch>(db, stageId); batch; batch = nextBatch<SampleBatch>(db, stageId)) {
    signal.throwIfAborted()
    const { shape, maxNewTokens } = batch.content
    const members = batch.content.prompts.map((id) => prompts.get(id)!)
    const rows = members.flatMap(({ position }, prompt) => Array.from({ length: sampling.responses }, (_, i) => ({ prompt, key: [iteration.t, position, i, ...branch] })))
    const { completions } = await engine.call('sample', {
      ...placeOf(context), ...sampling, model: modelRef(context, iteration.policyModelId), shape, maxNewTokens, rows,
      prompts: members.map(({ tokenIds }) => tokenIds), seed: run.seed, eosIds: context.text.info.eosIds, stream: false,
    }, { signal })
    const texts = await context.text.decode(completions.map(({ ids }) => [...ids]), { skipSpecial: true })
    commitBatch(db, batch, () => completions.forEach(({ ids, finishReason }, i) => {
      const prompt = members[rows[i]!.prompt]!
      const position = i % sampling.responses
      const { samplingTemperature, topP, topK } = sampling
      insertResponse(db, {
        id: responseId(iteration.id, prompt.position, position), promptId: prompt.id, iterationId: iteration.id, position,
        text: texts[i]!, tokenIds: ids, finishReason, seed: run.seed, sampling: { samplingTemperature, topP, topK, maxNewTokens },
        isCorrect: isCorrect(context, prompt, texts[i]!),
      })
    }))
    const { committed, total } = batchCounts(db, stageId)
    context.progress(committed, total, 'batches')
  }
  await engine.call('endSampling', {})
  const { responses, truncated } = countResponses(db, iteration.id)
  return `${responses} responses to ${prompts.size} prompts, ${truncated} ended by length`
}

function plan(context: StageContext, prompts: readonly Prompt[]): { content: SampleBatch; bucket: number }[] {
  const { sampling } = configOf(context)
  return planSampling(prompts.map(({ tokenIds }) => tokenIds.length), sampling.responses, sampling.maxNewTokens).map(({ members, shape }) => {
    const batch = members.map((i) => prompts[i]!)
    const room = context.contextLength - Math.max(...batch.map(({ tokenIds }) => tokenIds.length))
    return { content: { prompts: batch.map(({ id }) => id), shape, maxNewTokens: Math.min(sampling.maxNewTokens, room) }, bucket: shape.promptLength }
  })
}

function isCorrect(context: StageContext, { id, input, answer, task }: Prompt, text: string): boolean | null {
  if (answer === null) return null
  return judgeResponse(text, { id, prompt: input, answer, task: task ?? undefined }, configOf(context).evaluation.scorer).correct
}
