/** Held-out tasks as tokenised questions. */
import type { TaskSource } from '../../preload/contract/config.ts'
import type { Question } from '../evaluate/answering.ts'
import { toPrompt } from '../evaluate/tasks.ts'
import type { Sandbox, SandboxText } from '../sandbox/host.ts'

export interface Questions {
  readonly questions: readonly Question[]
  /** Rows that could not be used, or whose prompt leaves no room in the context. */
  readonly leftOut: number
}

export async function readQuestions(sources: readonly TaskSource[], { suffix, contextLength }: { suffix: string; contextLength: number }, sandbox: Sandbox, text: SandboxText): Promise<Questions> {
  const questions: Question[] = []
  let seen = 0
  for (const source of sources) {
    const { items, rejected } = await readItems(source, sandbox)
    seen += items.length + rejected
    const encoded = await text.encodePrompts(items.map((item) => toPrompt(item, suffix)))
    encoded.forEach((one, i) => {
      if ('ids' in one && one.ids.length < contextLength) questions.push({ item: items[i]!, promptIds: Int32Array.from(one.ids) })
    })
  }
  return { questions, leftOut: seen - questions.length }
}

/** One source's items, by the names that answers are stored under. */
export async function readItems({ name, file, limit }: TaskSource, sandbox: Sandbox): Promise<{ items: Question['item'][]; rejected: number }> {
  const { taken, rejected } = await sandbox.readTasks(file, limit === undefined ? {} : { limit })
  return { items: taken.map(({ id, prompt, answer, task }) => ({ id: `${name}/${id}`, prompt, answer, task: task || name })), rejected: rejected.length }
}
