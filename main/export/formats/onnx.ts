/** ONNX models for transformers.js, one for each precision asked for, and onnxruntime-genai's config beside them. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { onnxDecoder } from '../../../native-models/interchange/onnx-decoder.ts'
import { type InlineWeight, modelParts } from '../../../native-models/onnx/wire.ts'
import { type WrittenFile, writeJson, writeWhole } from '../../../native-models/weights/files.ts'
import { CONFIG_FILE, GENERATION_FILE } from '../../../native-models/weights/layout.ts'
import type { OnnxPrecision } from '../../../preload/contract/requests/export.ts'
import type { Format } from '../format.ts'
import type { ExportSource } from '../source.ts'
import { copyTextFiles, parametersOf } from './merged.ts'
import { generationFor } from './generation.ts'
import { GENAI_FILE, configFor, genaiFor, modelFile, tokenizerConfigFor } from './onnx-configs.ts'
import { proveOnnx } from './onnx-proof.ts'
import { dataFiles, dataParts, estimatedBytes, weightsOf } from './onnx-weights.ts'

const TOKENIZER_CONFIG_FILE = 'tokenizer_config.json'

/** Weights beyond this size go into files of at most this size: a protobuf ends at 2 GiB, and so does a browser's buffer. */
const FILE_LIMIT = 1.9e9

const notes: Readonly<Record<OnnxPrecision, string>> = {
  fp32: 'onnx/model.onnx holds all weights in fp32.',
  fp16: 'onnx/model_fp16.onnx holds linear layers, embedding and head in fp16; norms, attention, inputs, outputs and the cache are fp32.',
  q4: 'onnx/model_q4.onnx holds linear layers in 4 bits (symmetric blocks of 32 with an fp32 scale) and all else, embedding and head too, in fp32; it needs no half-precision device.',
}

export const onnx: Format<'onnx'> = {
  kind: 'folder',
  title: 'ONNX',
  use: 'For transformers.js in browsers and Node, and for onnxruntime-genai.',
  variants: [
    { choice: { format: 'onnx', precisions: ['fp32'] }, label: 'fp32' },
    { choice: { format: 'onnx', precisions: ['fp16'] }, label: 'fp16' },
    { choice: { format: 'onnx', precisions: ['q4'] }, label: 'q4' },
    { choice: { format: 'onnx', precisions: ['fp32', 'fp16', 'q4'] }, label: 'fp32, fp16 and q4' },
  ],
  estimate: (source, { precisions }) => precisions.reduce((sum, precision) => sum + estimatedBytes(source, precision), 0),
  scratch: (source, { precisions }) => (precisions.includes('q4') ? 4 * parametersOf(source) : 0),
  refuse: () => null,

  async write(source, target, { precisions }, tools) {
    const tokenizerConfig = tokenizerConfigFor(source)
    const anew = [GENERATION_FILE, ...(tokenizerConfig ? [TOKENIZER_CONFIG_FILE] : [])]
    const files: WrittenFile[] = await copyTextFiles(source, target, anew)
    if (tokenizerConfig) files.push(await writeJson(join(target, TOKENIZER_CONFIG_FILE), tokenizerConfig))
    mkdirSync(join(target, 'onnx'), { recursive: true })
    const total = onnx.estimate(source, { format: 'onnx', precisions })
    let done = 0
    const report = (bytes: number): void => tools.progress((done += bytes), total, 'bytes')
    const beside = new Map<OnnxPrecision, number>()
    for (const precision of precisions) {
      const made = await writeModel(source, target, precision, FILE_LIMIT, tools.signal, report)
      beside.set(precision, made.length - 1)
      files.push(...made)
    }
    const generation = generationFor(source, tools.text.info)
    files.push(await writeJson(join(target, GENERATION_FILE), generation))
    files.push(await writeJson(join(target, GENAI_FILE), genaiFor(source, precisions[0]!, generation, tools.text.info)))
    files.push(await writeJson(join(target, CONFIG_FILE), configFor(source, precisions, beside)))
    return { files, notes: [...precisions.map((precision) => notes[precision]), ...(tokenizerConfig ? [`${TOKENIZER_CONFIG_FILE} holds the chat template and the special tokens, which transformers.js reads from no other file.`] : [])] }
  },

  prove: (source, target, { precisions }, tools) => proveOnnx(source, target, precisions, tools),
}

/**
 * One model file; where its weights take more than `limit` bytes, they lie in files beside it.
 * @returns the model, then its files of weights
 */
export async function writeModel(source: ExportSource, target: string, precision: OnnxPrecision, limit: number, signal: AbortSignal, report: (bytes: number) => void): Promise<WrittenFile[]> {
  const { graph, weights: forms } = onnxDecoder(source.config, precision)
  const weights = weightsOf(source, forms).map((weight): InlineWeight => ({
    ...weight,
    *pieces() {
      for (const piece of weight.pieces()) {
        signal.throwIfAborted()
        yield piece
        report(piece.length)
      }
    },
  }))
  const path = (name: string): string => join(target, 'onnx', name)
  const name = modelFile(precision)
  if (weights.reduce((sum, { bytes }) => sum + bytes, 0) <= limit) return [await writeWhole(path(name), modelParts(graph, weights))]
  const { files, external } = dataFiles(name, weights, limit)
  const written = [await writeWhole(path(name), modelParts(graph, [], external))]
  for (const file of files) written.push(await writeWhole(path(file.name), dataParts(file)))
  return written
}
