/** What transformers.js and onnxruntime-genai read beside the model files. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../../native-models/weights/files.ts'
import type { OnnxPrecision } from '../../../preload/contract/requests/export.ts'
import type { TextInfo } from '../../sandbox/host.ts'
import { readTextFiles } from '../../text/folder.ts'
import type { ExportSource } from '../source.ts'

export const GENAI_FILE = 'genai_config.json'

/** model.onnx, model_fp16.onnx, model_q4.onnx: transformers.js's names. */
export const modelFile = (precision: OnnxPrecision): string => (precision === 'fp32' ? 'model.onnx' : `model_${precision}.onnx`)

/** The source's config.json and, for transformers.js, the sizes it must find there and into how many files the weights were put. */
export function configFor({ configJson, config }: ExportSource, precisions: readonly OnnxPrecision[], dataFilesOf: ReadonlyMap<OnnxPrecision, number>): JsonObject {
  const beside = [...dataFilesOf].filter(([, count]) => count > 0).map(([precision, count]) => [modelFile(precision), count])
  return {
    ...configJson,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    'transformers.js_config': { dtype: precisions[0], ...(beside.length > 0 && { use_external_data_format: Object.fromEntries(beside) as JsonObject }) },
  }
}

/**
 * The source's, with chat template and special tokens in it: transformers.js looks for them nowhere else. Null where they
 * already are.
 */
export function tokenizerConfigFor({ textFolder }: ExportSource): JsonObject | null {
  const { tokenizerConfig, specials, template } = readTextFiles(textFolder)
  const lacking = Object.entries(specials).filter(([name, token]) => token !== null && (tokenizerConfig[name] ?? null) === null)
  const isThere = existsSync(join(textFolder, 'tokenizer_config.json')) && (template === null || tokenizerConfig['chat_template'] === template)
  return isThere && lacking.length === 0 ? null : { ...tokenizerConfig, ...Object.fromEntries(lacking), ...(template !== null && { chat_template: template }) }
}

/** onnxruntime-genai's; the cache grows by concatenation, so its buffers cannot be shared. */
export function genaiFor({ config, configJson }: ExportSource, precision: OnnxPrecision, generation: JsonObject, { eosIds, bosId }: TextInfo): JsonObject {
  const padId = configJson.pad_token_id ?? generation.pad_token_id ?? eosIds[0] ?? 0
  const choice = (key: string, fallback: unknown): unknown => generation[key] ?? fallback
  return {
    model: {
      type: config.architecture,
      context_length: config.maxPositions,
      vocab_size: config.vocabSize,
      ...(bosId !== null && { bos_token_id: bosId }),
      eos_token_id: eosIds.length === 1 ? eosIds[0] : eosIds,
      pad_token_id: padId,
      decoder: {
        filename: `onnx/${modelFile(precision)}`,
        head_size: config.headDim,
        hidden_size: config.hiddenSize,
        num_attention_heads: config.heads,
        num_hidden_layers: config.layers,
        num_key_value_heads: config.kvHeads,
        session_options: { log_id: 'onnxruntime-genai', provider_options: [] },
        inputs: { input_ids: 'input_ids', attention_mask: 'attention_mask', position_ids: 'position_ids', past_key_names: 'past_key_values.%d.key', past_value_names: 'past_key_values.%d.value' },
        outputs: { logits: 'logits', present_key_names: 'present.%d.key', present_value_names: 'present.%d.value' },
      },
    },
    search: {
      do_sample: choice('do_sample', false), temperature: choice('temperature', 1), top_k: choice('top_k', 50), top_p: choice('top_p', 1), repetition_penalty: choice('repetition_penalty', 1),
      max_length: config.maxPositions, min_length: 0, num_beams: 1, num_return_sequences: 1, early_stopping: true, length_penalty: 1, no_repeat_ngram_size: 0, diversity_penalty: 0, past_present_share_buffer: false,
    },
  }
}
