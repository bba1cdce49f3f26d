/** Prompts that stand in more than one of a run's files: what is measured must not be what was trained on. */
import type { DataOverlap } from '../../preload/contract/requests/place.ts'
import { Fingerprints } from './fingerprints.ts'
import { streamDataset } from './read.ts'
import { askedTexts } from './write.ts'

export interface RunFiles {
  sft: string | null
  prompts: string | null
  tasks: string | null
}

const mostListed = 20

/** @throws AppError('bad-data') when one of the files cannot be used */
export async function findOverlap({ sft, prompts, tasks }: RunFiles): Promise<DataOverlap> {
  const overlap: DataOverlap = { heldOutInPrompts: 0, heldOutInExamples: 0, promptsInExamples: 0, first: [] }
  const inExamples = new Fingerprints()
  const inPrompts = new Fingerprints()
  if (sft !== null) for await (const step of streamDataset('sft', sft)) if ('taken' in step) for (const text of askedTexts(step.taken)) inExamples.add(text, step.row)
  if (prompts !== null) {
    for await (const step of streamDataset('prompts', prompts)) {
      if (!('taken' in step)) continue
      const [text] = askedTexts(step.taken)
      inPrompts.add(text!, step.row)
      if (inExamples.rowOf(text!) !== undefined) overlap.promptsInExamples++
    }
  }
  if (tasks === null) return overlap
  for await (const step of streamDataset('tasks', tasks)) {
    if (!('taken' in step)) continue
    for (const [where, set, counter] of [['prompts', inPrompts, 'heldOutInPrompts'], ['sft', inExamples, 'heldOutInExamples']] as const) {
      const at = askedTexts(step.taken).map((text) => set.rowOf(text)).find((row) => row !== undefined)
      if (at === undefined) continue
      overlap[counter]++
      if (overlap.first.length < mostListed) overlap.first.push({ question: step.taken.question.slice(0, 300), line: step.row, in: where, at })
    }
  }
  return overlap
}
