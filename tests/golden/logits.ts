/** All logits of a batch, which no shipped graph ever holds: the plainest thing to compare with another implementation. */
import { causalAttention } from '../../native-models/families/attention.ts'
import { decoder, logitsOf } from '../../native-models/families/decoder.ts'
import { fedParameters } from '../../native-models/families/parameters.ts'
import { GraphBuilder } from '../../native-models/onnx/builder.ts'
import type { Graph } from '../../native-models/onnx/types.ts'
import { type ModelSpec, finish } from '../../native-models/training/graphs.ts'
import { withLora } from '../../native-models/training/lora.ts'

/** tokens int64 [rows·length, 1] → logits [rows·length, vocabSize]. */
export function logitsGraph({ config, lora }: ModelSpec, rows: number, length: number): Graph {
  const b = new GraphBuilder()
  const fed = fedParameters(b)
  const parameters = lora ? withLora(b, fed, lora) : fed
  const tokens = b.input('tokens', 'int64', [rows * length, 1])
  const hidden = decoder(b, config, parameters, tokens, causalAttention(b, config, rows, length))
  b.output('logits', logitsOf(b, config, parameters, hidden))
  return finish(b)
}
