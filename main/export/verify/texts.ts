/** A row with texts: they are held against their hashes and, where the answer is known, judged again; then the row goes on without them. */
import { judgeResponse } from '../../evaluate/answers.ts'
import { RunConfig } from '../../../preload/contract/config.ts'
import { canonical, sha256Of } from './canonical.ts'
import { type Evidence, expectSame, refuseRow } from './evidence.ts'
import type { KindName, RowOf } from './rows.ts'

/** Prompts keep theirs, for the responses that follow. @throws Differs */
export function takeTexts<Name extends KindName>(evidence: Evidence, name: Name, row: RowOf<Name>): RowOf<Name> {
  const take = takers[name] as ((evidence: Evidence, row: RowOf<Name>) => RowOf<Name>) | undefined
  return take ? take(evidence, row) : row
}

const takers: { readonly [Name in KindName]?: (evidence: Evidence, row: RowOf<Name>) => RowOf<Name> } = {
  prompts(evidence, row) {
    requireTexts(evidence, 'prompts', row.id, 'input', row.input)
    if (row.input !== undefined) expectSame('prompts', row.id, row.inputSha256, sha256Of(canonical(row.input)), 'inputSha256')
    if (evidence.texts || row.answer !== undefined) expectSame('prompts', row.id, row.hasAnswer, row.answer !== undefined && evidence.texts, 'hasAnswer')
    return row
  },
  responses(evidence, { text, ...row }) {
    requireTexts(evidence, 'responses', row.id, 'text', text)
    const prompt = evidence.rows.prompts.get(row.promptId)
    if (!prompt) refuseRow('responses', row.id, 'promptId', row.promptId, 'no prompt of the bundle')
    if (text !== undefined) expectSame('responses', row.id, row.textSha256, sha256Of(text), 'textSha256')
    if (!prompt.hasAnswer || row.isCorrect === null) expectSame('responses', row.id, row.isCorrect === null, !prompt.hasAnswer, 'isCorrect')
    if (text !== undefined && prompt.answer !== undefined) {
      const { id, input = '', answer, task } = prompt
      expectSame('responses', row.id, row.isCorrect, judgeResponse(text, { id, prompt: input, answer, task: task ?? undefined }, scorerOf(evidence)).correct, 'isCorrect')
    }
    return row
  },
  answers(evidence, { text, ...row }) {
    const key = `${row.evaluationId} ${row.itemId} ${row.sample}`
    requireTexts(evidence, 'answers', key, 'text', text)
    if (text !== undefined) expectSame('answers', key, row.textSha256, sha256Of(text), 'textSha256')
    return row
  },
}

function requireTexts({ texts }: Evidence, name: KindName, row: string, field: string, text: unknown): void {
  if ((text !== undefined) !== texts) refuseRow(name, row, field, text, texts ? 'a text, as the manifest says' : 'no text, as the manifest says')
}

const scorers = new WeakMap<Evidence['run'], RunConfig['evaluation']['scorer']>()

/** Of the run: it holds for all of its models. */
function scorerOf({ run }: Evidence): RunConfig['evaluation']['scorer'] {
  let scorer = scorers.get(run)
  if (!scorer) scorers.set(run, (scorer = RunConfig.shape.evaluation.parse(run.config['evaluation']).scorer))
  return scorer
}
