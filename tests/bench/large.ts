/** A random Llama of 1.1 B parameters (TinyLlama's shape: BF16, sharded, 2.2 GB) with an adapter, and what commands on it cost (Linux). */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeAdapter } from '../../native-models/weights/adapter.ts'
import { writeCheckpoint } from '../../native-models/weights/checkpoint.ts'
import { parseConfig, type ModelConfig } from '../../native-models/weights/config.ts'
import { expectedTensors, linearModules } from '../../native-models/weights/tensors.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const configJson = {
  architectures: ['LlamaForCausalLM'], model_type: 'llama', hidden_act: 'silu', hidden_size: 2048, intermediate_size: 5632, num_hidden_layers: 22,
  num_attention_heads: 32, num_key_value_heads: 4, vocab_size: 32_000, max_position_embeddings: 2048, rms_norm_eps: 1e-5, rope_theta: 10_000,
  tie_word_embeddings: false, bos_token_id: 1, eos_token_id: 2, torch_dtype: 'bfloat16',
}
const BLOCK = 2 ** 20

/** Small numbers of either sign, whose exponents are the same for all: weights that overflow nothing. */
function* randomBits(elements: number): Generator<Uint16Array> {
  let state = elements
  for (let left = elements; left > 0; left -= BLOCK) {
    yield Uint16Array.from({ length: Math.min(BLOCK, left) }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return ((state >>> 16) & 0x8000) | 0x3c80 | ((state >>> 20) & 0x7f)
    })
  }
}

export async function makeModel(folder: string): Promise<ModelConfig> {
  const config = parseConfig(configJson, 'config.json')
  await writeCheckpoint(folder, configJson, expectedTensors(config).map(({ name, shape }) => ({ name, shape, dtype: 'BF16', data: () => randomBits(shape.reduce((a, b) => a * b, 1)) })), { shardBytes: 5e8 })
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) copyFileSync(join(root, 'native-models/bundled/model', name), join(folder, name))
  return config
}

export async function makeAdapter(folder: string, config: ModelConfig): Promise<void> {
  const rank = 16
  const some = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i) / 100)
  const modules = new Map([...linearModules(config)].map(([name, { inputs, out }]) => [name, { a: some(rank * inputs), b: some(out * rank) }]))
  await writeAdapter(folder, { config: { rank, alpha: 32, dropout: 0, targets: [], base: 'random' }, modules }, config)
}

export interface Measured {
  readonly what: string
  readonly seconds: number
  /** Of the command and its children together, in MB. */
  readonly megabytes: number
}

/** One command of the command line, to its end. */
export async function measure(what: string, args: readonly string[]): Promise<Measured> {
  const began = performance.now()
  const child = spawn(process.execPath, [join(root, 'main/cli.ts'), ...args], { stdio: ['ignore', 'inherit', 'inherit'] })
  let most = 0
  const looking = setInterval(() => (most = Math.max(most, residentOf(child.pid!))), 50)
  const [code] = (await once(child, 'exit')) as [number | null]
  clearInterval(looking)
  if (code !== 0) throw new Error(`${what} ended with ${code}`)
  return { what, seconds: (performance.now() - began) / 1000, megabytes: most / 1024 }
}

/** Of a process and what it started, in kB. */
function residentOf(pid: number): number {
  try {
    const own = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
    return children.reduce((sum, one) => sum + residentOf(Number(one)), own)
  } catch {
    return 0 // it ended meanwhile
  }
}

export const table = (measured: readonly Measured[]): string =>
  measured.map(({ what, seconds, megabytes }) => `${what.padEnd(24)} ${seconds.toFixed(1).padStart(6)} s  ${megabytes.toFixed(0).padStart(5)} MB`).join('\n')
