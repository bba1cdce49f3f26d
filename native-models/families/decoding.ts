/** Generation graphs: read the prompts once, then one token a step against a cache. */
import { GraphBuilder } from '../onnx/builder.ts'
import { lower } from '../onnx/lower.ts'
import { schedule } from '../onnx/schedule.ts'
import type { Graph, Value } from '../onnx/types.ts'
import type { ModelConfig } from '../weights/model-config.ts'
import { cachedAttention, causalAttention } from './attention.ts'
import { decoder, logitsOf } from './decoder.ts'
import { type FedParameters, type Parameters, fedParameters } from './parameters.ts'
import { vocabularyBlocks } from './tables.ts'

/** How a graph takes its weights. */
export type ParametersOn = (b: GraphBuilder) => FedParameters
/** In floats, with any adapter merged into them. */
export const mergedParameters = (config: ModelConfig, blockBytes?: number): ParametersOn => (b) => fedParameters(b, vocabularyBlocks(config, blockBytes))

/** How many of the likeliest tokens a step hands out. */
export const candidates = (vocabSize: number): number => Math.min(256, vocabSize)

/**
 * Reads `prompts` prompts padded to `length`. Feeds: weights, tokens [prompts·length, 1] (`idType`), last int64 [prompts, 1]
 * (flat place of each prompt's last token), inverseTemperature []. Outputs: the choice (see `emitChoice`) and per layer
 * keys.i, values.i [prompts, kvHeads, length, headDim], keys rotated.
 */
export function prefillGraph(config: ModelConfig, prompts: number, length: number, parameters = mergedParameters(config)): Graph {
  const b = new GraphBuilder()
  const p = parameters(b)
  const attention = causalAttention(b, config, prompts, length, (layer, keys, values) => {
    b.output(`keys.${layer}`, keys)
    b.output(`values.${layer}`, b.identity(values))
  })
  const hidden = decoder(b, config, p, p.ids('tokens', prompts * length), attention, b.input('last', 'int64', [prompts, 1]))
  emitChoice(b, config, p, hidden)
  return finished(b)
}

/**
 * One token for each of `rows` sequences. Feeds: weights, tokens [rows, 1] (`idType`), lengths int64 [rows, 1] and filled
 * float [rows, 1, 1, 1] (slots in use, which is the new token's position), slots float [1, 1, 1, capacity] (0, 1, 2, …),
 * inverseTemperature [], and per layer cache.keys.i [rows, kvHeads, capacity, headDim], cache.values.i [rows, kvHeads,
 * headDim, capacity]; with 'rows' a run may feed cache and slots of a smaller capacity.
 * Outputs: the choice, and the new keys.i, values.i. With `update` 'rows' those are the new token's alone
 * [rows, kvHeads, 1, headDim], for the caller to write; with 'whole' they are the cache with the new token in its slot,
 * for devices where the cache stays and is overwritten in place.
 */
export function decodeGraph(config: ModelConfig, rows: number, capacity: number, update: 'rows' | 'whole', parameters = mergedParameters(config)): Graph {
  const { kvHeads, headDim } = config
  const b = new GraphBuilder()
  const p = parameters(b)
  const lengths = b.input('lengths', 'int64', [rows, 1])
  const cacheOf = (layer: number) => ({
    keys: b.input(`cache.keys.${layer}`, b.float, [rows, kvHeads, capacity, headDim], 2),
    values: b.input(`cache.values.${layer}`, b.float, [rows, kvHeads, headDim, capacity], 3),
  })
  const slots = b.input('slots', b.float, [1, 1, 1, capacity], 3)
  const next = b.less(b.abs(b.sub(slots, b.input('filled', b.float, [rows, 1, 1, 1]))), b.scalar(0.5))
  const attention = cachedAttention(b, config, rows, lengths, slots, cacheOf, (layer, key, value) => {
    if (update === 'rows') {
      b.output(`keys.${layer}`, b.identity(key))
      b.output(`values.${layer}`, b.identity(value))
      return
    }
    const cache = cacheOf(layer)
    b.output(`keys.${layer}`, b.where(b.reshape(next, [rows, 1, capacity, 1]), key, cache.keys))
    b.output(`values.${layer}`, b.where(next, b.transpose(value, [0, 1, 3, 2]), cache.values))
  })
  const hidden = decoder(b, config, p, p.ids('tokens', rows), attention)
  emitChoice(b, config, p, hidden)
  return finished(b)
}

/** All logits of given hidden states: feeds hidden [rows, hiddenSize], the head, inverseTemperature; output logits [rows, vocabSize]. */
export function logitsGraph(config: ModelConfig, rows: number, parameters = mergedParameters(config)): Graph {
  const b = new GraphBuilder()
  b.output('logits', scaledLogits(b, config, parameters(b), b.input('hidden', b.float, [rows, config.hiddenSize])))
  return finished(b)
}

/**
 * What sampling needs of one position per row, without moving whole logits: values, ids [rows, k] of the k largest
 * logits over temperature, logSum [rows, 1] of all of them, and hidden [rows, D] to ask for the rest where that matters.
 */
function emitChoice(b: GraphBuilder, config: ModelConfig, p: Parameters, hidden: Value): void {
  const logits = scaledLogits(b, config, p, hidden)
  const [values, ids] = b.topK(logits, candidates(config.vocabSize))
  const max = b.slice(values, 0, 1, 1)
  b.output('values', values)
  b.output('ids', ids)
  b.output('logSum', b.add(max, b.log(b.reduceSum(b.exp(b.sub(logits, max)), [1]))))
  b.output('hidden', b.identity(hidden))
}

const scaledLogits = (b: GraphBuilder, config: ModelConfig, p: Parameters, hidden: Value): Value => b.mul(logitsOf(b, config, p, hidden), b.input('inverseTemperature', b.float, []))

function finished(b: GraphBuilder): Graph {
  lower(b)
  return schedule(b.graph())
}
