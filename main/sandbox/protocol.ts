/** What host and child say to each other. The child answers one request at a time, in order. */
import type { CheckpointCard } from '../../native-models/weights/inspect.ts'
import type { Message, PromptInput } from '../../preload/contract/domain.ts'
import type { ErrorCode } from '../../preload/contract/errors.ts'
import type { ColumnRoles, DataOverlap, DataUse } from '../../preload/contract/requests/place.ts'
import type { RunFiles } from '../data/overlap.ts'
import type { Preview } from '../data/preview.ts'
import type { Reach } from '../data/reach.ts'
import type { DatasetKind, Datasets, ReadOptions, Rejection } from '../data/read.ts'
import type { WriteOptions, Written } from '../data/write.ts'
import type { EncodedExample } from '../text/example.ts'
import type { TextInfo } from '../text/model.ts'
import type { StreamState } from '../text/stream.ts'

export type { Choice, DatasetKind, Datasets, PromptRow, ReadOptions, Reading, Rejection, SftExample, TaskItem } from '../data/read.ts'
export type { RunFiles } from '../data/overlap.ts'
export type { Preview } from '../data/preview.ts'
export type { Reach } from '../data/reach.ts'
export type { WriteOptions, Written } from '../data/write.ts'
export type { CheckpointCard } from '../../native-models/weights/inspect.ts'
export type { TextInfo } from '../text/model.ts'
export type { StreamState } from '../text/stream.ts'

/** One of a batch that cannot be used, with the sentence that says why; the others are not affected. */
export interface Rejected {
  rejected: string
}

export interface ExampleText {
  prompt: PromptInput
  response: string
}

/** `dropped` counts the tokens cut off the completion's end to fit the asked-for length. */
export type ExampleTokens = EncodedExample & { dropped: number }

/** One row as training (with a response) or sampling (without) gets it. */
export interface SeenText {
  /** The template's text of the prompt, and the completion's as its tokens write it. */
  rendered: string
  /** After cutting to the length. */
  ids: number[]
  /** The text of each id; special tokens written out. */
  pieces: string[]
  completionStart: number
  dropped: number
}

/** `model` is the host's number of an opened text model. */
export interface Calls {
  openText: { args: { model: number; folder: string; today?: string }; result: TextInfo }
  closeText: { args: { model: number }; result: null }
  encode: { args: { model: number; texts: string[]; special: boolean }; result: number[][] }
  encodePrompts: { args: { model: number; prompts: PromptInput[] }; result: ({ ids: number[] } | Rejected)[] }
  encodeExamples: { args: { model: number; examples: ExampleText[]; maxLength?: number }; result: (ExampleTokens | Rejected)[] }
  /** @throws AppError('bad-text') for a row that cannot be used */
  see: { args: { model: number; prompt: PromptInput; response: string | null; maxLength: number }; result: SeenText }
  decode: { args: { model: number; batch: number[][]; skipSpecial: boolean }; result: string[] }
  render: { args: { model: number; messages: Message[]; addGenerationPrompt: boolean }; result: string }
  advanceStream: { args: { model: number; state: StreamState; ids: number[] }; result: { text: string; state: StreamState } }
  finishStream: { args: { model: number; state: StreamState }; result: string }
  /** Whatever is wrong with the folder is in the card. */
  inspectModel: { args: { folder: string; adapter: string | null }; result: CheckpointCard }
  /** Rows come as progress, in order; the result is the layout's name. */
  readDataset: { args: { kind: DatasetKind; path: string; options: ReadOptions }; result: string }
  previewData: { args: { use: DataUse; path: string; rows: number; roles?: ColumnRoles | undefined }; result: Preview }
  listRejects: { args: { use: DataUse; path: string; from: number; limit: number; roles?: ColumnRoles | undefined }; result: { rejects: Rejection[]; more: boolean } }
  writeData: { args: { use: DataUse; path: string; target: string; options: WriteOptions }; result: Written }
  findOverlap: { args: RunFiles; result: DataOverlap }
}
export type CallName = keyof Calls

export interface RowsRead {
  taken: Datasets[DatasetKind][]
  rejected: Rejection[]
}

export type Request = { [C in CallName]: { id: number; call: C; args: Calls[C]['args'] } }[CallName]

/** `reach` tells how far a file is read. `alive` and `rows` reset the host's watchdog. */
export type Reply =
  | { ready: true }
  | { id: number; alive: true; reach?: Reach }
  | { id: number; rows: RowsRead }
  | { id: number; result: unknown }
  | { id: number; error: { code: ErrorCode; sentence: string } }
