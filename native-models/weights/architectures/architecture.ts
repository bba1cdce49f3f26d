import { quote } from '../error.ts'
import type { Fields } from '../fields.ts'
import type { ArchitectureName, Rope, Traits } from '../model-config.ts'

/** A family on disk: how its `config.json` comes to the normal form. */
export interface Architecture {
  /** The class that `architectures` names. */
  readonly className: string
  readonly modelType: ArchitectureName
  /** What transformers assumes where the file is silent. Without `kvHeads` or `headDim` they follow from the number of heads. */
  readonly defaults: { readonly kvHeads?: number; readonly headDim?: number; readonly maxPositions: number; readonly rmsNormEps: number; readonly tied: boolean }
  /** In what it differs from the plainest decoder (`plainTraits`). @throws ModelError for what is not computed here, by name */
  readTraits(fields: Fields, sizes: Sizes): Partial<Traits> & { readonly rope: Rope }
}

export interface Sizes {
  readonly hiddenSize: number
  readonly layers: number
  readonly headDim: number
  readonly maxPositions: number
}

/** A Llama without biases. */
export const plainTraits = ({ layers, headDim }: Sizes, rope: Rope): Traits => ({
  attentionBias: false,
  outputBias: false,
  mlpBias: false,
  headNorms: false,
  outputNorms: false,
  normOffset: 0,
  activation: 'silu',
  embeddingScale: 1,
  queryScale: headDim ** -0.5,
  scoreCap: null,
  logitCap: null,
  windows: Array<null>(layers).fill(null),
  localRope: rope,
  fused: false,
})

export function requireActivation(fields: Fields, key: string, wanted: string): void {
  const activation = fields.text(key) ?? wanted
  if (activation !== wanted) fields.refuse(`${key} ${quote(activation)}`, quote(wanted))
}

/** One window for all layers, or none. */
export const sameWindow = ({ layers }: Sizes, window: number | null): (number | null)[] => Array<number | null>(layers).fill(window)

/** `window` for the layers that `layer_types` calls sliding; where the file lists no types, for those of the family's pattern. */
export function windowsOf(fields: Fields, { layers }: Sizes, window: number | null, isLocal: (layer: number) => boolean): (number | null)[] {
  const types = fields.texts('layer_types') ?? Array.from({ length: layers }, (_, layer) => (window !== null && isLocal(layer) ? 'sliding_attention' : 'full_attention'))
  if (types.length !== layers) throw fields.fault(`layer_types lists ${types.length} layers, but num_hidden_layers is ${layers}; repair them.`)
  return types.map((type) => {
    if (type === 'full_attention') return null
    if (type !== 'sliding_attention') fields.refuse(`the layer type ${quote(type)}`, '"full_attention", "sliding_attention"')
    if (window === null) throw fields.fault('layer_types names sliding layers, but sliding_window sets no window; repair them.')
    return window
  })
}
