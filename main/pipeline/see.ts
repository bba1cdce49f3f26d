/** "What the model will see": one row of a file through the code that training and sampling use. */
import { AppError, assertNever } from '../../preload/contract/errors.ts'
import type { PromptInput } from '../../preload/contract/domain.ts'
import type { DatasetKind, SeenRow } from '../../preload/contract/requests/place.ts'
import type { Sandbox, SandboxText } from '../sandbox/host.ts'
import { checkModel } from './open-model.ts'

/** A page can show so many; the rest is counted. */
const LISTED = 4096

/** @throws AppError 'bad-data' when the file has no such row, 'bad-text' with the sentence of a row that cannot be used */
export async function seeRow({ file, kind, row, model, maxLength }: { file: string; kind: DatasetKind; row: number; model: string; maxLength: number }, sandbox: Sandbox, text: SandboxText): Promise<SeenRow> {
  const { rendered, ids, pieces, completionStart, dropped } = await text.see(await readRow(sandbox, file, kind, row), { maxLength: Math.min(maxLength, checkModel(model).maxPositions) })
  const { eosIds, bosId, hasTemplate } = text.info
  const tokens = ids.slice(0, LISTED).map((id, i) => ({ id, text: pieces[i]!, inLoss: i >= completionStart, special: eosIds.includes(id) ? ('eos' as const) : id === bosId ? ('bos' as const) : null }))
  return { rendered, tokens, promptTokens: Math.min(completionStart, ids.length), completionTokens: Math.max(0, ids.length - completionStart), dropped, hasTemplate, more: ids.length - tokens.length }
}

/** Usable row number `at`, from 0. */
async function readRow(sandbox: Sandbox, file: string, kind: DatasetKind, at: number): Promise<{ prompt: PromptInput; response: string | null }> {
  const found = await rowOf()
  if (!found) throw new AppError('bad-data', `${file} has no usable row ${at + 1}; look at a row before it.`)
  return found

  async function rowOf(): Promise<{ prompt: PromptInput; response: string | null } | undefined> {
    const limit = at + 1
    switch (kind) {
      case 'sft': return (await sandbox.readSft(file, { limit })).taken.map(({ prompt, response }) => ({ prompt, response }))[at]
      case 'prompts': return (await sandbox.readPrompts(file, { limit })).taken.map(({ prompt }) => ({ prompt, response: null }))[at]
      case 'tasks': return (await sandbox.readTasks(file, { limit })).taken.map(({ prompt }) => ({ prompt, response: null }))[at]
      default: return assertNever(kind)
    }
  }
}
