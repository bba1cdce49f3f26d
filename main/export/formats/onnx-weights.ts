/** The bytes of an ONNX decoder's weights, read from the source block by block; and where they lie. */
import { BLOCK, blocksOf, quantiseFourBit } from '../../../native-models/interchange/four-bit.ts'
import type { StoredForm } from '../../../native-models/interchange/onnx-decoder.ts'
import { type DType, sizeOf } from '../../../native-models/onnx/types.ts'
import type { ExternalWeight, InlineWeight } from '../../../native-models/onnx/wire.ts'
import { encodeHalves } from '../../../native-models/weights/halves.ts'
import { linearModules } from '../../../native-models/weights/tensors.ts'
import { type ExportSource, explained } from '../source.ts'

/** Elements converted at a time: main answers in between. */
const BLOCK_ELEMENTS = 2 ** 20
/** Where a weight begins in a file of weights: a page, so that it can be mapped. */
const PAGE = 4096

const bytesOf = ({ input }: StoredForm): number => sizeOf(input.shape) * ({ float32: 4, float16: 2, uint8: 1 } as Partial<Record<DType, number>>)[input.dtype]!

/** @throws AppError 'bad-model', while they are read, for what a precision cannot hold */
export function weightsOf(source: ExportSource, forms: readonly StoredForm[]): InlineWeight[] {
  const shapes = new Map(source.tensors.map(({ name, shape }) => [name, shape]))
  return forms.map((form) => ({ value: form.input, bytes: bytesOf(form), pieces: () => piecesOf(source, form, shapes.get(form.tensor)!) }))
}

function* piecesOf(source: ExportSource, form: StoredForm, [rows, width = 1]: readonly number[]): Generator<Uint8Array> {
  const step = Math.max(1, Math.floor(BLOCK_ELEMENTS / width))
  for (let from = 0; from < rows!; from += step) {
    const values = source.readRows(form.tensor, from, Math.min(rows!, from + step))
    const { buffer, byteOffset, byteLength } = encoded(form, values, width)
    yield new Uint8Array(buffer, byteOffset, byteLength)
  }
}

function encoded({ input, tensor, part }: StoredForm, values: Float32Array, width: number): ArrayBufferView {
  if (part !== 'whole') return quantiseFourBit(values, width)[part]
  if (input.dtype === 'float32') return values
  return explained(() => encodeHalves(values, tensor, 'export this model as fp32'))
}

/** How the weights are spread over files beside the model. */
export interface DataFile {
  readonly name: string
  readonly weights: readonly InlineWeight[]
}

/** Files of at most `limit` bytes (a browser loads each into one buffer), named as transformers.js asks for them; a weight is never cut. */
export function dataFiles(model: string, weights: readonly InlineWeight[], limit: number): { files: DataFile[]; external: Map<string, ExternalWeight> } {
  const files: { name: string; weights: InlineWeight[]; bytes: number }[] = []
  const external = new Map<string, ExternalWeight>()
  for (const weight of weights) {
    let file = files.at(-1)
    if (!file || file.bytes + weight.bytes > limit) files.push((file = { name: `${model}_data${files.length === 0 ? '' : `_${files.length}`}`, weights: [], bytes: 0 }))
    external.set(weight.value.name, { name: weight.value.name, location: file.name, offset: file.bytes, length: weight.bytes })
    file.weights.push(weight)
    file.bytes = pageAfter(file.bytes + weight.bytes)
  }
  return { files, external }
}

const pageAfter = (bytes: number): number => Math.ceil(bytes / PAGE) * PAGE

/** The bytes of a data file. */
export function* dataParts({ weights }: DataFile): Generator<Uint8Array> {
  let at = 0
  for (const weight of weights) {
    yield* weight.pieces()
    yield new Uint8Array(pageAfter(at + weight.bytes) - at - weight.bytes)
    at = pageAfter(at + weight.bytes)
  }
}

/** About how many bytes the weights take, without building a graph: four-bit blocks are 16 bytes and a scale. */
export function estimatedBytes({ tensors, config }: Pick<ExportSource, 'tensors' | 'config'>, precision: 'fp32' | 'fp16' | 'q4'): number {
  const linears = linearModules(config)
  const perTensor = tensors.map(({ name, shape }) => {
    const elements = sizeOf(shape)
    if (precision === 'fp16' && shape.length === 2) return 2 * elements
    return precision === 'q4' && linears.has(name.replace(/\.weight$/, '')) && shape.length === 2 ? shape[0]! * blocksOf(shape[1]!) * (BLOCK / 2 + 4) : 4 * elements
  })
  return perTensor.reduce((sum, bytes) => sum + bytes, 0)
}
