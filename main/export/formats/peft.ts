/** The LoRA adapter alone, for whoever has the base: PEFT's two files. */
import type { Adapter } from '../../../native-models/weights/adapter.ts'
import { readAdapter, writeAdapter } from '../../../native-models/weights/adapter.ts'
import type { ProofCheck } from '../../../preload/contract/requests/export.ts'
import type { Format } from '../format.ts'
import { compareLogits } from '../proof/logits.ts'
import { check, looking, proofOf } from '../proof/proof.ts'
import type { ExportSource } from '../source.ts'
import { compareTextFolder, copyTextFiles } from './merged.ts'

export const peft: Format<'peft'> = {
  kind: 'folder',
  title: 'PEFT adapter',
  use: 'For PEFT, vLLM and LoRAX beside the base model: a few per cent of its size.',
  variants: [{ choice: { format: 'peft' }, label: 'F32' }],
  estimate: ({ adapter }) => 4 * [...(adapter?.modules.values() ?? [])].reduce((sum, { a, b }) => sum + a.length + b.length, 0),

  refuse({ adapter, config, model }) {
    if (!adapter) return `${model.name} has no adapter: ${model.kind === 'base' ? 'it is the base itself' : 'all its weights were trained'}. Export it merged instead.`
    if (config.fused) return `PEFT sees the fused projections of ${config.architecture} (qkv_proj, gate_up_proj) as one layer each, while ${model.name} adapts their parts apart. Export it merged instead.`
    return null
  },

  async write(source, folder, _, tools) {
    tools.progress(0, 1, 'files')
    const { weights, config } = await writeAdapter(folder, named(source), source.config)
    return { files: [weights, config, ...(await copyTextFiles(source, folder))], notes: [`It adapts ${source.lineage.base.name}, whose files have the sha256 ${source.lineage.base.sha256}; over another base it means nothing.`] }
  },

  async prove(source, folder, _, tools) {
    const checks = [...(await looking('factors', () => compareFactors(source, folder))), ...(await looking('tokens', () => compareTextFolder(folder, tools)))]
    const { check: found, delta } = await compareLogits(source, { folder: source.ref.folder, adapter: folder }, 'f32', tools)
    return proofOf([...checks, found], delta)
  },
}

/** Whoever loads it finds the base by this name. */
const named = ({ adapter, lineage }: ExportSource): Adapter => ({ ...adapter!, config: { ...adapter!.config, base: lineage.base.name } })

function compareFactors({ adapter, config }: ExportSource, folder: string): ProofCheck[] {
  const written = readAdapter(folder, config)
  const [ours, theirs] = [adapter!.modules, written.modules]
  const same = ours.size === theirs.size && [...ours].every(([module, { a, b }]) => equal(a, theirs.get(module)?.a) && equal(b, theirs.get(module)?.b))
  const scaled = written.config.rank === adapter!.config.rank && written.config.alpha === adapter!.config.alpha
  return [check('factors', same && scaled, same && scaled ? `${ours.size} pairs of factors, rank ${written.config.rank} and alpha ${written.config.alpha} are the source's to the last bit.` : 'The factors read back are not those of the source.')]
}

const equal = (one: Float32Array, other: Float32Array | undefined): boolean => other !== undefined && one.length === other.length && one.every((value, i) => Object.is(value, other[i]))
