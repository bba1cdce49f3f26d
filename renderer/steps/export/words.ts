/** What the page says of exports. */
import type { ExportCard, ExportChoice, ExportFormat, ExportJob, ExportRow } from '../../../preload/contract/requests/export.ts'
import type { ModelChoice } from '../../../preload/contract/requests/run.ts'
import { percent } from '../../state/words.ts'

/** The part of a file's name that says what was chosen: "gguf-q8_0". */
export function slugOf(choice: ExportChoice): string {
  switch (choice.format) {
    case 'merged': return `merged-${choice.dtype}`
    case 'gguf': return `gguf-${choice.precision}`
    case 'onnx': return `onnx-${choice.precisions?.join('-')}`
    case 'preferences': return choice.form === 'conversational' ? 'preferences-chat.jsonl' : 'preferences.jsonl'
    case 'bundle': return choice.texts === false ? 'evidence-without-texts.zip' : 'evidence.zip'
    case 'peft':
    case 'cream': return choice.format
  }
}

/** "my-project-M2-gguf-q8_0": fit for every system; not one that is taken by an export here. */
export function nameFor(project: string, model: string, choice: ExportChoice, taken: readonly string[]): string {
  const whole = `${project}-${model}-${slugOf(choice)}`.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[.-]+/, '').slice(-90)
  const names = new Set(taken.map((path) => path.split(/[\\/]/).at(-1)!.replace(/\.partial$/, '')))
  const [, stem, end] = /^(.*?)(\.(?:jsonl|zip))?$/.exec(whole)!
  for (let n = 1; ; n++) {
    const name = n === 1 ? whole : `${stem}-${n}${end ?? ''}`
    if (!names.has(name)) return name
  }
}

/** What is wrong with a name, or null. */
export function faultOfName(name: string): string | null {
  if (name.trim() === '') return 'The export needs a name.'
  if (/[/\\:*?"<>|]/.test(name)) return 'A name holds none of / \\ : * ? " < > |'
  return name.startsWith('.') ? 'A name that begins with a point is hidden.' : name.length > 100 ? 'At most 100 characters.' : null
}

/** The model that is offered: the one asked for, else the best, else the last, else the base. */
export const chosenModel = (models: readonly ModelChoice[], asked: string | null): string =>
  (models.find(({ name }) => name === asked) ?? (asked === 'M0' ? undefined : (models.find(({ best }) => best) ?? models.find(({ last }) => last))))?.name ?? 'M0'

/** The format that is offered: the one asked for if the model can be written so, else the first that can. */
export const chosenCard = (cards: readonly ExportCard[], asked: string | null): ExportCard | undefined =>
  cards.find(({ format, refusal }) => format === (asked as ExportFormat) && refusal === null) ?? cards.find(({ refusal }) => refusal === null)

export function titleOf(job: ExportJob | null, best: ModelChoice | undefined, made: readonly ExportRow[]): string {
  if (job) return `${job.phase === 'writing' ? 'Writing' : 'Proving'} ${job.name}`
  const [newest] = made
  if (newest?.state === 'failed') return `The proof of ${newest.path.split(/[\\/]/).at(-1)} failed: do not use it`
  if (newest) return `${newest.path.split(/[\\/]/).at(-1)} is written and proven`
  return best ? `${best.name} is the best so far: ${percent(best.accuracy)} of the held-out questions right` : 'Take a model out, with a proof that it is the one'
}
