/**
 * A project's rounds as CREAM's own intermediate files, so that its users can go on there: for round t, in a folder `iteration-t`,
 * sampling.json, rewarding.current.json and rewarding.previous.json (its cal_consistency.py takes the two), and dpo.json.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type WrittenFile, writeWhole } from '../../../native-models/weights/files.ts'
import type { Message, PromptInput } from '../../../preload/contract/domain.ts'
import type { ProofCheck } from '../../../preload/contract/requests/export.ts'
import { type PromptHead, promptHeads, responseTexts } from '../../store/browse.ts'
import type { Database } from '../../store/database.ts'
import { gateOn, labelsOf } from '../../store/gates.ts'
import { type Iteration, iterationOf } from '../../store/iterations.ts'
import { promptOf } from '../../store/prompts.ts'
import { type RankingSet, rankingSetOf } from '../../store/rankings.ts'
import { scoresOf } from '../../store/scores.ts'
import type { ExportTools, Format } from '../format.ts'
import { check, looking, proofOf } from '../proof/proof.ts'
import type { ExportSource } from '../source.ts'
import { creamPieces, type CreamPair, type CreamRewarding, type CreamSampling, parseCreamFile, serialiseCreamFile } from './cream-files.ts'

type Rows<Row> = Iterable<readonly [string, Row]>

/** One round's files: names within its folder, and their rows as they are asked for. */
export interface CreamRound {
  readonly 'sampling.json': () => Rows<CreamSampling>
  readonly 'rewarding.current.json': () => Rows<CreamRewarding>
  readonly 'rewarding.previous.json': () => Rows<CreamRewarding>
  readonly 'dpo.json': () => Rows<CreamPair>
}
const names = ['sampling.json', 'rewarding.current.json', 'rewarding.previous.json', 'dpo.json'] as const

const asMessages = (prompt: PromptInput): readonly Message[] => (typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt)
/** The reference code keeps what was judged as the whole conversation. */
const judged = (prompt: readonly Message[], text: string): readonly Message[] => [...prompt, { role: 'assistant', content: text }]

/** Prompts are in the imported file's order, under their own ids where the file gives each its own. */
export function creamRound(db: Database, iteration: Iteration): CreamRound {
  const set = rankingSetOf(db, iteration.setId!)!
  const prompts = promptHeads(db, iteration.runId, iteration.t).filter(({ skipReason }) => skipReason === null)
  const uuidOf = uuidsOf(db, prompts)
  const perPrompt = <Row>(rowOf: (prompt: PromptHead, messages: readonly Message[]) => Row | null) => function* (): Generator<readonly [string, Row]> {
    for (const prompt of prompts) {
      const row = rowOf(prompt, asMessages(prompt.input))
      if (row !== null) yield [uuidOf(prompt.id), row]
    }
  }
  const answersTo = (promptId: string) => responseTexts(db, iteration.id, promptId)
  const rewarding = (judge: 'current' | 'previous') => perPrompt((prompt, messages): CreamRewarding => {
    const responses = answersTo(prompt.id)
    const scored = responses.map(({ id }) => scoredBy(db, iteration, set, judge, id))
    return { prompt: messages, response: responses.map(({ text }) => judged(messages, text)), score: scored.map(({ score }) => score), ref_score: scored.map(({ reference }) => reference), reward: scored.map(({ score, reference }) => score - reference) }
  })
  const gate = gateOn(db, iteration.id, set.id)
  const labels = new Map((gate ? labelsOf(db, gate.id) : []).map((label) => [label.promptId, label]))
  return {
    'sampling.json': perPrompt((prompt, messages) => ({ prompt: messages, responses: answersTo(prompt.id).map(({ text }) => text) })),
    'rewarding.current.json': rewarding('current'),
    'rewarding.previous.json': rewarding('previous'),
    'dpo.json': perPrompt((prompt, messages): CreamPair | null => {
      const label = labels.get(prompt.id)
      if (!label || label.consistency === null) return null // skipped, or dropped at the gate
      const texts = new Map(answersTo(prompt.id).map(({ id, text }) => [id, text]))
      return { prompt: messages, selected: judged(messages, texts.get(label.chosenId)!), rejected: judged(messages, texts.get(label.rejectedId)!), consistency: label.consistency }
    }),
  }
}

