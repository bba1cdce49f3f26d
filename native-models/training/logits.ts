/** All logits of a batch, for looking at a model whole: what proofs and other implementations are compared by. */
import { causalAttention } from '../families/attention.ts'
import { decoder, logitsOf } from '../families/decoder.ts'
import { fedParameters } from '../families/parameters.ts'
import { vocabularyBlocks } from '../families/tables.ts'
import { GraphBuilder } from '../onnx/builder.ts'
import type { Graph } from '../onnx/types.ts'
import { type ModelSpec, finish } from './graphs.ts'
import { withLora } from './lora.ts'

/** tokens [rows·length, 1] (`idType`) → logits [rows·length, vocabSize]. */
export function logitsGraph({ config, lora, blockBytes }: Pick<ModelSpec, 'config' | 'lora' | 'blockBytes'>, rows: number, length: number): Graph {
  const b = new GraphBuilder()
  const fed = fedParameters(b, vocabularyBlocks(config, blockBytes))
  const parameters = lora ? withLora(b, fed, lora) : fed
  const tokens = fed.ids('tokens', rows * length)
  const hidden = decoder(b, config, parameters, tokens, causalAttention(b, config, rows, length))
  b.output('logits', logitsOf(b, config, parameters, hidden))
  return finish(b)
}
