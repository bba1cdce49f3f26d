/** All logits of a batch, for looking at a model whole: what proofs and other implementations are compared by. */
import { causalAttention } from '../families/attention.ts'
import { decoder, logitsOf } from '../families/decoder.ts'
import { GraphBuilder } from '../onnx/builder.ts'
import type { Graph } from '../onnx/types.ts'
import { finish } from './graphs.ts'
import { type WeightsSpec, adaptedParameters } from './lora.ts'

/** tokens [rows·length, 1] (`idType`) → logits [rows·length, vocabSize]. */
export function logitsGraph(model: WeightsSpec, rows: number, length: number): Graph {
  const b = new GraphBuilder()
  const { config } = model
  const parameters = adaptedParameters(b, model)
  const tokens = parameters.ids('tokens', rows * length)
  const hidden = decoder(b, config, parameters, tokens, causalAttention(b, config, rows, length))
  b.output('logits', logitsOf(b, config, parameters, hidden))
  return finish(b)
}
