/** Files and folders by handle: the browser's folder browser, Electron's dialogs, and looks into what was picked. */
import { z } from 'zod'
import { columnRoles, dataUses, datasetKinds } from '../columns.ts'
import { PromptInput } from '../domain.ts'
import { Handle, count, nothing } from './shapes.ts'

export const PlaceEntry = z.strictObject({
  handle: Handle,
  name: z.string(),
  kind: z.enum(['folder', 'file']),
  /** Of a file. */
  bytes: count.nullable(),
  /** A folder with a config.json: probably a model. */
  holdsModel: z.boolean(),
})
export type PlaceEntry = z.infer<typeof PlaceEntry>

export const PlaceListing = z.strictObject({
  handle: Handle,
  /** The way here from a root, root first; each may be listed. */
  trail: z.array(z.strictObject({ handle: Handle, name: z.string() })),
  /** Folders first, by name; hidden ones left out. */
  entries: z.array(PlaceEntry),
  /** More entries than are given. */
  truncated: z.boolean(),
})
export type PlaceListing = z.infer<typeof PlaceListing>

export const ModelCard = z.strictObject({
  name: z.string(),
  format: z.enum(['safetensors', 'safetensors shards', 'pickle', 'adapter', 'none']),
  architecture: z.string().nullable(),
  supported: z.boolean(),
  parameters: count.nullable(),
  dtype: z.string().nullable(),
  /** Tokens the positions reach. */
  context: count.nullable(),
  missing: z.array(z.string()),
  /** Of the files that make it this model. */
  bytes: count.nullable(),
  /** Tried on a few texts; null where it was not reached. 'none' = prompts go to the model as they are. */
  tokenizer: z.enum(['ok', 'unusable']).nullable(),
  template: z.enum(['ok', 'none', 'unusable']).nullable(),
  /** Token ids that the tokenizer has. */
  vocabulary: count.nullable(),
  /** The PEFT adapter that was looked at on top of it; `targets` null = a pattern. */
  adapter: z.strictObject({ name: z.string(), rank: count, alpha: z.number(), targets: z.array(z.string()).nullable(), modules: count, base: z.string().nullable() }).nullable(),
  /** Sentences that keep the folder from being used; empty when `supported`. */
  problems: z.array(z.string()),
  warnings: z.array(z.string()),
})
export type ModelCard = z.infer<typeof ModelCard>

export const DatasetKind = z.enum(datasetKinds)
export type DatasetKind = z.infer<typeof DatasetKind>

/** What a file may be read as: a run's data, or pairs that people or other judges ranked. */
export const DataUse = z.enum(dataUses)
export type DataUse = z.infer<typeof DataUse>

/** What a column can mean. `input` is Alpaca's second half of the prompt; `messages` holds a whole conversation. */
export const ColumnRole = z.enum(columnRoles)
export type ColumnRole = z.infer<typeof ColumnRole>

/** By role, the column that plays it. */
export const ColumnRoles = z.partialRecord(ColumnRole, z.string().min(1).max(1000))
export type ColumnRoles = z.infer<typeof ColumnRoles>

const Reject = z.strictObject({ line: count, reason: z.string() })

export const DataPreview = z.strictObject({
  name: z.string(),
  format: z.enum(['JSON', 'JSON Lines', 'CSV', 'Parquet', 'text']),
  /** Which layout was recognised; null when none was, and the roles have to be given by hand. */
  layout: z.string().nullable(),
  /** Why no row can be used, and what to do; null when some can. */
  problem: z.string().nullable(),
  /** Names found in the first rows; empty for plain text. */
  columns: z.array(z.string()),
  /** As they were given by hand, else as the layout has them. */
  roles: ColumnRoles,
  /** The first usable rows: a prompt, and where the use has them its response (of preferences the chosen one) or answer and its task. */
  rows: z.array(z.strictObject({ prompt: PromptInput, response: z.string().nullable(), rejected: z.string().nullable(), answer: z.string().nullable(), task: z.string().nullable() })),
  usable: count,
  /** The first rows that cannot be used, with the reason, and how many there are in all. */
  rejects: z.array(Reject),
  rejected: count,
  /** Usable rows whose prompt was in the file before, and the first of them. They are taken all the same. */
  repeated: count,
  repeats: z.array(z.strictObject({ line: count, of: count })),
})
export type DataPreview = z.infer<typeof DataPreview>

/** A file of rewards for the method "oracle". */
export const RewardsPreview = z.strictObject({
  rewards: count,
  /** Those that name a response of the run; the others name a prompt and the text of an answer to it. */
  ofResponses: count,
  /** Of the others: different prompt ids. */
  prompts: count,
  lowest: z.number(),
  highest: z.number(),
  /** The first lines: whose reward it is (a response's or a prompt's id). */
  first: z.array(z.strictObject({ of: z.string().nullable(), text: z.string().nullable(), reward: z.number() })),
})
export type RewardsPreview = z.infer<typeof RewardsPreview>

export const DataOverlap = z.strictObject({
  /** Held-out questions that are asked in the prompts, and in the examples: what is measured on them was trained on. */
  heldOutInPrompts: count,
  heldOutInExamples: count,
  /** Prompts that the examples answer already. */
  promptsInExamples: count,
  /** The first held-out questions that are not held out. */
  first: z.array(z.strictObject({ question: z.string(), line: count, in: z.enum(['prompts', 'sft']), at: count })),
})
export type DataOverlap = z.infer<typeof DataOverlap>

/** One token as the model gets it. */
export const SeenToken = z.strictObject({
  id: count,
  /** As it is written; several tokens may share one character: then the later ones are empty. */
  text: z.string(),
  /** Its log-probability counts in the loss (SFT) or the reward (responses). */
  inLoss: z.boolean(),
  special: z.enum(['bos', 'eos']).nullable(),
})
export type SeenToken = z.infer<typeof SeenToken>

