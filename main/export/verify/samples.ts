/** Prompts in the shares they were dealt to, N responses to each, and every response under each judge. */
import { hashText, permutation } from '../../../native-models/random.ts'
import { promptId, responseId } from '../../store/ids.ts'
import { type Evidence, expectRow, expectSame, refuseRow, type Settled } from './evidence.ts'
import type { RowOf } from './rows.ts'
import { inTurns } from './turns.ts'

type Response = RowOf<'responses'>

/** One iteration's prompts with their responses, by prompt id and position. */
export type Samples = ReadonlyMap<string, readonly Response[]>

/** @returns the samples of every iteration that has a ranking set, by iteration id @throws Differs */
export async function checkSamples(evidence: Evidence, iterations: readonly Settled[]): Promise<Map<string, Samples>> {
  checkPrompts(evidence, iterations)
  const known = new Map(iterations.flatMap((iteration) => (iteration.t === 0 ? [] : [[iteration.samplesId, iteration] as const])))
  for await (const response of inTurns(evidence.rows.responses.values())) checkResponse(evidence, response, known.get(response.iterationId))
  const byIteration = Map.groupBy(evidence.rows.responses.values(), ({ iterationId }) => iterationId)
  const scored = new Set<string>()
  const samples = new Map(iterations.flatMap((iteration) => (iteration.setId === null ? [] : [[iteration.id, gather(evidence, iteration, byIteration.get(iteration.samplesId) ?? [])] as const])))
  for (const iteration of iterations) for await (const response of inTurns(byIteration.get(iteration.samplesId) ?? [])) if (iteration.t > 0) checkScores(evidence, iteration, response, scored)
  for await (const [key, { responseId: id }] of inTurns(evidence.rows.scores)) if (!scored.has(key)) refuseRow('scores', key, 'modelId', id, 'no score that an iteration needs')
  return samples
}

function checkPrompts({ run, rows: { prompts } }: Evidence, [first]: readonly Settled[]): void {
  const { seed, iterations, maxLength } = first!.config
  const shares = Array<number>(prompts.size)
  permutation(prompts.size, seed, hashText('shares')).forEach((position, i) => (shares[position] = (i % iterations) + 1))
  let position = 0
  for (const { id, position: at, share, tokens, skipReason } of prompts.values()) {
    expectSame('prompts', id, { id, position: at, share }, { id: promptId(run.id, position), position, share: shares[position] })
    if (skipReason !== null) expectSame('prompts', id, skipReason, 'prompt-too-long', 'skipReason')
    if (skipReason === null && (tokens === 0 || tokens >= maxLength)) expectSame('prompts', id, skipReason, 'prompt-too-long', 'skipReason')
    position++
  }
}

function checkResponse({ run, rows: { prompts } }: Evidence, response: Response, iteration: Settled | undefined): void {
  const { id, promptId: prompt, iterationId, position, seed, sampling } = response
  if (!iteration) refuseRow('responses', id, 'iterationId', iterationId, 'an iteration of the bundle')
  const { position: place, skipReason } = prompts.get(prompt)!
  if (skipReason !== null) refuseRow('responses', id, 'promptId', prompt, 'a prompt that was not skipped')
  const { samplingTemperature, topP, topK, maxNewTokens, responses } = iteration.config.sampling
  if (sampling.maxNewTokens > maxNewTokens) expectSame('responses', id, sampling.maxNewTokens, maxNewTokens, 'sampling.maxNewTokens')
  if (response.tokens > sampling.maxNewTokens) refuseRow('responses', id, 'tokens', response.tokens, `at most ${sampling.maxNewTokens}`)
  if (response.finishReason === 'length' && response.tokens < sampling.maxNewTokens) refuseRow('responses', id, 'finishReason', 'length', `eos: it has ${response.tokens} of ${sampling.maxNewTokens} tokens`)
  if (position >= responses) refuseRow('responses', id, 'position', position, `below ${responses}`)
  expectSame('responses', id, { id, seed, sampling }, { id: responseId(iterationId, place, position), seed: run.seed, sampling: { samplingTemperature, topP, topK, maxNewTokens: sampling.maxNewTokens } })
}

/** An iteration that is ranked has all of its responses. */
function gather({ rows: { prompts } }: Evidence, { id, t, samplesId, config: { sampling } }: Settled, responses: readonly Response[]): Samples {
  const shares = [...prompts.values()].reduce((most, { share }) => Math.max(most, share), 1)
  const byPrompt = Map.groupBy(responses, ({ promptId: prompt }) => prompt)
  const wanted = [...prompts.values()].filter(({ share, skipReason }) => share === 1 + ((t - 1) % shares) && skipReason === null).map((prompt) => prompt.id).sort()
  for (const prompt of wanted) {
    const has = byPrompt.get(prompt)?.length ?? 0
    if (has !== sampling.responses) refuseRow('responses', `${samplesId} ${prompt}`, '', `${has} responses`, `${sampling.responses} responses, as iteration ${id} was sampled`)
  }
  const known = new Set(wanted)
  for (const prompt of byPrompt.keys()) if (!known.has(prompt)) refuseRow('responses', byPrompt.get(prompt)![0]!.id, 'promptId', prompt, `a prompt of iteration ${t}`)
  return new Map(wanted.map((prompt) => [prompt, byPrompt.get(prompt)!.toSorted((a, b) => a.position - b.position)]))
}

function checkScores(evidence: Evidence, { policyModelId, previousModelId, baseModelId, setId }: Settled, { id, tokens }: Response, scored: Set<string>): void {
  for (const modelId of new Set([policyModelId, previousModelId!, baseModelId])) {
    const key = `${id} ${modelId}`
    const score = evidence.rows.scores.get(key)
    scored.add(key)
    if (!score && setId !== null) refuseRow('scores', key, '', undefined, 'a score: the iteration is ranked')
    if (score) expectRow(evidence, 'scores', key, { responseId: id, modelId, logps: score.logps, meanLogps: score.logps / tokens, tokens })
  }
}
