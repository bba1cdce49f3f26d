/** A whole file looked at: what it is, its first rows, how many can be used, and why the others cannot. Nothing is kept but that. */
import type { PromptInput } from '../../preload/contract/domain.ts'
import type { ColumnRoles, DataPreview, DataUse } from '../../preload/contract/requests/place.ts'
import { Fingerprints, promptText } from './fingerprints.ts'
import type { PreferencePair, PromptRow, SftExample, TaskItem } from './layout.ts'
import type { Reach } from './reach.ts'
import { type Rejection, noneTaken, openDataset, takeRows } from './read.ts'

export type Preview = Omit<DataPreview, 'name'>
export type PreviewRow = Preview['rows'][number]

const mostListed = 20

/** @throws AppError('bad-data') when the file cannot be read as a whole */
export async function previewDataset(use: DataUse, path: string, { rows: wanted, roles }: { rows: number; roles?: ColumnRoles | undefined }, reach?: Reach): Promise<Preview> {
  const { format, layout, columns, fault, rows } = await openDataset(use, path, roles, reach)
  const preview: Preview = { format, layout: layout?.name ?? null, problem: null, columns, roles: layout?.roles ?? {}, rows: [], usable: 0, rejects: [], rejected: 0, repeated: 0, repeats: [] }
  if (layout === null) {
    await rows.return(undefined)
    return { ...preview, problem: `${path} ${fault}` }
  }
  const prompts = new Fingerprints()
  let first: Rejection | undefined
  for await (const step of takeRows(use, layout, rows, path)) {
    if ('rejected' in step) {
      first ??= step.rejected
      preview.rejected++
      if (preview.rejects.length < mostListed) preview.rejects.push({ line: step.rejected.row, reason: step.rejected.reason })
      continue
    }
    const { taken, row } = step
    preview.usable++
    if (preview.rows.length < wanted) preview.rows.push(shownRow(use, taken))
    const earlier = prompts.add(promptText(taken.prompt), row)
    if (earlier === undefined || earlier === row) continue // one row may give several pairs
    preview.repeated++
    if (preview.repeats.length < mostListed) preview.repeats.push({ line: row, of: earlier })
  }
  if (preview.usable === 0 && first !== undefined) preview.problem = noneTaken(path, layout.name, first)
  // Columns that the layout could read, but that are not there, play no role.
  const present = Object.entries(preview.roles).filter(([, column]) => columns.includes(column))
  return { ...preview, roles: Object.fromEntries(present) }
}

/** Of one text, characters that a page is sent. */
const longest = 20_000
const clip = (text: string): string => (text.length > longest ? `${text.slice(0, longest)} …` : text)
const clipPrompt = (prompt: PromptInput): PromptInput => (typeof prompt === 'string' ? clip(prompt) : prompt.slice(-100).map(({ role, content }) => ({ role, content: clip(content) })))

const none = { response: null, rejected: null, answer: null, task: null }

function shownRow(use: DataUse, taken: SftExample | PromptRow | TaskItem | PreferencePair): PreviewRow {
  const prompt = clipPrompt(taken.prompt)
  switch (use) {
    case 'sft': return { ...none, prompt, response: clip((taken as SftExample).response) }
    case 'prompts':
    case 'tasks': return { ...none, prompt, answer: (taken as PromptRow).answer ?? null, task: (taken as PromptRow).task ?? null }
    case 'preferences': return { ...none, prompt, response: clip((taken as PreferencePair).chosen), rejected: clip((taken as PreferencePair).rejected) }
  }
}

/** Rejects number `from` (from 0) and after, at most `limit`; reads the file up to there. */
export async function listRejects(use: DataUse, path: string, { from, limit, roles }: { from: number; limit: number; roles?: ColumnRoles | undefined }): Promise<{ rejects: Rejection[]; more: boolean }> {
  const { layout, rows } = await openDataset(use, path, roles)
  const rejects: Rejection[] = []
  if (layout === null) {
    await rows.return(undefined)
    return { rejects, more: false }
  }
  let at = 0
  for await (const step of takeRows(use, layout, rows, path)) {
    if ('taken' in step || at++ < from) continue
    if (rejects.length === limit) return { rejects, more: true }
    rejects.push(step.rejected)
  }
  return { rejects, more: false }
}
