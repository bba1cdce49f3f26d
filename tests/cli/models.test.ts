/** Model folders that must not be used: one sentence, exit code 2, nothing written. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { expectRefusal, fileWith, fromRoot, golden, temporaryFolder } from './run-cli.ts'

const ids = fileWith([{ prompt_ids: [1], completion_ids: [2] }])
const text = fileWith([{ prompt: '1+1?', response: '2' }])

/** A copy of a good model, changed by `damage`. */
function damaged(damage: (folder: string) => void): string {
  const folder = join(temporaryFolder(), 'model')
  cpSync(golden('gqa-tied'), folder, { recursive: true })
  damage(folder)
  return folder
}

function changeConfig(folder: string, changes: object): void {
  const path = join(folder, 'config.json')
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), ...changes }))
}

/** Rewrites the weights' bytes. */
function changeWeights(folder: string, change: (bytes: Buffer) => Uint8Array): void {
  const path = join(folder, 'model.safetensors')
  writeFileSync(path, change(readFileSync(path)))
}

/** Rewrites the header (8 bytes of length, then JSON), data as it is. */
function changeHeader(bytes: Buffer, change: (header: Record<string, { shape: number[]; data_offsets: [number, number] }>) => void): Buffer {
  const length = Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Parameters<typeof change>[0]
  change(header)
  const json = Buffer.from(JSON.stringify(header))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([size, json, bytes.subarray(8 + length)])
}

const faults: readonly [string, () => string, RegExp][] = [
  ['a folder that is not there', () => join(temporaryFolder(), 'absent'), /absent.*does not exist/],
  ['a folder without a model', () => temporaryFolder(), /config\.json/],
  ['an unknown architecture, by name', () => damaged((folder) => changeConfig(folder, { architectures: ['GPTNeoXForCausalLM'] })), /GPTNeoXForCausalLM is not supported; supported: LlamaForCausalLM/],
  ['truncated weights', () => damaged((folder) => changeWeights(folder, (bytes) => bytes.subarray(0, bytes.length - 100))), /model\.safetensors/],
  ['offsets out of range', () => damaged((folder) => changeWeights(folder, (bytes) => changeHeader(bytes, (header) => {
    const tensor = header['model.norm.weight']!
    tensor.data_offsets = [tensor.data_offsets[0] + bytes.length, tensor.data_offsets[1] + bytes.length]
  }))), /model\.safetensors/],
  ['wrong shapes', () => damaged((folder) => changeConfig(folder, { intermediate_size: 48 })), /do not fit config\.json/],
  ['weights that are not numbers', () => damaged((folder) => changeWeights(folder, (bytes) => {
    bytes.writeFloatLE(Number.NaN, bytes.length - 4)
    return bytes
  })), /holds NaN at element/],
]

describe('a model command refuses', () => {
  test.each(faults)('%s', (_, folder, sentence) => expectRefusal(['score', '--model', folder(), '--input', ids], sentence))

  test('the same when it generates', () => expectRefusal(['generate', '--model', faults.at(-1)![1](), '--ids', '1'], faults.at(-1)![2]))

  test('a tokenizer larger than the vocabulary', async () => {
    const folder = damaged((folder) => {
      for (const name of ['tokenizer.json', 'tokenizer_config.json']) cpSync(fromRoot(`native-models/bundled/model/${name}`), join(folder, name))
    })
    const sentence = /has token ids up to 101, but the model's vocabulary ends at 95; put the tokenizer and the weights of one model into the folder\./
    await expectRefusal(['score', '--model', folder, '--input', text], sentence)
    await expectRefusal(['generate', '--model', folder, '--prompt', '1+1?'], sentence)
  })

  test('a tokenizer that is none', () =>
    expectRefusal(['score', '--model', damaged((folder) => writeFileSync(join(folder, 'tokenizer.json'), '{"model": ')), '--input', text], /tokenizer\.json is not valid JSON/))
})
