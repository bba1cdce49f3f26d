/** Exported ONNX models, opened by our own sessions and run as their users run them, against the source. */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { dequantiseFourBit, quantiseFourBit } from '../../../native-models/interchange/four-bit.ts'
import { rowBlocks, writeCheckpoint } from '../../../native-models/weights/checkpoint.ts'
import { readJson } from '../../../native-models/weights/files.ts'
import { linearModules } from '../../../native-models/weights/tensors.ts'
import type { OnnxPrecision, Proof, ProofCheck } from '../../../preload/contract/requests/export.ts'
import type { ExportTools } from '../format.ts'
import { judgeLogits, logitsOf } from '../proof/logits.ts'
import { type Delta, check, looking, proofOf } from '../proof/proof.ts'
import { sequencesFor } from '../proof/prompts.ts'
import { BLOCK_ELEMENTS, type ExportSource } from '../source.ts'
import { compareTextFolder } from './merged.ts'
import { GENAI_FILE, modelFile } from './onnx-configs.ts'

/** Of a proof's sequences, so many last tokens are read one by one from the cache. */
const STEPS = 12

/**
 * How much a precision may move a logit, as a share of the source's largest one (see proof/logits.ts). fp32 is another order
 * of adding up and fp16 rounds products to halves; both add up over layers. Seen: 1e-6 and 7e-4 on trained models of 4 and
 * 5 layers, 1.4e-5 and 1.3e-2 on a random one of 30. Four bits moved 0.1 to 0.36 on trained models, more than all on random
 * ones; so what holds q4 is `asItsCodesSay`.
 */
export function onnxBound(precision: OnnxPrecision, layers: number): number {
  const depth = Math.max(1, layers / 8)
  return { fp32: 1e-5 * depth, fp16: 6e-3 * depth, q4: 1.5 }[precision]
}

export async function proveOnnx(source: ExportSource, target: string, precisions: readonly OnnxPrecision[], tools: ExportTools): Promise<Proof> {
  const { vocabSize, layers } = source.config
  const checks = await looking('tokens', () => compareTextFolder(target, tools))
  const sequences = await sequencesFor(source, tools.text)
  const ours = await logitsOf(source.ref, sequences, tools)
  let delta: Delta | null = null
  for (const [i, precision] of precisions.entries()) {
    checks.push(...(await looking(`logits, ${precision}`, async () => {
      const theirs = await exportedLogits(join(target, 'onnx', modelFile(precision)), sequences, tools)
      const judged = judgeLogits(ours, theirs, vocabSize, onnxBound(precision, layers))
      delta ??= judged.delta
      const found = { ...judged.check, name: `logits, ${precision}` }
      return precision === 'q4' ? [found, await asItsCodesSay(source, target, sequences, theirs, tools)] : [found]
    })))
    tools.progress(i + 1, precisions.length, 'models')
  }
  checks.push(...(await looking(GENAI_FILE, () => [checkGenai(target)])))
  return proofOf(checks, delta)
}

/** The whole sequences as their users would read them: in one padded batch, the last tokens from the cache. */
async function exportedLogits(path: string, sequences: readonly Int32Array[], { engine, place, signal }: ExportTools): Promise<readonly Float32Array[]> {
  await engine.restart()
  return (await engine.call('onnxLogits', { ...place, device: 'cpu', path, sequences, steps: STEPS }, { signal })).logits
}

/** The source with every linear layer as its 4-bit codes say, written for a moment and run by the engine, must be what the exported model is. */
async function asItsCodesSay(source: ExportSource, target: string, sequences: readonly Int32Array[], theirs: readonly Float32Array[], tools: ExportTools): Promise<ProofCheck> {
  const folder = join(target, 'codes')
  const linears = linearModules(source.config)
  try {
    await writeCheckpoint(folder, source.configJson, source.tensors.map(({ name, shape }) => ({
      name, shape, dtype: 'F32' as const,
      *data(): Generator<Float32Array> {
        const isCoded = shape.length === 2 && linears.has(name.replace(/\.weight$/, ''))
        for (const [from, to] of rowBlocks(shape, BLOCK_ELEMENTS)) {
          tools.signal.throwIfAborted()
          const values = source.readRows(name, from, to)
          yield isCoded ? dequantiseFourBit(quantiseFourBit(values, shape[1]!), shape[1]!) : values
        }
      },
    })))
    const coded = await logitsOf({ folder, adapter: null }, sequences, tools)
    const { check: found } = judgeLogits(coded, theirs, source.config.vocabSize, onnxBound('fp32', source.config.layers))
    return { ...found, name: 'logits, q4 as its codes say' }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function checkGenai(target: string): ProofCheck {
  const { model } = readJson(join(target, GENAI_FILE)) as { model: { decoder: { filename: string } } }
  const { filename } = model.decoder
  const isThere = existsSync(join(target, filename))
  return check(GENAI_FILE, isThere, isThere ? `It names ${filename}, which is there.` : `It names ${filename}, which is not there.`)
}
