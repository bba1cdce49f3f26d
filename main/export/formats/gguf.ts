/** One GGUF file with its tokenizer and template, and an Ollama Modelfile beside it. */
import { join } from 'node:path'
import type { ModelConfig } from '../../../native-models/weights/config.ts'
import { writeWhole } from '../../../native-models/weights/files.ts'
import type { GgufPrecision } from '../../../preload/contract/requests/export.ts'
import { type TextFiles, readTextFiles } from '../../text/folder.ts'
import type { ExportTools, Format } from '../format.ts'
import { proveGguf } from '../proof/gguf.ts'
import { type ExportSource, titleOf } from '../source.ts'
import { architectureName, contextOf, differenceOf, settingsOf } from './gguf/architecture.ts'
import { encode } from './gguf/blocks.ts'
import { findTurns, modelfile } from './gguf/modelfile.ts'
import { planTensors, readPlanned } from './gguf/tensors.ts'
import { type GgufTokenizer, tokenizerOf } from './gguf/tokenizer.ts'
import { type Metadata, type TensorInfo, type Value, aligned, buildHead, bytesOf } from './gguf/wire.ts'
import { parametersOf } from './merged.ts'

const MODELFILE = 'Modelfile'
/** llama.cpp's numbers for "mostly" this type. */
const fileTypes: Readonly<Record<GgufPrecision, number>> = { f32: 0, f16: 1, q8_0: 7 }

export const gguf: Format<'gguf'> = {
  kind: 'folder',
  title: 'GGUF',
  use: 'For llama.cpp, Ollama and LM Studio: one file with tokenizer and template, and a Modelfile.',
  variants: [
    { choice: { format: 'gguf', precision: 'f16' }, label: 'F16 · half the size' },
    { choice: { format: 'gguf', precision: 'q8_0' }, label: 'Q8_0 · a quarter' },
    { choice: { format: 'gguf', precision: 'f32' }, label: 'F32 · exact' },
  ],
  estimate: (source, { precision }) => planTensors(source, precision).reduce((sum, tensor) => sum + aligned(bytesOf(tensor)), 2 ** 20),
  scratch: (source) => 4 * parametersOf(source),

  refuse({ config }) {
    const difference = differenceOf(config)
    return difference === null ? null : `llama.cpp would compute this ${config.architecture} otherwise (${difference}). Export it as a Hugging Face folder or as ONNX instead.`
  },

  async write(source, folder, { precision }, tools) {
    const tensors = planTensors(source, precision)
    const text = readTextFiles(source.textFolder)
    const { metadata, notes } = await describeText(text, source.config, tools)
    const name = ggufFile(source, precision)
    const head = buildHead(new Map([...general(source, precision), ...settingsOf(source.config), ...metadata]), tensors)
    const file = await writeWhole(join(folder, name), dataOf(head, source, tensors, tools))
    const guide = await writeWhole(join(folder, MODELFILE), [new TextEncoder().encode(await guideTo(name, text, source, tools))])
    return { files: [file, guide], notes: [...notes, ...notesOf(source, tensors, precision)] }
  },

  prove: (source, folder, { precision }, tools) => proveGguf(source, folder, join(folder, ggufFile(source, precision)), precision, tools),
}

export const ggufFile = (source: ExportSource, precision: GgufPrecision): string => `${titleOf(source)}-${precision.toUpperCase()}.gguf`

function general(source: ExportSource, precision: GgufPrecision): Metadata {
  const { config, lineage } = source
  const text = (value: string): Value => ({ type: 'string', value })
  const number = (value: number): Value => ({ type: 'u32', value })
  return new Map<string, Value>([
    ['general.architecture', text(architectureName(config))], ['general.type', text('model')], ['general.name', text(titleOf(source))], ['general.basename', text(lineage.base.name)],
    ['general.file_type', number(fileTypes[precision])], ...(precision === 'q8_0' ? ([['general.quantization_version', number(2)]] as const) : []),
    ['general.alignment', number(32)], ['creamery.base.sha256', text(lineage.base.sha256)], ['creamery.model.sha256', text(source.model.sha256)],
  ])
}

/** The text side, with what the sandbox finds of it. */
async function describeText(files: TextFiles, { vocabSize }: Pick<ModelConfig, 'vocabSize'>, { text }: Pick<ExportTools, 'text'>): Promise<GgufTokenizer> {
  return tokenizerOf(files, { vocabSize, bosId: text.info.bosId, eosIds: text.info.eosIds, addsBos: await addsBos(files, text) })
}

/** Whether a raw text is given a BOS: tokenizer_config's word, else what the post-processor does. */
async function addsBos({ tokenizerConfig }: TextFiles, { info, encode: tokenise }: ExportTools['text']): Promise<boolean> {
  if (info.bosId === null) return false
  if (typeof tokenizerConfig['add_bos_token'] === 'boolean') return tokenizerConfig['add_bos_token']
  return (await tokenise(['a'], { special: true }))[0]![0] === info.bosId
}

function* dataOf(head: Uint8Array, source: ExportSource, tensors: ReturnType<typeof planTensors>, { signal, progress }: ExportTools): Generator<Uint8Array> {
  yield head
  for (const [i, tensor] of tensors.entries()) {
    signal.throwIfAborted()
    progress(i + 1, tensors.length, 'tensors')
    for (const values of readPlanned(source, tensor)) yield encode(tensor.type, values)
    yield new Uint8Array(aligned(bytesOf(tensor)) - bytesOf(tensor))
  }
}

async function guideTo(name: string, files: TextFiles, source: ExportSource, { text }: ExportTools): Promise<string> {
  const turns = text.info.hasTemplate ? await findTurns(async (messages, addGenerationPrompt) => text.render([...messages], { addGenerationPrompt }).catch(() => null), files.specials.bos_token) : null
  const stops = (await text.decode(text.info.eosIds.map((id) => [id]), { skipSpecial: false })).filter((stop) => stop !== '')
  return modelfile(name, { turns, hasTemplate: text.info.hasTemplate, stops, context: contextOf(source.config), bos: (await addsBos(files, text)) ? files.specials.bos_token : null })
}

function notesOf({ config }: ExportSource, tensors: readonly TensorInfo[], precision: GgufPrecision): string[] {
  const halves = precision === 'q8_0' ? tensors.filter(({ type }) => type === 'F16') : []
  const context = contextOf(config)
  return [
    ...(halves.length > 0 ? [`${halves.length} tensors stay F16, since their rows do not divide by 32: ${halves.slice(0, 3).map(({ name }) => name).join(', ')}${halves.length > 3 ? ' …' : ''}.`] : []),
    ...(precision === 'q8_0' ? ['llama.cpp also rounds activations to 8 bits where it multiplies by Q8_0 weights, so its logits differ a little more than the proof below says of the weights.'] : []),
    ...(context < config.maxPositions ? [`The context is set to ${context} tokens, the model's window: llama.cpp has no windows for this architecture, and beyond it would compute something else.`] : []),
  ]
}
