import type { TensorData } from './dtype.ts'
import type { ModelConfig } from './model-config.ts'
import { piecesOf, type TensorToWrite } from './safetensors.ts'

/**
 * Projections that some files hold as one tensor, parts one above the other (Phi-3). Inside Creamery they are apart, each
 * with a LoRA of its own; they are put together again where a checkpoint is written.
 */
const FUSED = {
  'self_attn.qkv_proj': ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'],
  'mlp.gate_up_proj': ['mlp.gate_proj', 'mlp.up_proj'],
} as const

export interface Part {
  /** The tensor it lies in. */
  readonly fused: string
  readonly firstRow: number
  readonly rows: number
  /** Of the whole. */
  readonly allRows: number
}

/** Where `name` lies in a model that fuses; null for what it stores by its own name. */
export function partOf(config: ModelConfig, name: string): Part | null {
  if (!config.fused) return null
  for (const [fused, parts] of Object.entries(FUSED)) {
    const part = parts.findIndex((path) => name.includes(`.${path}.`))
    if (part < 0) continue
    const rows = parts.map((path) => rowsOf(config, path))
    return { fused: name.replace(parts[part]!, fused), firstRow: sum(rows.slice(0, part)), rows: rows[part]!, allRows: sum(rows) }
  }
  return null
}

/** What a LoRA target that names a fused projection means here: its parts' names. */
export function partsOfTarget(target: string): string[] {
  const fused = Object.entries(FUSED).find(([path]) => target.endsWith(path.slice(path.indexOf('.') + 1)))
  return fused ? fused[1].map((path) => path.slice(path.indexOf('.') + 1)) : [target]
}

/** The tensors as the family's own files hold them, in the same order; those of other families as they are. */
export function fuse(config: ModelConfig, tensors: readonly TensorToWrite[]): TensorToWrite[] {
  const groups = Map.groupBy(tensors, ({ name }) => partOf(config, name)?.fused ?? name)
  return [...groups].map(([name, parts]) => (parts[0]!.name === name ? parts[0]! : joinRows(config, name, parts)))
}

function joinRows(config: ModelConfig, name: string, given: readonly TensorToWrite[]): TensorToWrite {
  const placeOf = (tensor: TensorToWrite): Part => partOf(config, tensor.name)!
  const parts = given.toSorted((a, b) => placeOf(a).firstRow - placeOf(b).firstRow)
  const [{ dtype, shape }] = parts as [TensorToWrite]
  const rows = sum(parts.map((part) => part.shape[0]!))
  if (rows !== placeOf(parts[0]!).allRows || parts.some((part) => part.dtype !== dtype)) throw new Error(`checkpoint: ${name} lacks parts or mixes types`)
  const whole = [rows, ...shape.slice(1)]
  function* join(): Generator<TensorData> {
    for (const { data } of parts) yield* piecesOf(data)
  }
  return { name, dtype, shape: whole, data: join }
}

function rowsOf({ heads, kvHeads, headDim, intermediateSize }: ModelConfig, path: string): number {
  if (path.startsWith('mlp.')) return intermediateSize
  return headDim * (path === 'self_attn.q_proj' ? heads : kvHeads)
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)