export const SeenRow = z.strictObject({
  /** What the template makes of the row; the prompt alone, where the kind has no response. */
  rendered: z.string(),
  tokens: z.array(SeenToken),
  promptTokens: count,
  completionTokens: count,
  /** Tokens cut off the end to fit `maxLength`; a cut completion has no EOS. */
  dropped: count,
  hasTemplate: z.boolean(),
  /** Tokens of the whole row are more than are listed here. */
  more: count,
})
export type SeenRow = z.infer<typeof SeenRow>

export const DataSplit = z.strictObject({
  /** By iteration, from 1: prompts, and how many of them are too long for the context. */
  shares: z.array(z.strictObject({ t: count, prompts: count, tooLong: count, tasks: z.array(z.strictObject({ task: z.string(), prompts: count })) })),
  usable: count,
  tokens: z.strictObject({ median: count, longest: count }),
})
export type DataSplit = z.infer<typeof DataSplit>

export const placeRequests = {
  /** What comes with Creamery: the bundled model and its data, as handles. */
  'place/bundled': { params: nothing, result: z.strictObject({ model: Handle, sft: Handle, prompts: Handle, tasks: Handle }) },
  /** Where browsing starts: home and every --root. Browser host only; Electron opens its dialog with `place/choose`. */
  'place/roots': { params: nothing, result: z.array(PlaceEntry) },
  'place/list': { params: z.strictObject({ folder: Handle }), result: PlaceListing },
  /** Opens the system's dialog where the host has one; null when the person cancelled. */
  'place/choose': { params: z.strictObject({ what: z.enum(['folder', 'file']), title: z.string().max(200) }), result: PlaceEntry.nullable() },
  /** Reads headers, and tries tokenizer and template where they can do no harm. `adapter`: a PEFT folder on top of it. */
  'model/inspect': { params: z.strictObject({ folder: Handle, adapter: Handle.optional() }), result: ModelCard },
  /**
   * Copies a model for a project to be made, checked and whole or not at all; with an adapter their merged weights, as F32.
   * `project/create` moves the copy into the project; until Creamery ends it waits for that. Answers at its end; one at a
   * time. The same again meanwhile waits for the same copy; after a stop it goes on where it was.
   */
  'model/import': { params: z.strictObject({ folder: Handle, adapter: Handle.optional() }), result: z.strictObject({ folder: Handle, name: z.string(), bytes: count, sha256: z.string() }) },
  /** What is being copied, whoever asked for it, and how far that is, in bytes; null while nothing is. */
  'model/importing': { params: nothing, result: z.strictObject({ title: z.string(), done: count, total: count }).nullable() },
  'model/stopImport': { params: nothing, result: nothing },
  /**
   * How far the file is that `data/preview` or `data/import` reads at this moment; null while neither does. `rows` counts those
   * that cannot be used too; bytes are those of the file as it lies on the disk.
   */
  'data/reading': { params: z.strictObject({ file: Handle, kind: DataUse }), result: z.strictObject({ bytes: count, total: count, rows: count }).nullable() },
  /** Ends that: it is answered with a refusal, 'cancelled', and nothing of it is left. */
  'data/stop': { params: z.strictObject({ file: Handle, kind: DataUse }), result: nothing },
  /** Reads the whole file; a newer look at it ends an older one. Rejects when it cannot be read at all; a file of no known layout comes back with its columns and a `problem`. */
  'data/preview': { params: z.strictObject({ file: Handle, kind: DataUse, roles: ColumnRoles.optional(), rows: z.int().min(1).max(50).default(10) }), result: DataPreview },
  /** All rows that cannot be used, a page at a time from reject `from` (counted from 0). */
  'data/rejects': {
    params: z.strictObject({ file: Handle, kind: DataUse, roles: ColumnRoles.optional(), from: count.default(0), limit: z.int().min(1).max(100_000).default(50_000) }),
    result: z.strictObject({ rejects: z.array(Reject), more: z.boolean() }),
  },
  /**
   * Writes the usable rows as JSON Lines of Creamery's own layout, whole or not at all: a file whose roles were given by hand, or
   * a part of another use. `without` leaves out rows that ask what these files ask (prompts without the held-out questions).
   */
  'data/import': {
    params: z.strictObject({ file: Handle, kind: DataUse, roles: ColumnRoles.optional(), without: z.array(z.strictObject({ file: Handle, kind: DatasetKind })).max(4).default([]) }),
    result: z.strictObject({ file: Handle, name: z.string(), bytes: count, usable: count, rejected: count, leftOut: count }),
  },
  /** Reads a file of rewards as the method "oracle" will; rejects with the first line that is none. */
  'data/rewards': { params: z.strictObject({ file: Handle }), result: RewardsPreview },
  /** Prompts that stand in more than one of a run's files. */
  'data/overlap': { params: z.strictObject({ sft: Handle.nullable(), prompts: Handle.nullable(), tasks: Handle.nullable() }), result: DataOverlap },
  /** What the model will see of usable row `row` (from 0), by the code that training and sampling use. Rejects with the sentence of a row that cannot be used. */
  'data/see': { params: z.strictObject({ file: Handle, kind: DatasetKind, row: count, model: Handle, maxLength: z.int().min(8).default(2048) }), result: SeenRow },
  /** How prompts would be split over the iterations, by the code that plans the run. */
  'data/split': {
    params: z.strictObject({ prompts: Handle, model: Handle, iterations: z.int().min(1).max(20), seed: z.int().min(0).max(2 ** 32 - 1), maxLength: z.int().min(8), limit: z.int().min(1).optional() }),
    result: DataSplit,
  },
}
