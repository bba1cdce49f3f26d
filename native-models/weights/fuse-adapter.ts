import type { Adapter, LoraFactors } from './adapter.ts'
import { partOf } from './fused.ts'
import type { ModelConfig } from './model-config.ts'
import { linearModules } from './tensors.ts'

/** A linear layer as the family's own files have it, and those of its parts that are asked for. */
export interface StoredLayer {
  readonly inputs: number
  readonly out: number
  readonly parts: readonly { readonly module: string; readonly firstRow: number }[]
}

/** By the names of the files: a fused projection is one layer, every other layer its own only part. */
export function storedLayers(config: ModelConfig, isAsked: (module: string) => boolean): Map<string, StoredLayer> {
  const layers = new Map<string, StoredLayer>()
  for (const [module, { inputs, out }] of linearModules(config)) {
    if (!isAsked(module)) continue
    const { fused = `${module}.weight`, firstRow = 0, allRows = out } = partOf(config, `${module}.weight`) ?? {}
    const name = fused.replace(/\.weight$/, '')
    layers.set(name, { inputs, out: allRows, parts: [...(layers.get(name)?.parts ?? []), { module, firstRow }] })
  }
  return layers
}

/** By how much `fuseAdapter` raises rank and alpha: the most parts that one layer of the files has adapted. */
export const widthOf = (layers: ReadonlyMap<string, StoredLayer>): number => Math.max(1, ...[...layers.values()].map(({ parts }) => parts.length))

/**
 * The adapter over the layers that the family's own files have, which are those that PEFT adapts. Of a fused projection, A
 * holds its parts' A one above the other and B their B on the diagonal, zero elsewhere: B·A is the parts' products, row for
 * row. PEFT knows one rank, so every layer gets that of the widest, filled up with zeros; alpha grows with it, and
 * alpha / rank stays. Other families' adapters are returned as they are.
 */
export function fuseAdapter(config: ModelConfig, adapter: Adapter): Adapter {
  if (!config.fused) return adapter
  const { rank: own, alpha } = adapter.config
  const layers = storedLayers(config, (module) => adapter.modules.has(module))
  const width = widthOf(layers)
  const rank = own * width
  const modules = [...layers].map(([name, { inputs, out, parts }]): [string, LoraFactors] => {
    const [a, b] = [new Float32Array(rank * inputs), new Float32Array(out * rank)]
    for (const [i, { module, firstRow }] of parts.entries()) {
      const factors = adapter.modules.get(module)!
      a.set(factors.a, i * own * inputs)
      for (let row = 0; row < factors.b.length / own; row++) b.set(factors.b.subarray(row * own, (row + 1) * own), (firstRow + row) * rank + i * own)
    }
    return [name, { a, b }]
  })
  return { config: { ...adapter.config, rank, alpha: alpha * width }, modules: new Map(modules) }
}
