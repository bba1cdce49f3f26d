/**
 * Embedding and head have a row for every token: beyond what a GPU binds or one allocation should hold where the vocabulary
 * is large. Both are fed in the same blocks of rows then, each a tensor of its own; a table that fits is one tensor.
 */
import type { Shape } from '../onnx/types.ts'
import type { ModelConfig } from '../weights/model-config.ts'

export const EMBEDDING = 'model.embed_tokens.weight'
export const HEAD = 'lm_head.weight'

/** The most that a block may hold (ENGINE §8): Dawn makes no buffer above 1 GiB on SwiftShader, and binds less on some cards. */
export const BLOCK_BYTES = 512 * 2 ** 20
/** Blocks end at multiples of so many rows: a product's remainder of columns takes another route on the CPU. */
const GRAIN = 16

export type TableShape = Pick<ModelConfig, 'vocabSize' | 'hiddenSize'>
/** Rows [start, end). */
export interface Rows {
  readonly start: number
  readonly end: number
}

/** The blocks of both tables, as few as `blockBytes` allows and about equal. The only place that decides. */
export function vocabularyBlocks({ vocabSize, hiddenSize }: TableShape, blockBytes = BLOCK_BYTES, bytesPerElement = 4): Rows[] {
  const most = Math.max(GRAIN, roundDown(blockBytes / (hiddenSize * bytesPerElement)))
  if (vocabSize <= most) return [{ start: 0, end: vocabSize }]
  const size = roundUp(vocabSize / Math.ceil(vocabSize / most))
  return Array.from({ length: Math.ceil(vocabSize / size) }, (_, i) => ({ start: i * size, end: Math.min(vocabSize, (i + 1) * size) }))
}

const roundDown = (rows: number): number => GRAIN * Math.floor(rows / GRAIN)
const roundUp = (rows: number): number => GRAIN * Math.ceil(rows / GRAIN)

/** Of token ids that graphs look up: where one value is the table int64 will do, several are told apart by int32 (onnx/row-blocks.ts). */
export const idType = (blocks: readonly Rows[]): 'int64' | 'int32' => (blocks.length === 1 ? 'int64' : 'int32')

/** A tensor as graphs take it. */
export interface TensorSpec {
  readonly name: string
  readonly shape: Shape
  /** Where it is a block of a table: of which, and which rows. */
  readonly block?: { readonly of: string } & Rows
}

/** Model tensors by their usual names → what is fed: the tables in their blocks, all others as they are. */
export const fedTensors = (tensors: readonly TensorSpec[], blocks: readonly Rows[]): TensorSpec[] =>
  tensors.flatMap((one) => (one.name === EMBEDDING || one.name === HEAD ? blockTensors(one, blocks) : [one]))

export const blockTensors = (table: TensorSpec, blocks: readonly Rows[]): TensorSpec[] =>
  (blocks.length === 1 ? [table] : blocks.map(({ start, end }) => ({ name: `${table.name}[${start}:${end}]`, shape: [end - start, ...table.shape.slice(1)], block: { of: table.name, start, end } })))

/** The way back: tensors by their usual names, and what each is fed as, in the order of its rows. */
export function wholeTensors(fed: readonly TensorSpec[]): (TensorSpec & { readonly pieces: readonly TensorSpec[] })[] {
  return [...Map.groupBy(fed, ({ name, block }) => block?.of ?? name)].map(([name, pieces]) => {
    const [{ shape }] = pieces as [TensorSpec]
    return { name, pieces, shape: pieces.length === 1 ? shape : [pieces.reduce((sum, piece) => sum + piece.shape[0]!, 0), ...shape.slice(1)] }
  })
}
