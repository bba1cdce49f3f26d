/** A tiny random model of every family that GGUF is written for, in llama.cpp: its own attention, norms, rotations, windows and caps. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { JsonObject } from '../../native-models/weights/files.ts'
import { configLike, writeRandomModel } from '../export/random-model.ts'
import { exported, logits, scratch, subjectOf } from './fixture.ts'
import { loadGguf, logProbabilities, worstOf } from './llama.ts'

/** Beyond Llama's plain form; windows are shorter than the text where llama.cpp has them. */
const models: Readonly<Record<string, JsonObject>> = {
  llama: configLike('llama/gqa-tied'),
  'llama with biases': configLike('llama/gqa-biased'),
  'llama with a head size of its own': configLike('llama/headdim'),
  'llama 3 rope': configLike('llama/llama3-rope'),
  'mistral up to its window': configLike('families/mistral-window', { sliding_window: 64 }),
  'qwen2, tied': configLike('families/qwen2-tied'),
  'qwen2 with yarn': configLike('families/qwen2-yarn', { use_sliding_window: false, layer_types: undefined, rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32 } }),
  qwen3: configLike('families/qwen3-headdim'),
  gemma2: configLike('families/gemma2', { query_pre_attn_scalar: 16, num_hidden_layers: 4, layer_types: undefined }),
  gemma3: configLike('families/gemma3', { query_pre_attn_scalar: 16, num_hidden_layers: 7, layer_types: undefined, sliding_window_pattern: 6, _sliding_window_pattern: 6 }),
  phi3: configLike('families/phi3-window', { sliding_window: 64 }),
}

test.each(Object.entries(models))('%s', async (title, configJson) => {
  const folder = join(scratch, `random ${title}`)
  await writeRandomModel(folder, configJson)
  const subject = await subjectOf({ folder, adapter: null })
  const { path, proof } = await exported(subject, { format: 'gguf', precision: 'f32' }, `gguf ${title}`)
  expect(proof.checks.filter(({ passed }) => !passed)).toEqual([])
  const model = await loadGguf(path)
  const ids = Array.from({ length: 48 }, (_, t) => 6 + ((t * 37) % 96))
  const worst = worstOf(await logProbabilities(model, ids), await logits(subject, ids), subject.vocabSize)
  await model.dispose()
  expect(worst).toBeLessThanOrEqual(title.startsWith('gemma') ? 0.03 : 1e-4) // ggml looks GELU up in a table of F16
})
