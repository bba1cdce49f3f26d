/** A base and its adapter as one set of weights. */
import type { Adapter } from './adapter.ts'
import { type Checkpoint, readWeights, rowBlocks } from './checkpoint.ts'
import type { JsonObject } from './files.ts'
import type { TensorToWrite } from './safetensors.ts'
import { expectedTensors } from './tensors.ts'

/** Elements merged at a time: whoever waits for it gets a turn in between. */
const BLOCK_ELEMENTS = 2 ** 20

/** Rows [from, to) of W + (alpha / rank) · B·A, as F32, flat; those of W where no adapter sits. @throws ModelError for a weight that is no number */
export function readMerged(base: Checkpoint, adapter: Adapter | null, name: string, rows: readonly [number, number]): Float32Array {
  const values = readWeights(base, name, rows)
  const factors = adapter?.modules.get(name.replace(/\.weight$/, ''))
  if (factors) addProduct(values, factors, { firstRow: rows[0], rank: adapter!.config.rank, scale: adapter!.config.alpha / adapter!.config.rank })
  return values
}

/** Every tensor merged, made block by block when its turn comes. `seen` hears of the stored elements behind each. */
export function mergedTensors(base: Checkpoint, adapter: Adapter, seen: (elements: number) => void): TensorToWrite[] {
  return expectedTensors(base.config).map(({ name, shape }) => ({
    name, shape, dtype: 'F32',
    *data() {
      for (const rows of rowBlocks(shape, BLOCK_ELEMENTS)) {
        const values = readMerged(base, adapter, name, rows)
        yield values
        seen(values.length)
      }
    },
  }))
}

/** `config.json` of the same model in F32, in whichever spelling it names its type. */
export const inF32 = (configJson: JsonObject): JsonObject => ({ ...configJson, [Object.hasOwn(configJson, 'dtype') ? 'dtype' : 'torch_dtype']: 'float32' })

/** values [rows, width] += scale · B[firstRow …] · A; b is [out, rank], a is [rank, width]. Summed in F64, rounded once. */
function addProduct(values: Float32Array, { a, b }: { a: Float32Array; b: Float32Array }, { firstRow, rank, scale }: { firstRow: number; rank: number; scale: number }): void {
  const width = a.length / rank
  const sum = new Float64Array(width)
  for (let row = 0; row * width < values.length; row++) {
    sum.fill(0)
    for (let k = 0; k < rank; k++) {
      const factor = scale * b[(firstRow + row) * rank + k]!
      for (let column = 0; column < width; column++) sum[column]! += factor * a[k * width + column]!
    }
    for (let column = 0; column < width; column++) values[row * width + column]! += sum[column]!
  }
}
