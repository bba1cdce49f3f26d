/** TRL's preference data: the pairs that a model was trained on, one JSON object a line, as DPOTrainer loads them. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { isDeepStrictEqual } from 'node:util'
import type { Message, PromptInput } from '../../../preload/contract/domain.ts'
import { AppError, assertNever } from '../../../preload/contract/errors.ts'
import { promptHeadOf, responseTexts } from '../../store/browse.ts'
import type { Database } from '../../store/database.ts'
import { gateOn, type Label, labelsOf } from '../../store/gates.ts'
import { type Iteration, iterationOf } from '../../store/iterations.ts'
import { rankingSetOf, type RankingSet } from '../../store/rankings.ts'
import { runOf } from '../../store/runs.ts'
import { externalRewardsOf, scoresOf } from '../../store/scores.ts'
import { verdictsOnPairs } from '../../store/verdicts.ts'
import type { ChoiceOf, ExportTools, Format } from '../format.ts'
import { check, looking, proofOf } from '../proof/proof.ts'
import type { ExportSource } from '../source.ts'

/** What a person preferred of this row, closed sessions and single verdicts alike; the newest counts, a skip says nothing. */
export type HumanVerdict = 'chosen' | 'rejected' | 'tie' | 'flag'

interface Preference<Text, Completion> {
  readonly prompt: Text
  readonly chosen: Completion
  readonly rejected: Completion
  /** C: the probability that the label is right, as its loss used it. */
  readonly consistency: number
  /** The judge's reward, in nats (an oracle's in its own unit); chosen may have less where a person swapped the pair. */
  readonly score_chosen: number
  readonly score_rejected: number
  /** Ranking set and prompt: run1.i1.set0/run1.p00007. */
  readonly pair_id: string
  readonly human_verdict: HumanVerdict | null
}

/** TRL's two forms. In the standard one, prompts are as the model read them and completions as it wrote them. */
export type PreferenceRow = Preference<string, string> | Preference<readonly Message[], readonly [Message]>
export type PreferenceForm = 'standard' | 'conversational'

const asMessages = (prompt: PromptInput): readonly Message[] => (typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt)
const answer = (content: string): readonly [Message] => [{ role: 'assistant', content }]

/** One iteration's trained labels, by prompt. */
export function* preferencesOf(db: Database, iteration: Iteration): Generator<Preference<PromptInput, string>> {
  const set = iteration.setId === null ? undefined : rankingSetOf(db, iteration.setId)
  const gate = set && gateOn(db, iteration.id, set.id)
  if (!set || !gate) return
  const verdicts = Map.groupBy(verdictsOnPairs(db, set.id).filter(({ verdict }) => verdict !== 'skip'), ({ promptId }) => promptId)
  const rewardOf = rewardsIn(db, iteration, set)
  for (const { promptId, chosenId, rejectedId, consistency, effect } of labelsOf(db, gate.id)) {
    if (consistency === null) continue // dropped
    const texts = new Map(responseTexts(db, set.iterationId, promptId).map(({ id, text }) => [id, text]))
    const last = verdicts.get(promptId)?.at(-1)
    yield {
      prompt: promptHeadOf(db, promptId)!.input, chosen: texts.get(chosenId)!, rejected: texts.get(rejectedId)!, consistency,
      score_chosen: rewardOf(chosenId), score_rejected: rewardOf(rejectedId), pair_id: `${set.id}/${promptId}`, human_verdict: last ? verdictOn(last, effect) : null,
    }
  }
}

/** The stored verdict is about the judge's chosen response, which a swap made the rejected one. */
function verdictOn({ verdict, chosenIsA }: { verdict: 'a' | 'b' | 'tie' | 'skip' | 'flag'; chosenIsA: 0 | 1 }, effect: Label['effect']): HumanVerdict | null {
  if (verdict === 'skip') return null
  if (verdict !== 'a' && verdict !== 'b') return verdict
  const prefersJudges = (verdict === 'a') === (chosenIsA === 1)
  return prefersJudges === (effect !== 'swapped') ? 'chosen' : 'rejected'
}

