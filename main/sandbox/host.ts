/** Main's side of the sandbox: text models and data files behind a child that can be killed. Main never tokenises on its own loop. */
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Message, PromptInput } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { ColumnRoles, DataOverlap, DataUse } from '../../preload/contract/requests/place.ts'
import { startSandboxChild } from './child.ts'
import { chunksOf } from './chunks.ts'
import type { CallName, Calls, CheckpointCard, DatasetKind, Datasets, ExampleText, ExampleTokens, Preview, ReadOptions, Reach, Reading, Rejected, Rejection, RunFiles, SeenText, StreamState, TextInfo, WriteOptions, Written } from './protocol.ts'
import type { Limits, Line } from './supervisor.ts'
import { stoppedError, supervise } from './supervisor.ts'

export type { Choice, ExampleText, ExampleTokens, PromptRow, ReadOptions, Reading, Rejected, Rejection, SeenText, SftExample, TaskItem, TextInfo, Written } from './protocol.ts'

export interface Sandbox {
  /** @throws AppError('bad-text') when the folder's tokenizer or template cannot be used */
  openText(folder: string, options?: { today?: string }): Promise<SandboxText>
  /** Reads the headers of a model's folder, and an adapter on top of it. Whatever is wrong with them is in the card. */
  inspectModel(folder: string, adapter: string | null): Promise<CheckpointCard>
  /** The readers throw AppError('bad-data') when a file as a whole cannot be used; single rows are rejected with reasons. */
  readSft(path: string, options?: ReadOptions): Promise<Reading<Datasets['sft']>>
  readPrompts(path: string, options?: ReadOptions): Promise<Reading<Datasets['prompts']>>
  readTasks(path: string, options?: ReadOptions): Promise<Reading<Datasets['tasks']>>
  readPreferences(path: string, options?: ReadOptions): Promise<Reading<Datasets['preferences']>>
  /** Looks at a whole file without keeping its rows. */
  previewData(use: DataUse, path: string, options: { rows: number; roles?: ColumnRoles | undefined }, watch?: Watch): Promise<Preview>
  /** A page of the rows that cannot be used. */
  listRejects(use: DataUse, path: string, options: { from: number; limit: number; roles?: ColumnRoles | undefined }): Promise<{ rejects: Rejection[]; more: boolean }>
  /** Usable rows as JSON Lines into `target`, which is whole or not there. */
  writeData(use: DataUse, path: string, target: string, options?: WriteOptions, watch?: Watch): Promise<Written>
  findOverlap(files: RunFiles): Promise<DataOverlap>
  /** The child's process id while there is one. */
  pid(): number | undefined
  close(): Promise<void>
}

/** For long looks at files. */
export interface Watch {
  /** Twice a second. */
  readonly onReach?: (reach: Reach) => void
  /** Aborted, the call rejects with AppError('cancelled'), and nothing of it is left. */
  readonly signal?: AbortSignal
}

/** One opened text model. Every call rejects with AppError('sandbox-died') when the child hung or died; the next call starts a fresh one. */
export interface SandboxText {
  readonly info: TextInfo
  encode(texts: readonly string[], options: { special: boolean }): Promise<number[][]>
  encodePrompts(prompts: readonly PromptInput[]): Promise<({ ids: number[] } | Rejected)[]>
  encodeExamples(examples: readonly ExampleText[], options?: { maxLength?: number }): Promise<(ExampleTokens | Rejected)[]>
  /** One row token by token. @throws AppError('bad-text') when it cannot be used */
  see(row: { prompt: PromptInput; response: string | null }, options: { maxLength: number }): Promise<SeenText>
  decode(batch: readonly number[][], options: { skipSpecial: boolean }): Promise<string[]>
  render(messages: Message[], options: { addGenerationPrompt: boolean }): Promise<string>
  stream(): SandboxStream
  close(): Promise<void>
}

/** Text of a growing token sequence, whole characters only. */
export interface SandboxStream {
  push(ids: number[]): Promise<string>
  finish(): Promise<string>
}

/** What hangs is over within 5 s: this silence, the supervisor's second look and the kill. */
const defaultLimits: Limits = { call: 4000, start: 30_000 }

