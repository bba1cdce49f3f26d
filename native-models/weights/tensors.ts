import { isFloat, type Dtype } from './dtype.ts'
import { listNames, quote, showShape } from './error.ts'
import { partOf } from './fused.ts'
import type { ModelConfig } from './model-config.ts'

export const EMBEDDING = 'model.embed_tokens.weight'
export const HEAD = 'lm_head.weight'

export type ExpectedTensor = { name: string; shape: readonly number[] }

/**
 * A tensor of a checkpoint: where it lies (`storedAs` differs from its name where one tensor serves two) and its form;
 * `firstRow` where it is some rows of a larger one (fused.ts).
 */
export type StoredTensor = { file: string; storedAs: string; dtype: Dtype; shape: readonly number[]; firstRow?: number }

/** Hugging Face's names and shapes ([out, in] for linears), in model order; no `lm_head` when tied, fused projections apart. */
export function expectedTensors(config: ModelConfig): ExpectedTensor[] {
  const { hiddenSize, headDim, vocabSize, headNorms, outputNorms } = config
  const linears = linearShapes(config)
  const tensors: ExpectedTensor[] = [{ name: EMBEDDING, shape: [vocabSize, hiddenSize] }]
  for (let layer = 0; layer < config.layers; layer++) {
    const add = (path: string, ...shape: number[]): unknown => tensors.push({ name: `model.layers.${layer}.${path}`, shape })
    const norm = (name: string): unknown => add(`${name}.weight`, hiddenSize)
    const addLinears = (block: string): void => {
      for (const { path, out, inputs, bias } of linears.filter((one) => one.path.startsWith(block))) {
        add(`${path}.weight`, out, inputs)
        if (bias) add(`${path}.bias`, out)
      }
    }
    norm('input_layernorm')
    addLinears('self_attn')
    if (headNorms) for (const name of ['q_norm', 'k_norm']) add(`self_attn.${name}.weight`, headDim)
    norm('post_attention_layernorm')
    if (outputNorms) norm('pre_feedforward_layernorm')
    addLinears('mlp')
    if (outputNorms) norm('post_feedforward_layernorm')
  }
  tensors.push({ name: 'model.norm.weight', shape: [hiddenSize] })
  if (!config.tied) tensors.push({ name: HEAD, shape: [vocabSize, hiddenSize] })
  return tensors
}

/** The linear layers LoRA may adapt: full module name → sizes, in model order. */
export function linearModules(config: ModelConfig): Map<string, { inputs: number; out: number }> {
  const modules = new Map<string, { inputs: number; out: number }>()
  for (let layer = 0; layer < config.layers; layer++) {
    for (const { path, inputs, out } of linearShapes(config)) modules.set(`model.layers.${layer}.${path}`, { inputs, out })
  }
  return modules
}

function linearShapes({ hiddenSize, heads, kvHeads, headDim, intermediateSize, attentionBias, outputBias, mlpBias }: ModelConfig) {
  return [
    { path: 'self_attn.q_proj', inputs: hiddenSize, out: heads * headDim, bias: attentionBias },
    { path: 'self_attn.k_proj', inputs: hiddenSize, out: kvHeads * headDim, bias: attentionBias },
    { path: 'self_attn.v_proj', inputs: hiddenSize, out: kvHeads * headDim, bias: attentionBias },
    { path: 'self_attn.o_proj', inputs: heads * headDim, out: hiddenSize, bias: outputBias },
    { path: 'mlp.gate_proj', inputs: hiddenSize, out: intermediateSize, bias: mlpBias },
    { path: 'mlp.up_proj', inputs: hiddenSize, out: intermediateSize, bias: mlpBias },
    { path: 'mlp.down_proj', inputs: intermediateSize, out: hiddenSize, bias: mlpBias },
  ]
}

/** The outcome of holding the stored tensors against the expected ones. */
export type TensorMatch = {
  found: Map<string, StoredTensor>
  missing: string[]
  extra: string[]
  /** Wrong shapes and types, as clauses: `"x" has shape [2], not [3]`. */
  wrong: string[]
  /** Tied, yet both the embedding and the head are stored: they must be equal. */
  hasBothTied: boolean
}

/**
 * Holds what the files store against what the architecture needs.
 * @param aliases the files' `__metadata__`, where safetensors' own `save_model` names dropped twins: dropped → kept
 */
export function matchTensors(
  config: ModelConfig,
  stored: ReadonlyMap<string, StoredTensor>,
  aliases: Readonly<Record<string, string>>,
): TensorMatch {
  const found = new Map<string, StoredTensor>()
  const missing: string[] = []
  const wrong: string[] = []
  for (const { name, shape } of expectedTensors(config)) {
    const alias = Object.hasOwn(aliases, name) ? aliases[name]! : name
    const tensor = stored.get(name) ?? stored.get(alias) ?? (config.tied && name === EMBEDDING ? stored.get(HEAD) : undefined) ?? fusedTensor(config, name, stored)
    if (tensor === undefined) missing.push(name)
    else if (String(tensor.shape) !== String(shape)) wrong.push(`${quote(name)} has shape ${showShape(tensor.shape)}, not ${showShape(shape)}`)
    else if (!isFloat(tensor.dtype)) wrong.push(`${quote(name)} holds ${tensor.dtype}, not floating-point numbers`)
    if (tensor !== undefined) found.set(name, tensor)
  }
  const used = new Set([...found.values()].map((tensor) => tensor.storedAs))
  const hasBothTied = config.tied && stored.has(EMBEDDING) && stored.has(HEAD)
  // inv_freq: a buffer that old transformers saved and that follows from the config
  const extra = [...stored.keys()].filter((name) => !used.has(name) && !name.endsWith('.rotary_emb.inv_freq') && !(hasBothTied && name === HEAD))
  return { found, missing, extra, wrong, hasBothTied }
}

/** The rows of a fused tensor that are this one; a fused tensor of another shape as it is, to be named as wrong. */
function fusedTensor(config: ModelConfig, name: string, stored: ReadonlyMap<string, StoredTensor>): StoredTensor | undefined {
  const part = partOf(config, name)
  const whole = part && stored.get(part.fused)
  if (!whole || whole.shape[0] !== part.allRows) return whole ?? undefined
  return { ...whole, shape: [part.rows, ...whole.shape.slice(1)], firstRow: part.firstRow }
}

/** What keeps the weights from fitting, as clauses; empty when they fit. */
export function describeMismatch({ missing, extra, wrong }: TensorMatch): string[] {
  const faults: string[] = []
  if (missing.length > 0) faults.push(`${missing.length} missing (${listNames(missing)})`)
  if (missing.length === 1 && missing[0] === HEAD) faults.push('if the head is the embedding, "tie_word_embeddings" must be true')
  if (wrong.length > 0) faults.push(wrong.slice(0, 3).join(', ') + (wrong.length > 3 ? ` and ${wrong.length - 3} more` : ''))
  if (extra.length > 0) faults.push(`${extra.length} that this architecture does not have (${listNames(extra)})`)
  return faults
}
