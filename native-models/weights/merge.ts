/** A base and its adapter as one set of weights. */
import { sizeOf } from '../onnx/types.ts'
import type { Adapter } from './adapter.ts'
import { type Checkpoint, readWeights, rowBlocks } from './checkpoint.ts'
import type { JsonObject } from './files.ts'
import type { TensorToWrite } from './safetensors.ts'
import { expectedTensors } from './tensors.ts'

/** Elements merged at a time: whoever waits for it gets a turn in between. */
const BLOCK_ELEMENTS = 2 ** 20

/** W + (alpha / rank) · B·A of every tensor, as F32, made block by block when its turn comes. `seen` hears of the stored bytes behind each. */
export function mergedTensors(base: Checkpoint, { config, modules }: Adapter, seen: (elements: number) => void): TensorToWrite[] {
  return expectedTensors(base.config).map(({ name, shape }) => ({
    name, shape, dtype: 'F32',
    *data() {
      const factors = modules.get(name.replace(/\.weight$/, ''))
      const width = sizeOf(shape.slice(1))
      for (const rows of rowBlocks(shape, BLOCK_ELEMENTS)) {
        const values = readWeights(base, name, rows)
        if (factors) addProduct(values, factors, { firstRow: rows[0], width, rank: config.rank, scale: config.alpha / config.rank })
        yield values
        seen(values.length)
      }
    },
  }))
}

/** `config.json` of the same model in F32, in whichever spelling it names its type. */
export const inF32 = (configJson: JsonObject): JsonObject => ({ ...configJson, [Object.hasOwn(configJson, 'dtype') ? 'dtype' : 'torch_dtype']: 'float32' })

/** values [rows, width] += scale · B[firstRow …] · A; b is [out, rank], a is [rank, width]. Summed in F64, rounded once. */
function addProduct(values: Float32Array, { a, b }: { a: Float32Array; b: Float32Array }, { firstRow, width, rank, scale }: { firstRow: number; width: number; rank: number; scale: number }): void {
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