export function startSandbox(limits: Partial<Limits> = {}): Sandbox {
  const supervisor = supervise(startSandboxChild, { ...defaultLimits, ...limits })
  let models = 0

  async function openModel(folder: string, today: string | undefined): Promise<SandboxText> {
    const model = ++models
    const openOn = async (line: Line): Promise<TextInfo> => {
      const args = { model, folder, ...(today === undefined ? {} : { today }) }
      const info = await line.ask('openText', args, { doing: `opening the tokenizer of ${folder}` })
      line.opened.add(model)
      return info
    }
    const info = await supervisor.turn(openOn)

    /** A fresh child has nothing open: open again, and make sure that it is still the same thing. */
    async function reopen(line: Line): Promise<void> {
      const again = await openOn(line)
      if (again.tokenizerHash !== info.tokenizerHash || again.templateHash !== info.templateHash) {
        throw new AppError('bad-text', `The tokenizer or chat template of ${folder} has changed on disk while it was in use. Put the old files back, or open the model again.`)
      }
    }
    const ask = <C extends CallName>(call: C, args: Omit<Calls[C]['args'], 'model'>, doing: string): Promise<Calls[C]['result']> =>
      supervisor.turn(async (line) => {
        if (!line.opened.has(model)) await reopen(line)
        return line.ask(call, { ...args, model } as Calls[C]['args'], { doing: `${doing} with the tokenizer of ${folder}` })
      })
    /** In pieces: each has the whole limit to itself, and small calls get their turn in between. */
    async function askInChunks<T, R>(items: readonly T[], size: (item: T) => number, doing: string, one: (chunk: T[], doing: string) => Promise<R[]>): Promise<R[]> {
      const results: R[] = []
      for (const chunk of chunksOf(items, size)) {
        results.push(...(await one(chunk, `${doing} ${results.length + 1}–${results.length + chunk.length} of ${items.length}`)))
      }
      return results
    }

    return {
      info,
      encode: (texts, { special }) => askInChunks(texts, (text) => text.length, 'tokenising texts', (chunk, doing) => ask('encode', { texts: chunk, special }, doing)),
      encodePrompts: (prompts) => askInChunks(prompts, promptSize, 'tokenising prompts', (chunk, doing) => ask('encodePrompts', { prompts: chunk }, doing)),
      encodeExamples: (examples, options = {}) => askInChunks(
        examples, ({ prompt, response }) => 2 * promptSize(prompt) + response.length, 'tokenising examples',
        (chunk, doing) => ask('encodeExamples', { examples: chunk, ...options }, doing),
      ),
      see: (row, options) => ask('see', { ...row, ...options }, 'tokenising a row'),
      decode: (batch, { skipSpecial }) => askInChunks(batch, (ids) => 4 * ids.length, 'decoding responses', (chunk, doing) => ask('decode', { batch: chunk, skipSpecial }, doing)),
      render: (messages, { addGenerationPrompt }) => ask('render', { messages, addGenerationPrompt }, 'rendering a conversation'),
      stream() {
        let state: StreamState = { held: [], read: 0 }
        return {
          async push(ids) {
            const step = await ask('advanceStream', { state, ids }, 'decoding a response')
            state = step.state
            return step.text
          },
          finish: () => ask('finishStream', { state }, 'decoding a response'),
        }
      },
      close: () => supervisor.turnIfLiving(async (line) => {
        if (line.opened.delete(model)) await line.ask('closeText', { model }, { doing: 'closing a tokenizer' })
      }),
    }
  }

  async function read<K extends DatasetKind>(kind: K, path: string, options: ReadOptions = {}): Promise<Reading<Datasets[K]>> {
    const taken: Datasets[K][] = []
    const rejected: Reading<Datasets[K]>['rejected'] = []
    const layout = await supervisor.turn((line) => line.ask('readDataset', { kind, path: resolve(path), options }, {
      doing: `reading ${path}`,
      onRows(rows) {
        taken.push(...(rows.taken as Datasets[K][]))
        rejected.push(...rows.rejected)
      },
    }))
    return { layout, taken, rejected }
  }

  /** A look at files that sends nothing but its result. */
  function look<C extends 'inspectModel' | 'previewData' | 'listRejects' | 'writeData' | 'findOverlap'>(call: C, args: Calls[C]['args'], doing: string, { signal, onReach }: Watch = {}): Promise<Calls[C]['result']> {
    const waiting = Promise.withResolvers<never>()
    const leave = (): void => waiting.reject(stoppedError(doing)) // its turn need not come first
    signal?.addEventListener('abort', leave)
    const turn = supervisor.turn((line) => {
      signal?.removeEventListener('abort', leave)
      if (signal?.aborted) throw stoppedError(doing)
      return line.ask(call, args, { doing, signal, onReach })
    })
    return Promise.race([turn, waiting.promise])
  }

  const absolute = (path: string | null): string | null => (path === null ? null : resolve(path))

  return {
    openText: (folder, { today } = {}) => openModel(resolve(folder), today),
    inspectModel: (folder, adapter) => look('inspectModel', { folder: resolve(folder), adapter: adapter && resolve(adapter) }, `reading the headers of ${folder}`),
    readSft: (path, options) => read('sft', path, options),
    readPrompts: (path, options) => read('prompts', path, options),
    readTasks: (path, options) => read('tasks', path, options),
    readPreferences: (path, options) => read('preferences', path, options),
    previewData: (use, path, options, watch) => look('previewData', { use, path: resolve(path), ...options }, `looking at ${path}`, watch),
    listRejects: (use, path, options) => look('listRejects', { use, path: resolve(path), ...options }, `reading ${path}`),
    async writeData(use, path, target, options = {}, watch) {
      try {
        return await look('writeData', { use, path: resolve(path), target: resolve(target), options }, `importing ${path}`, watch)
      } catch (error) {
        // The child takes its own leavings away; a killed child cannot.
        if (error instanceof AppError && (error.code === 'sandbox-died' || error.code === 'cancelled')) await rm(`${resolve(target)}.partial`, { force: true })
        throw error
      }
    },
    findOverlap: ({ sft, prompts, tasks }) => look('findOverlap', { sft: absolute(sft), prompts: absolute(prompts), tasks: absolute(tasks) }, 'comparing the files of a run'),
    pid: supervisor.pid,
    close: supervisor.close,
  }
}

const promptSize = (prompt: PromptInput): number => (typeof prompt === 'string' ? prompt.length : prompt.reduce((sum, { content }) => sum + content.length, 0))
