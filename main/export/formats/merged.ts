/** A Hugging Face folder: base and adapter as one set of weights, for whatever loads transformers' models. */
import { statSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { closeCheckpoint, openCheckpoint, readWeights, rowBlocks, writeCheckpoint } from '../../../native-models/weights/checkpoint.ts'
import { type FloatDtype, decodeFloats, encodeFloats } from '../../../native-models/weights/dtype.ts'
import type { JsonObject, WrittenFile } from '../../../native-models/weights/files.ts'
import { hashFile } from '../../../native-models/weights/hash.ts'
import type { MergedDtype, ProofCheck } from '../../../preload/contract/requests/export.ts'
import type { ExportTools, Format } from '../format.ts'
import { compareLogits } from '../proof/logits.ts'
import { check, looking, proofOf } from '../proof/proof.ts'
import { compareTexts } from '../proof/text.ts'
import { BLOCK_ELEMENTS, type ExportSource, nameOfFile, textFilesOf } from '../source.ts'

const stored: Readonly<Record<MergedDtype, { readonly dtype: FloatDtype; readonly named: string; readonly bytes: number }>> = {
  f32: { dtype: 'F32', named: 'float32', bytes: 4 },
  f16: { dtype: 'F16', named: 'float16', bytes: 2 },
  bf16: { dtype: 'BF16', named: 'bfloat16', bytes: 2 },
}

export const merged: Format<'merged'> = {
  kind: 'folder',
  title: 'Hugging Face folder',
  use: 'For transformers, vLLM, TGI and everything that trains on: the adapter merged into the weights.',
  variants: [
    { choice: { format: 'merged', dtype: 'f32' }, label: 'F32 · exact' },
    { choice: { format: 'merged', dtype: 'bf16' }, label: 'BF16 · half the size' },
    { choice: { format: 'merged', dtype: 'f16' }, label: 'F16 · half the size' },
  ],
  estimate: (source, { dtype }) => parametersOf(source) * stored[dtype].bytes,
  refuse: () => null,

  async write(source, folder, { dtype }, tools) {
    const as = stored[dtype].dtype
    const { tensors } = source
    let done = 0
    const weights = await writeCheckpoint(folder, configFor(source.configJson, stored[dtype].named), tensors.map(({ name, shape }) => ({
      name, shape, dtype: as,
      *data() {
        for (const [from, to] of rowBlocks(shape, BLOCK_ELEMENTS)) {
          tools.signal.throwIfAborted()
          yield encodeFloats(as, source.readRows(name, from, to))
        }
        tools.progress(++done, tensors.length, 'tensors')
      },
    })))
    return { files: [...weights, ...(await copyTextFiles(source, folder))], notes: [] }
  },

  async prove(source, folder, { dtype }, tools) {
    const checks = [
      ...(await looking('weights', () => compareWeights(source, folder, stored[dtype].dtype, tools))),
      ...(await looking('tokens', () => compareTextFolder(folder, tools))),
    ]
    const { check: found, delta } = await compareLogits(source, { folder, adapter: null }, dtype, tools)
    return proofOf([...checks, found], delta)
  },
}

export const parametersOf = ({ tensors }: Pick<ExportSource, 'tensors'>): number => tensors.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)

/** The config as it is, with the new number format in whichever spelling it had. */
function configFor(configJson: JsonObject, named: string): JsonObject {
  return { ...configJson, [configJson['dtype'] !== undefined && configJson['torch_dtype'] === undefined ? 'dtype' : 'torch_dtype']: named }
}

/** Tokenizer, template and generation_config, byte for byte; not those that are written anew. */
export async function copyTextFiles(source: ExportSource, folder: string, anew: readonly string[] = []): Promise<WrittenFile[]> {
  const files: WrittenFile[] = []
  for (const from of textFilesOf(source).filter((path) => !anew.includes(nameOfFile(path)))) {
    const path = join(folder, nameOfFile(from))
    await copyFile(from, path)
    files.push({ path, bytes: statSync(path).size, sha256: await hashFile(path) })
  }
  return files
}

export async function compareTextFolder(folder: string, { text, openText }: ExportTools): Promise<ProofCheck[]> {
  const written = await openText(folder)
  try {
    return await compareTexts(text, written)
  } finally {
    await written.close()
  }
}

/** Every element of every tensor, as the format rounds it. */
async function compareWeights(source: ExportSource, folder: string, dtype: FloatDtype, { signal, progress }: ExportTools): Promise<ProofCheck[]> {
  const checkpoint = openCheckpoint(folder)
  try {
    const { tensors } = source
    for (const [i, { name, shape }] of tensors.entries()) {
      progress(i + 1, tensors.length, 'tensors')
      for (const [from, to] of rowBlocks(shape, BLOCK_ELEMENTS)) {
        await turn()
        signal.throwIfAborted()
        const wanted = decodeFloats(dtype, encodeFloats(dtype, source.readRows(name, from, to)))
        if (Buffer.compare(bytesOf(readWeights(checkpoint, name, [from, to])), bytesOf(wanted)) !== 0) return [check('weights', false, `${name} is not the source's to the last bit of ${dtype}.`)]
      }
    }
    return [check('weights', true, `${tensors.length} tensors with ${parametersOf(source)} numbers are the source's to the last bit of ${dtype}.`)]
  } finally {
    closeCheckpoint(checkpoint)
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer => Buffer.from(buffer, byteOffset, byteLength)
