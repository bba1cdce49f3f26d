import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeFloats, type FloatDtype } from '../../../native-models/weights/dtype.ts'
import { ModelError } from '../../../native-models/weights/error.ts'
import { parseConfig, type ModelConfig } from '../../../native-models/weights/config.ts'
import { expectedTensors } from '../../../native-models/weights/tensors.ts'
import type { TensorToWrite } from '../../../native-models/weights/safetensors.ts'
import { temporaryFolder as folderFor } from '../../temporary.ts'

export const temporaryFolder = (): string => folderFor('weights')

export const TINY = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_act: 'silu',
  vocab_size: 11,
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  intermediate_size: 6,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 64,
  rope_theta: 10000,
  tie_word_embeddings: true,
  bos_token_id: 1,
  eos_token_id: 2,
  torch_dtype: 'float32',
}

export function tinyConfig(changes: object = {}): ModelConfig {
  return parseConfig({ ...TINY, ...changes }, 'config.json')
}

/** Every tensor of `config`, filled with distinct values that F16 and BF16 hold exactly. */
export function tinyTensors(config: ModelConfig, dtype: FloatDtype = 'F32'): TensorToWrite[] {
  return expectedTensors(config).map(({ name, shape }, t) => {
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 7 + t) % 128) / 64 - 1)
    return { name, dtype, shape, data: encodeFloats(dtype, values) }
  })
}

/** A safetensors file from a header (an object, or its text) and data bytes, right or wrong. */
export function fileOf(header: unknown, dataBytes = 0, declared?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + json.length + dataBytes)
  new DataView(bytes.buffer).setBigUint64(0, declared ?? BigInt(json.length), true)
  bytes.set(json, 8)
  return bytes
}

export function writeBytes(bytes: Uint8Array | string, name = 'model.safetensors'): string {
  const path = join(temporaryFolder(), name)
  writeFileSync(path, bytes)
  return path
}

/** The error of a call that must fail with a ModelError. */
export function modelErrorOf(call: () => unknown): ModelError {
  try {
    call()
  } catch (error) {
    if (error instanceof ModelError) return error
    throw error
  }
  throw new Error('the call should have thrown a ModelError')
}

export function bytesOf(data: ArrayBufferView): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}
