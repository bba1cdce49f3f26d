/** What lies beside an exported model, and what is refused. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { generationFor } from '../../main/export/formats/generation.ts'
import { configFor, genaiFor, tokenizerConfigFor } from '../../main/export/formats/onnx-configs.ts'
import { onnx, writeModel } from '../../main/export/formats/onnx.ts'
import { estimatedBytes, weightsOf } from '../../main/export/formats/onnx-weights.ts'
import { type ExportSource, openSource } from '../../main/export/source.ts'
import { openText } from '../../main/text/model.ts'
import { onnxDecoder } from '../../native-models/interchange/onnx-decoder.ts'
import type { JsonObject } from '../../native-models/weights/files.ts'
import { bundledModel, scratch } from '../engine/fixture.ts'
import { goldenPath } from '../golden/fixtures.ts'

const sourceOf = (folder: string): ExportSource => openSource({ ref: { folder, adapter: null }, run: { basePath: folder } } as Parameters<typeof openSource>[0])
const readJson = (path: string): JsonObject => JSON.parse(readFileSync(path, 'utf8')) as JsonObject
const writeJson = (path: string, value: unknown): void => writeFileSync(path, JSON.stringify(value))

/** The bundled model's folder, changed. */
function variant(name: string, change: (folder: string) => void): ExportSource {
  const folder = join(scratch, name)
  cpSync(bundledModel, folder, { recursive: true })
  change(folder)
  return sourceOf(folder)
}

test('a tokenizer_config.json that says all is copied; one that does not gets the template and the special tokens', () => {
  expect(tokenizerConfigFor(sourceOf(bundledModel))).toBeNull()

  const whole = readJson(join(bundledModel, 'tokenizer_config.json'))
  const source = variant('apart', (folder) => {
    const { chat_template, bos_token, eos_token, ...rest } = whole
    writeJson(join(folder, 'tokenizer_config.json'), rest)
    writeJson(join(folder, 'special_tokens_map.json'), { bos_token, eos_token: { content: eos_token, lstrip: false } })
    writeFileSync(join(folder, 'chat_template.jinja'), chat_template as string)
  })
  expect(tokenizerConfigFor(source)).toEqual(whole)
})

test('generation_config.json ends at every id that ends a response here, and keeps what else it says', () => {
  const source = variant('silent', (folder) => {
    rmSync(join(folder, 'generation_config.json'))
    const { eos_token_id: _, ...config } = readJson(join(folder, 'config.json'))
    writeJson(join(folder, 'config.json'), config)
  })
  expect(generationFor(source, openText(source.textFolder))).toEqual({ bos_token_id: 1, eos_token_id: 4 })
  expect(generationFor(sourceOf(bundledModel), openText(bundledModel))).toEqual({ bos_token_id: 1, eos_token_id: 4, pad_token_id: 0, max_new_tokens: 24 })
})

test('config.json tells transformers.js of weights beside the model, genai_config.json which model to open', () => {
  const source = sourceOf(bundledModel)
  expect(configFor(source, ['fp32', 'q4'], new Map([['fp32', 2], ['q4', 0]] as const))).toEqual({ ...readJson(join(bundledModel, 'config.json')), 'transformers.js_config': { dtype: 'fp32', use_external_data_format: { 'model.onnx': 2 } } })
  const { model, search } = genaiFor(source, 'q4', { temperature: 0.6, do_sample: true }, openText(bundledModel)) as { model: JsonObject; search: JsonObject }
  expect(model).toMatchObject({ type: 'llama', context_length: 128, vocab_size: 102, bos_token_id: 1, eos_token_id: 4, pad_token_id: 0, decoder: { filename: 'onnx/model_q4.onnx', num_key_value_heads: 2, head_size: 32 } })
  expect(search).toMatchObject({ do_sample: true, temperature: 0.6, past_present_share_buffer: false, max_length: 128 })
})

test('a weight that no half can hold is refused by name, not made infinite', async () => {
  const source = sourceOf(goldenPath('families/qwen2-tied'))
  const heavy: ExportSource = { ...source, readRows: (name, from, to) => {
    const rows = source.readRows(name, from, to)
    if (name === 'model.layers.1.mlp.up_proj.weight') rows[3] = -70_000
    return rows
  } }
  mkdirSync(join(scratch, 'heavy/onnx'), { recursive: true })
  const signal = new AbortController().signal
  await expect(writeModel(heavy, join(scratch, 'heavy'), 'fp16', Infinity, signal, () => {})).rejects.toThrow(/model\.layers\.1\.mlp\.up_proj\.weight holds a weight beyond 65504/)
  await writeModel(heavy, join(scratch, 'heavy'), 'fp32', Infinity, signal, () => {})
})

test('a stop is heard between two weights, and leaves no file', async () => {
  const controller = new AbortController()
  let reported = 0
  const stop = (): void => {
    if (++reported === 3) controller.abort(new Error('stopped'))
  }
  mkdirSync(join(scratch, 'stopped/onnx'), { recursive: true })
  await expect(writeModel(sourceOf(bundledModel), join(scratch, 'stopped'), 'fp32', Infinity, controller.signal, stop)).rejects.toThrow('stopped')
  expect(reported).toBe(3)
  expect(() => readFileSync(join(scratch, 'stopped/onnx/model.onnx'))).toThrow(/ENOENT/)
})

test.each(['fp32', 'fp16', 'q4'] as const)('the estimate of %s is the size of its weights', (precision) => {
  for (const folder of [bundledModel, goldenPath('families/qwen2-yarn'), goldenPath('llama/mha-untied')]) {
    const source = sourceOf(folder)
    const exact = weightsOf(source, onnxDecoder(source.config, precision).weights).reduce((sum, { bytes }) => sum + bytes, 0)
    expect(Math.abs(estimatedBytes(source, precision) / exact - 1)).toBeLessThan(0.02)
    expect(onnx.estimate(source, { format: 'onnx', precisions: [precision, precision] })).toBe(2 * estimatedBytes(source, precision))
  }
})
