/** The LoRA adapter alone, for whoever has the base: PEFT's two files. */
import { join } from 'node:path'
import type { Adapter } from '../../../native-models/weights/adapter.ts'
import { readAdapter, writeFusedAdapter } from '../../../native-models/weights/adapter.ts'
import { writeJson } from '../../../native-models/weights/files.ts'
import { fuseAdapter, storedLayers, widthOf } from '../../../native-models/weights/fuse-adapter.ts'
import { partOf } from '../../../native-models/weights/fused.ts'
import { GENERATION_FILE } from '../../../native-models/weights/layout.ts'
import type { ProofCheck } from '../../../preload/contract/requests/export.ts'
import type { Format } from '../format.ts'
import { compareLogits } from '../proof/logits.ts'
import { check, looking, proofOf } from '../proof/proof.ts'
import type { ExportSource } from '../source.ts'
import { generationFor } from './generation.ts'
import { compareTextFolder, copyTextFiles } from './merged.ts'

export const peft: Format<'peft'> = {
  kind: 'folder',
  title: 'PEFT adapter',
  use: 'For PEFT, vLLM and LoRAX beside the base model: a few per cent of its size.',
  variants: [{ choice: { format: 'peft' }, label: 'F32' }],

  estimate({ adapter, config }) {
    const layers = storedLayers(config, (module) => adapter?.modules.has(module) ?? false)
    const rank = (adapter?.config.rank ?? 0) * widthOf(layers)
    return 4 * [...layers.values()].reduce((sum, { inputs, out }) => sum + rank * (inputs + out), 0)
  },

  refuse: ({ adapter, model }) => (adapter ? null : `${model.name} has no adapter: ${model.kind === 'base' ? 'it is the base itself' : 'all its weights were trained'}. Export it merged instead.`),

  async write(source, folder, _, tools) {
    tools.progress(0, 1, 'files')
    const { weights, config } = await writeFusedAdapter(folder, named(source), source.config)
    // The base's config.json, which may be all that says where a response ends, does not come along.
    const generation = await writeJson(join(folder, GENERATION_FILE), generationFor(source, tools.text.info))
    const texts = await copyTextFiles(source, folder, [GENERATION_FILE])
    return { files: [weights, config, generation, ...texts], notes: [`It adapts ${source.lineage.base.name}, whose files have the sha256 ${source.lineage.base.sha256}; over another base it means nothing.`, ...noteOn(source)] }
  },

  async prove(source, folder, _, tools) {
    const checks = [...(await looking('factors', () => compareFactors(source, folder))), ...(await looking('tokens', () => compareTextFolder(folder, tools)))]
    const { check: found, delta } = await compareLogits(source, { folder: source.ref.folder, adapter: folder }, 'f32', tools)
    return proofOf([...checks, found], delta)
  },
}

/** Whoever loads it finds the base by this name. */
const named = ({ adapter, lineage }: ExportSource): Adapter => ({ ...adapter!, config: { ...adapter!.config, base: lineage.base.name } })

function noteOn({ adapter, config }: ExportSource): string[] {
  if (!config.fused) return []
  const { rank, alpha } = adapter!.config
  const width = widthOf(storedLayers(config, (module) => adapter!.modules.has(module)))
  return [`${config.architecture} keeps q, k and v, and gate and up, as one layer each, where training had a LoRA of rank ${rank} for every part: here their factors stand on the diagonal of one of rank ${rank * width}, with alpha ${alpha * width}, which computes the same.`]
}

/** Of a fused projection, each part's rows; what is not adapted adds nothing. */
function compareFactors({ adapter, config }: ExportSource, folder: string): ProofCheck[] {
  const written = readAdapter(folder, config)
  const { config: { rank, alpha }, modules } = fuseAdapter(config, adapter!)
  const same = [...written.modules].every(([module, { a, b }]) => {
    if (!adapter!.modules.has(module)) return b.every((value) => value === 0)
    const part = partOf(config, `${module}.weight`)
    const wanted = modules.get(part?.fused.replace(/\.weight$/, '') ?? module)!
    return equal(wanted.a, a) && equal(part ? wanted.b.subarray(part.firstRow * rank, (part.firstRow + part.rows) * rank) : wanted.b, b)
  }) && [...adapter!.modules.keys()].every((module) => written.modules.has(module))
  const scaled = written.config.rank === rank && written.config.alpha === alpha
  return [check('factors', same && scaled, same && scaled ? `${adapter!.modules.size} pairs of factors, rank ${rank} and alpha ${alpha} are the source's to the last bit.` : 'The factors read back are not those of the source.')]
}

const equal = (one: Float32Array, other: Float32Array | undefined): boolean => other !== undefined && one.length === other.length && one.every((value, i) => Object.is(value, other[i]))
