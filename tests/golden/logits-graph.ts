/** All logits of a batch by the whole model in one graph: what the goldens hold. */
import { causalAttention } from '../../native-models/families/attention.ts'
import { decoder, logitsOf } from '../../native-models/families/decoder.ts'
import { GraphBuilder } from '../../native-models/onnx/builder.ts'
import type { Graph } from '../../native-models/onnx/types.ts'
import { finish } from '../../native-models/training/graphs.ts'
import { type WeightsSpec, adaptedParameters } from '../../native-models/training/lora.ts'

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
