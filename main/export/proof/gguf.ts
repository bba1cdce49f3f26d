/** Opens a GGUF with our own reader, makes a Hugging Face folder of what it says, and holds that against the source. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { rowBlocks, writeCheckpoint } from '../../../native-models/weights/checkpoint.ts'
import { writeJson } from '../../../native-models/weights/files.ts'
import type { GgufPrecision, Proof, ProofCheck } from '../../../preload/contract/requests/export.ts'
import type { ExportTools } from '../format.ts'
import { settingsOf } from '../formats/gguf/architecture.ts'
import { decode, encode } from '../formats/gguf/blocks.ts'
import { type GgufFile, openGguf } from '../formats/gguf/read.ts'
import { type Planned, planTensors, readPlanned, reorder } from '../formats/gguf/tensors.ts'
import { textFilesFrom } from '../formats/gguf/to-tokenizer.ts'
import { BLOCK_ELEMENTS, type ExportSource } from '../source.ts'
import { compareLogits } from './logits.ts'
import { check, looking, proofOf } from './proof.ts'
import { compareEnds, compareTemplates, compareTokens, render } from './text.ts'

export async function proveGguf(source: ExportSource, folder: string, path: string, precision: GgufPrecision, tools: ExportTools): Promise<Proof> {
  const again = `${folder}.proof`
  try {
    const file = openGguf(path)
    try {
      const planned = planTensors(source, precision)
      const checks = [compareSettings(source, file), ...(await looking('weights', () => compareWeights(source, planned, file, tools)))]
      if (checks.some(({ passed }) => !passed)) return proofOf(checks, null)
      mkdirSync(again)
      await writeCheckpoint(again, source.configJson, tensorsFrom(source, planned, file))
      for (const [name, json] of Object.entries(textFilesFrom(file.metadata))) await writeJson(join(again, name), json)
      const text = await looking('tokens', () => compareText(again, tools))
      const { check: found, delta } = await compareLogits(source, { folder: again, adapter: null }, precision, tools)
      return proofOf([...checks, ...text, found], delta)
    } finally {
      file.close()
    }
  } finally {
    rmSync(again, { recursive: true, force: true })
  }
}

function compareSettings({ config }: ExportSource, { metadata }: GgufFile): ProofCheck {
  const wanted = [...settingsOf(config)]
  const differing = wanted.filter(([key, { type, value }]) => metadata.get(key) !== (type === 'f32' ? Math.fround(value) : value))
  return check('settings', differing.length === 0, differing.length === 0 ? `${wanted.length} settings of the architecture are the source's.` : `${differing[0]![0]} is ${String(metadata.get(differing[0]![0]))}, not ${String(differing[0]![1].value)}.`)
}

/** Every element of every tensor, as its type rounds it. */
async function compareWeights(source: ExportSource, planned: readonly Planned[], file: GgufFile, { signal, progress }: ExportTools): Promise<ProofCheck[]> {
  for (const [i, tensor] of planned.entries()) {
    progress(i + 1, planned.length, 'tensors')
    const width = tensor.shape.slice(1).reduce((product, size) => product * size, 1)
    let row = 0
    for (const block of readPlanned(source, tensor)) {
      await turn()
      signal.throwIfAborted()
      const found = file.readFloats(tensor.name, [row, (row += block.length / width)])
      const wanted = decode(tensor.type, encode(tensor.type, block))
      if (wanted.some((value, at) => !Object.is(value, found[at]))) return [check('weights', false, `${tensor.name} is not the source's, rounded to ${tensor.type}.`)]
    }
  }
  const extra = file.tensors.size - planned.length
  return [check('weights', extra === 0, extra === 0 ? `${planned.length} tensors are the source's, rounded to their types.` : `There are ${extra} tensors too many.`)]
}

/** Hugging Face's tensors out of llama.cpp's: apart, in their order of rows, without what was added. */
function tensorsFrom({ config, tensors }: ExportSource, planned: readonly Planned[], file: GgufFile) {
  return tensors.map(({ name, shape }) => {
    const plan = planned.find(({ parts }) => parts.some((part) => part.name === name))!
    const place = plan.parts.findIndex((part) => part.name === name)
    const firstRow = plan.parts.slice(0, place).reduce((sum, { rows }) => sum + rows, 0)
    return {
      name, shape, dtype: 'F32' as const,
      *data(): Generator<Float32Array> {
        const width = shape.slice(1).reduce((product, size) => product * size, 1)
        for (const [from, to] of rowBlocks(shape, plan.neighbours ? Infinity : BLOCK_ELEMENTS)) {
          const values = file.readFloats(plan.name, [firstRow + from, firstRow + to])
          if (plan.offset !== 0) for (let i = 0; i < values.length; i++) values[i]! -= plan.offset
          yield plan.neighbours ? reorder(values, width, config.headDim, 'to halves') : values
        }
      },
    }
  })
}

async function compareText(folder: string, { text, openText }: ExportTools): Promise<ProofCheck[]> {
  const written = await openText(folder)
  try {
    const { bosId, eosIds } = text.info
    const theirs = written.info.eosIds // GGUF has places for three
    const ends = theirs.length === Math.min(3, eosIds.length) && theirs.every((id) => eosIds.includes(id)) ? theirs : eosIds
    return [await compareTokens(text, written, [false]), compareEnds({ bosId, eosIds: ends }, written.info), compareTemplates(await render(text), await render(written))]
  } finally {
    await written.close()
  }
}
