/** ONNX models for transformers.js, one for each precision asked for, and onnxruntime-genai's config beside them. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { onnxDecoder } from '../../../native-models/interchange/onnx-decoder.ts'
import { type InlineWeight, modelParts } from '../../../native-models/onnx/wire.ts'
import { type WrittenFile, readJson, writeJson, writeWhole } from '../../../native-models/weights/files.ts'
import { CONFIG_FILE, GENERATION_FILE } from '../../../native-models/weights/layout.ts'
import type { OnnxPrecision, ProofCheck } from '../../../preload/contract/requests/export.ts'
import type { ExportTools, Format } from '../format.ts'
import { judgeLogits, logitsOf } from '../proof/logits.ts'
import { type Delta, check, looking, proofOf } from '../proof/proof.ts'
import { sequencesFor } from '../proof/prompts.ts'
import { type ExportSource, nameOfFile } from '../source.ts'
import { compareTextFolder, copyTextFiles } from './merged.ts'
import { configFor, genaiFor, generationFor, modelFile, tokenizerConfigFor } from './onnx-configs.ts'
import { dataFiles, dataParts, estimatedBytes, weightsOf } from './onnx-weights.ts'

const GENAI_FILE = 'genai_config.json'
const TOKENIZER_CONFIG_FILE = 'tokenizer_config.json'

/** Weights beyond this size go into files of at most this size: a protobuf ends at 2 GiB, and so does a browser's buffer. */
const FILE_LIMIT = 1.9e9

/**
 * How much a precision may move a logit, as a share of the source's largest one (see proof/logits.ts). Seen on the bundled
 * model and stories260K: fp32 1e-6; fp16, whose products round to halves, 7e-4, and 4e-3 on random models; q4 0.1 and, on
 * the smaller one, 0.36. Where four bits move more than half of the largest logit, they hold another model.
 */
export const onnxBounds: Readonly<Record<OnnxPrecision, number>> = { fp32: 1e-5, fp16: 6e-3, q4: 0.5 }

/** Of a proof's sequences, so many last tokens are read one by one from the cache. */
const STEPS = 12

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
  refuse: () => null,

  async write(source, target, { precisions }, tools) {
    const tokenizerConfig = tokenizerConfigFor(source)
    const anew = [GENERATION_FILE, ...(tokenizerConfig ? [TOKENIZER_CONFIG_FILE] : [])]
    const files: WrittenFile[] = (await copyTextFiles(source, target)).filter(({ path }) => !anew.includes(nameOfFile(path)))
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

  async prove(source, target, { precisions }, tools) {
    const checks: ProofCheck[] = await looking('tokens', () => compareTextFolder(target, tools))
    let delta: Delta | null = null
    const sequences = await sequencesFor(source, tools.text)
    const ours = await logitsOf(source.ref, sequences, tools)
    for (const [i, precision] of precisions.entries()) {
      checks.push(...(await looking(`logits, ${precision}`, async () => {
        const judged = judgeLogits(ours, await exportedLogits(join(target, 'onnx', modelFile(precision)), sequences, tools), source.config.vocabSize, onnxBounds[precision])
        delta ??= judged.delta
        return [{ ...judged.check, name: `logits, ${precision}` }]
      })))
      tools.progress(i + 1, precisions.length, 'models')
    }
    checks.push(...(await looking(GENAI_FILE, () => [checkGenai(target)])))
    return proofOf(checks, delta)
  },
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

/** The whole sequences as their users would read them: in one padded batch, the last tokens from the cache. */
async function exportedLogits(path: string, sequences: readonly Int32Array[], { engine, place, signal }: ExportTools): Promise<readonly Float32Array[]> {
  await engine.restart()
  return (await engine.call('onnxLogits', { device: 'cpu', threads: place.threads, path, sequences, steps: STEPS }, { signal })).logits
}

function checkGenai(target: string): ProofCheck {
  const { model } = readJson(join(target, GENAI_FILE)) as { model: { decoder: { filename: string } } }
  const { filename } = model.decoder
  const isThere = existsSync(join(target, filename))
  return check(GENAI_FILE, isThere, isThere ? `It names ${filename}, which is there.` : `It names ${filename}, which is not there.`)
}
