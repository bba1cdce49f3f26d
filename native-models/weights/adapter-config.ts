import { ModelError, quote, show } from './error.ts'
import { fieldsOf, type Fields } from './fields.ts'
import type { JsonObject } from './files.ts'

/** The normal form of a LoRA `adapter_config.json`: y = Wx + (alpha / rank) · B(Ax). */
export type AdapterConfig = {
  rank: number
  alpha: number
  /** Used while training only. */
  dropout: number
  /** Module names or their endings ("q_proj"); null where the file holds a pattern and the tensors alone decide. */
  targets: readonly string[] | null
  /** `base_model_name_or_path`. */
  base: string | null
}

/** Members that change the mathematics when they are set. */
const REFUSED = [
  'use_dora', 'use_rslora', 'use_qalora', 'lora_bias', 'fan_in_fan_out', 'rank_pattern', 'alpha_pattern', 'modules_to_save',
  'layers_to_transform', 'layer_replication', 'target_parameters', 'trainable_token_indices', 'exclude_modules',
] // prettier-ignore
/** Initialisations that also change the base's weights ("pissa", "olora", "loftq", …) would need that changed base. */
const HARMLESS_INITS: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'eva', 'orthogonal']

/** Checks PEFT's `adapter_config.json`; whatever is not plain LoRA is refused by name. @throws ModelError */
export function parseAdapterConfig(json: JsonObject, file: string): AdapterConfig {
  const fields = fieldsOf(json, file)
  const refuse = (what: string): never => {
    throw new ModelError(`${file}: ${what} is not supported; supported: plain LoRA (peft_type "LORA") for causal language models.`)
  }
  if (fields.text('peft_type') !== 'LORA') refuse(`peft_type ${quote(fields.text('peft_type') ?? 'none')}`)
  const task = fields.text('task_type') ?? 'CAUSAL_LM'
  if (task !== 'CAUSAL_LM') refuse(`task_type ${quote(task)}`)
  const bias = fields.text('bias') ?? 'none'
  if (bias !== 'none') refuse(`bias ${quote(bias)}`)
  for (const key of REFUSED) if (isSet(json[key])) refuse(key)
  if (!HARMLESS_INITS.includes(json.init_lora_weights)) refuse(`init_lora_weights ${show(json.init_lora_weights)}`)

  return {
    rank: fields.integer('r', { max: 65_536 }),
    alpha: fields.positive('lora_alpha', { fallback: 8 }), // PEFT's default
    dropout: parseDropout(fields, file),
    targets: typeof json.target_modules === 'string' ? null : fields.texts('target_modules'),
    base: fields.text('base_model_name_or_path'),
  }
}

/** The `adapter_config.json` that PEFT writes for a plain LoRA, keys sorted as it does. */
export function formatAdapterConfig({ rank, alpha, dropout, base }: AdapterConfig, targets: readonly string[]): JsonObject {
  return {
    alpha_pattern: {},
    auto_mapping: null,
    base_model_name_or_path: base,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layer_replication: null,
    layers_pattern: null,
    layers_to_transform: null,
    loftq_config: {},
    lora_alpha: alpha,
    lora_dropout: dropout,
    megatron_config: null,
    megatron_core: 'megatron.core',
    modules_to_save: null,
    peft_type: 'LORA',
    r: rank,
    rank_pattern: {},
    revision: null,
    target_modules: targets,
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: false,
  }
}

function parseDropout(fields: Fields, file: string): number {
  const dropout = fields.number('lora_dropout', { fallback: 0 })
  if (dropout < 0 || dropout >= 1) throw new ModelError(`${file}: lora_dropout is ${dropout}, but must be from 0 to below 1; repair it.`)
  return dropout
}

function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return false
  return typeof value === 'object' ? Object.keys(value).length > 0 : true
}
