/** The proof of an ONNX export: what it finds of a sound copy, and of one that was damaged. */
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { EngineHost } from '../../main/engine/host.ts'
import type { ExportTools } from '../../main/export/format.ts'
import { onnx } from '../../main/export/formats/onnx.ts'
import { type ExportSource, openSource } from '../../main/export/source.ts'
import { startSandbox } from '../../main/sandbox/host.ts'
import type { ExportChoice, Proof } from '../../preload/contract/requests/export.ts'
import { bundledModel, place, scratch, startEngine } from '../engine/fixture.ts'

const choice: Extract<ExportChoice, { format: 'onnx' }> = { format: 'onnx', precisions: ['fp32', 'fp16', 'q4'] }
const sandbox = startSandbox()
afterAll(() => sandbox.close())
const engine = startEngine()
const sound = join(scratch, 'sound')
let source: ExportSource
let tools: ExportTools

beforeAll(async () => {
  source = openSource({ ref: { folder: bundledModel, adapter: null }, run: { basePath: bundledModel } } as Parameters<typeof openSource>[0])
  tools = { engine, place: place(), text: await sandbox.openText(bundledModel), openText: (folder) => sandbox.openText(folder), signal: new AbortController().signal, progress: () => {} }
  mkdirSync(sound)
  await onnx.write(source, sound, choice, tools)
}, 120_000)

const failedOf = ({ checks }: Proof): string[] => checks.filter(({ passed }) => !passed).map(({ name }) => name)

/** A copy whose file is changed, as its proof finds it. */
async function proofAfter(name: string, file: string, change: (bytes: Buffer) => Buffer): Promise<Proof> {
  const folder = join(scratch, name)
  cpSync(sound, folder, { recursive: true })
  writeFileSync(join(folder, file), change(readFileSync(join(folder, file))))
  return onnx.prove(source, folder, choice, tools)
}

/** Bytes in the midst of the file, where weights lie. */
const damaged = (bytes: Buffer, count: number, value: (byte: number) => number): Buffer => {
  for (let at = bytes.length >> 1; count > 0; at++, count--) bytes[at] = value(bytes[at]!)
  return bytes
}

test('of a sound copy everything passes, and nothing is left behind', async () => {
  const proof = await onnx.prove(source, sound, choice, tools)
  expect(failedOf(proof)).toEqual([])
  expect(proof).toMatchObject({ passed: true, checks: ['tokens', 'BOS and EOS', 'chat template', 'logits, fp32', 'logits, fp16', 'logits, q4', 'logits, q4 as its codes say', 'genai_config.json'].map((name) => ({ name })) })
  expect(proof.maxLogitDelta).toBeLessThanOrEqual(1e-4)
  expect(readdirSync(sound).sort()).toEqual(['config.json', 'genai_config.json', 'generation_config.json', 'onnx', 'tokenizer.json', 'tokenizer_config.json'])
}, 120_000)

test('what it writes for a while is what room was asked for', async () => {
  const folder = join(sound, 'codes')
  let most = 0
  const call = vi.spyOn(engine, 'call')
  call.mockImplementation(async (...args) => {
    if (existsSync(folder)) most = Math.max(most, readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0))
    return EngineHost.prototype.call.apply(engine, args) as never
  })
  expect((await onnx.prove(source, sound, choice, tools)).passed).toBe(true)
  call.mockRestore()
  expect(most / onnx.scratch!(source, choice)).toBeCloseTo(1, 2)
  expect(onnx.scratch!(source, { format: 'onnx', precisions: ['fp32', 'fp16'] })).toBe(0)
}, 120_000)

test('a few wrong codes are found, though four bits may move a logit far', async () => {
  expect(failedOf(await proofAfter('codes', 'onnx/model_q4.onnx', (bytes) => damaged(bytes, 32, (byte) => byte ^ 0x11)))).toEqual(['logits, q4 as its codes say'])
}, 120_000)

test('a wrong weight, a file that is cut, and one that is no model are findings', async () => {
  expect(failedOf(await proofAfter('weight', 'onnx/model.onnx', (bytes) => damaged(bytes, 400, () => 0x3c)))).toEqual(['logits, fp32'])
  expect(failedOf(await proofAfter('cut', 'onnx/model_fp16.onnx', (bytes) => bytes.subarray(0, bytes.length - 1)))).toEqual(['logits, fp16'])
  expect(failedOf(await proofAfter('none', 'onnx/model_q4.onnx', () => Buffer.from('not a model')))).toEqual(['logits, q4'])
}, 240_000)

test('another end, another template and a model that is gone are findings', async () => {
  expect(failedOf(await proofAfter('end', 'generation_config.json', () => Buffer.from('{"eos_token_id": 3}')))).toEqual(['BOS and EOS'])
  expect(failedOf(await proofAfter('template', 'tokenizer_config.json', (bytes) => Buffer.from(bytes.toString().replace('<|assistant|>', '<|user|>'))))).toEqual(['chat template'])
  const folder = join(scratch, 'gone')
  cpSync(sound, folder, { recursive: true })
  rmSync(join(folder, 'onnx/model.onnx'))
  expect(failedOf(await onnx.prove(source, folder, choice, tools))).toEqual(['logits, fp32', 'genai_config.json'])
}, 240_000)