/** What made the pairs: r_θt, or the oracle's reward. */
function rewardsIn(db: Database, { id, runId, settings, baseModelId }: Iteration, { currentModelId }: RankingSet): (responseId: string) => number {
  const { method, oracle } = { ...runOf(db, runId)!.config, ...settings }
  if (method === 'oracle') {
    const source = oracle.negate ? `${oracle.rewards} (negated)` : oracle.rewards
    const rewards = new Map(externalRewardsOf(db, id, source).map(({ responseId, reward }) => [responseId, reward]))
    return (responseId) => rewards.get(responseId)!
  }
  return (responseId) => {
    const under = new Map(scoresOf(db, responseId).map(({ modelId, logps }) => [modelId, logps]))
    return under.get(currentModelId)! - under.get(baseModelId)!
  }
}

/** In TRL's form; `render` is the template with the generation prompt, null for a model without one. */
export async function inForm(row: Preference<PromptInput, string>, form: PreferenceForm, render: ((messages: Message[]) => Promise<string>) | null): Promise<PreferenceRow> {
  const { prompt, chosen, rejected, ...rest } = row
  switch (form) {
    case 'conversational':
      return { prompt: asMessages(prompt), chosen: answer(chosen), rejected: answer(rejected), ...rest }
    case 'standard': {
      const messages = asMessages(prompt)
      const text = render ? await render([...messages]) : messages.length === 1 ? messages[0]!.content : null
      if (text === null) throw new AppError('bad-text', `The prompt of ${rest.pair_id} is a conversation, and the model has no chat template to write it as text; export the conversational form.`)
      return { prompt: text, chosen, rejected, ...rest }
    }
    default:
      return assertNever(form)
  }
}

/** The rounds that made the model, first one first. */
const roundsOf = ({ project: { db }, lineage }: ExportSource): Iteration[] => lineage.rounds.filter(({ t }) => t > 0).map(({ iterationId }) => iterationOf(db, iterationId)!)

async function* rowsOf(source: ExportSource, { form }: ChoiceOf<'preferences'>, { text, signal, progress }: ExportTools): AsyncGenerator<PreferenceRow> {
  const rounds = roundsOf(source)
  const total = source.lineage.rounds.reduce((sum, { labels }) => sum + (labels ? labels.judge + labels.person : 0), 0)
  const render = text.info.hasTemplate ? (messages: Message[]): Promise<string> => text.render(messages, { addGenerationPrompt: true }) : null
  let done = 0
  for (const round of rounds) {
    for (const row of preferencesOf(source.project.db, round)) {
      signal.throwIfAborted()
      yield await inForm(row, form, render)
      if (++done % 100 === 0) progress(done, total, 'pairs')
    }
  }
}

export const preferences: Format<'preferences'> = {
  kind: 'file',
  title: 'Preference data (TRL)',
  use: 'For TRL and whatever reads its preference layout: the pairs as they were trained on, with C, both scores and what people said.',
  variants: [
    { choice: { format: 'preferences', form: 'standard' }, label: 'Standard: prompts as text' },
    { choice: { format: 'preferences', form: 'conversational' }, label: 'Conversational: prompts as messages' },
  ],
  estimate: ({ lineage }) => 1024 * lineage.rounds.reduce((sum, { labels }) => sum + (labels ? labels.judge + labels.person : 0), 0),
  refuse: (source) => (roundsOf(source).length === 0 ? `${source.model.name} was not trained on pairs. Choose a later model.` : null),

  async write(source, target, choice, tools) {
    const hash = createHash('sha256')
    let bytes = 0
    const lines = async function* (): AsyncGenerator<Buffer> {
      for await (const row of rowsOf(source, choice, tools)) {
        const line = Buffer.from(`${JSON.stringify(row)}\n`)
        hash.update(line)
        bytes += line.length
        yield line
      }
    }
    await writeFile(target, lines(), { flag: 'wx', signal: tools.signal })
    return { files: [{ path: target, bytes, sha256: hash.digest('hex') }], notes: [] }
  },

  /** Every line read back is the store's row, and TRL has every column it needs. */
  prove: async (source, target, choice, tools) => proofOf(await looking('rows', async () => {
    let count = 0
    const written = createInterface({ input: createReadStream(target) })[Symbol.asyncIterator]()
    for await (const row of rowsOf(source, choice, tools)) {
      const { value, done } = await written.next()
      count++
      if (done || !isDeepStrictEqual(JSON.parse(value), row)) return [check('rows', false, `Line ${count} is not the pair ${row.pair_id} as the project has it.`)]
    }
    const more = await written.next()
    if (!more.done) return [check('rows', false, `There are more than the ${count} pairs of the project.`)]
    return [check('rows', count > 0, `${count} lines read back are the pairs that ${source.model.name} was trained on, ${choice.form} form.`)]
  }), null),
}
