/** LoRA: y = x·Wᵀ + (α/r)·(x·Aᵀ)·Bᵀ with A [r, in], B [out, r]; names are PEFT's. */
import { type FedParameters, type Parameters, type WeightType, fedParameters } from '../families/parameters.ts'
import type { GraphBuilder } from '../onnx/builder.ts'
import { type TensorSpec, vocabularyBlocks } from '../families/tables.ts'
import { type Value, sizeOf } from '../onnx/types.ts'
import type { ModelConfig } from '../weights/model-config.ts'
import { hashText, uniform } from '../random.ts'
import { type Dropout, dropOut } from './dropout.ts'

export interface Lora {
  readonly r: number
  readonly alpha: number
  /** Last parts of module names, e.g. `q_proj`. */
  readonly targets: readonly string[]
}

export const loraName = (module: string, side: 'A' | 'B'): string => `base_model.model.${module}.lora_${side}.weight`
const isTarget = (lora: Lora, module: string): boolean => lora.targets.includes(module.slice(module.lastIndexOf('.') + 1))

/** Adds the adapter to the linear layers it sits on. Those that read the same x share one product with their A's, stacked; with dropout each reads an x of its own. */
export function withLora<Base extends Parameters>(b: GraphBuilder, base: Base, lora: Lora, dropout: Dropout | null = null): Base {
  const inputA = (module: string, width: number): Value => b.input(loraName(module, 'A'), b.float, [lora.r, width])
  const downsOf = (x: Value, modules: readonly string[]): Value[] => {
    const width = x.shape[1]!
    if (dropout) return modules.map((module) => b.gemm(dropOut(b, x, module, dropout), inputA(module, width), { transB: true }))
    const down = b.gemm(x, b.concat(modules.map((module) => inputA(module, width)), 0), { transB: true })
    return modules.length === 1 ? [down] : b.split(down, modules.map(() => lora.r), 1)
  }
  return {
    ...base,
    linears(x, modules) {
      const adapted = modules.filter(({ module }) => isTarget(lora, module))
      const outputs = base.linears(x, modules)
      if (adapted.length === 0) return outputs
      const downs = downsOf(x, adapted.map(({ module }) => module))
      return modules.map((one, i) => {
        const part = downs[adapted.indexOf(one)]
        return part ? b.gemm(part, b.input(loraName(one.module, 'B'), b.float, [one.out, lora.r]), { transB: true, alpha: lora.alpha / lora.r, c: outputs[i]! }) : outputs[i]!
      })
    },
  }
}

/** What decides how a graph takes a model's weights. */
export interface WeightsSpec {
  readonly config: ModelConfig
  /** The adapter, or null. */
  readonly lora: Lora | null
  /** What a block of a table may hold, in bytes; BLOCK_BYTES unless given. */
  readonly blockBytes?: number
  /** How weights that are not trained are held; fp32 unless given. */
  readonly held?: WeightType
}

/** The fed weights with the adapter on them, or as they are. */
export function adaptedParameters(b: GraphBuilder, { config, lora, blockBytes, held }: WeightsSpec, dropout: Dropout | null = null): FedParameters {
  const base = fedParameters(b, vocabularyBlocks(config, blockBytes), held)
  return lora ? withLora(b, base, lora, dropout) : base
}

/** The adapter's tensors for a model with these 2-D weights, in the model's order. */
export function loraTensors(lora: Lora, weights: readonly TensorSpec[]): TensorSpec[] {
  return weights.flatMap(({ name, shape }) => {
    const module = name.replace(/\.weight$/, '')
    if (shape.length !== 2 || !isTarget(lora, module)) return []
    return [{ name: loraName(module, 'A'), shape: [lora.r, shape[1]!] }, { name: loraName(module, 'B'), shape: [shape[0]!, lora.r] }]
  })
}

/** How wide what each adapted module reads is, from the adapter's tensors. */
export const widthsOf = (tensors: readonly TensorSpec[]): Map<string, number> =>
  new Map(tensors.flatMap(({ name, shape }) => {
    const [, module] = /^base_model\.model\.(.*)\.lora_A\.weight$/.exec(name) ?? []
    return module === undefined ? [] : [[module, shape[1]!] as const]
  }))

/** PEFT's start: A uniform in ±1/√in (kaiming with a = √5), B zero, so that the adapted model is the base model. */
export function initialLora(spec: TensorSpec, seed: number): Float32Array {
  const data = new Float32Array(sizeOf(spec.shape))
  if (spec.name.includes('.lora_B.')) return data
  const bound = 1 / Math.sqrt(spec.shape[1]!)
  const key = hashText(spec.name)
  return data.map((_, i) => (2 * uniform(seed, key, i) - 1) * bound)
}