/** What a judge ranks by, as the reference code stores it: a log-ratio by its two terms, a mean log-likelihood alone with a reference of 0. */
function scoredBy(db: Database, { baseModelId }: Iteration, set: RankingSet, judge: 'current' | 'previous', responseId: string): { score: number; reference: number } {
  const [modelId, measure] = judge === 'current' ? [set.currentModelId, set.currentMeasure] : [set.previousModelId, set.previousMeasure]
  const scores = new Map(scoresOf(db, responseId).map((score) => [score.modelId, score]))
  const score = scores.get(modelId)!
  return measure === 'log-ratio' ? { score: score.logps, reference: scores.get(baseModelId)!.logps } : { score: score.meanLogps, reference: 0 }
}

function uuidsOf(db: Database, prompts: readonly PromptHead[]): (promptId: string) => string {
  const own = new Map(prompts.map(({ id }) => [id, promptOf(db, id)!.sourceId]))
  const areDistinct = new Set(own.values()).size === own.size && ![...own.values()].includes(null)
  return (id) => (areDistinct ? own.get(id)! : id)
}

const roundsOf = ({ project: { db }, lineage }: ExportSource): Iteration[] => lineage.rounds.map(({ iterationId }) => iterationOf(db, iterationId)!).filter(({ setId }) => setId !== null)
const folderOf = (target: string, { t }: Iteration): string => join(target, `iteration-${t}`)

export const cream: Format<'cream'> = {
  kind: 'folder',
  title: "CREAM's files",
  use: "For the reference code: every round's sampling, rewarding and DPO files, as its scripts write and read them.",
  variants: [{ choice: { format: 'cream' }, label: 'JSON' }],
  estimate: ({ project: { db }, lineage }) => lineage.rounds.reduce((sum, { iterationId }) => sum + 4096 * promptHeads(db, iterationOf(db, iterationId)!.runId, iterationOf(db, iterationId)!.t).length, 0),
  refuse: (source) => (roundsOf(source).length === 0 ? `${source.model.name} was not trained on pairs. Choose a later model.` : null),

  async write(source, target, _, { signal, progress }) {
    const files: WrittenFile[] = []
    const rounds = roundsOf(source)
    for (const round of rounds) {
      await mkdir(folderOf(target, round), { recursive: true })
      const content = creamRound(source.project.db, round)
      for (const name of names) {
        signal.throwIfAborted()
        files.push(await writeWhole(join(folderOf(target, round), name), encoded(creamPieces(content[name]()))))
        progress(files.length, rounds.length * names.length, 'files')
      }
    }
    return { files, notes: ['Consistencies in dpo.json are those the pairs were trained with; people at the gate may have swapped or dropped pairs. Creamery breaks ties by id and takes no C from another prompt, where the reference code takes list order.'] }
  },

  async prove(source, target, _, { signal }: ExportTools) {
    const checks: ProofCheck[] = []
    for (const round of roundsOf(source)) {
      const content = creamRound(source.project.db, round)
      for (const name of names) {
        signal.throwIfAborted()
        const path = join(folderOf(target, round), name)
        checks.push(...(await looking(name, async () => {
          const written = await readFile(path, 'utf8')
          const read = parseCreamFile(written, path)
          const same = serialiseCreamFile(read) === written && written === [...creamPieces(content[name]())].join('')
          return [check(`iteration-${round.t}/${name}`, same, same ? `${read.rows.size} prompts read back as ${read.kind} are those of the project, and written again are the same bytes.` : 'What is read back differs from the project.')]
        })))
      }
    }
    return proofOf(checks, null)
  },
}

function* encoded(pieces: Iterable<string>): Generator<Uint8Array> {
  const encoder = new TextEncoder()
  for (const piece of pieces) yield encoder.encode(piece)
}
