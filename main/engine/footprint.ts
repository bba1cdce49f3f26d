/** How large graphs are before anything runs: what memory estimates are made of. */
import { areHalves } from '../../native-models/families/parameters.ts'
import { decodeGraph, prefillGraph } from '../../native-models/families/decoding.ts'
import { arenaBytes } from '../../native-models/onnx/arena.ts'
import { activationBytes } from '../../native-models/onnx/memory.ts'
import { type Graph, sizeOf } from '../../native-models/onnx/types.ts'
import { scoringGraph, trainableTensors, trainingGraph } from '../../native-models/training/graphs.ts'
import { closeCheckpoint, openCheckpoint } from '../../native-models/weights/checkpoint.ts'
import { fedTensors } from '../../native-models/families/tables.ts'
import { expectedTensors } from '../../native-models/weights/tensors.ts'
import { blocksOf } from './blocks.ts'
import { sessionBudget, specOf } from './graphs.ts'
import { samplingParameters } from './merged.ts'
import { explained } from './models.ts'
import type { Footprint, FootprintParams, GraphSize } from './protocol.ts'

/** Reads a model's headers and builds the graphs of these shapes; loads no weights. */
export function footprint({ folder, tuning, scoring, training, sampling, ...place }: FootprintParams): Promise<Footprint> {
  return explained(() => {
    const checkpoint = openCheckpoint(folder)
    closeCheckpoint(checkpoint)
    const { config } = checkpoint
    const weights = fedTensors(expectedTensors(config), blocksOf(config))
    const lora = tuning.kind === 'full' ? null : { r: tuning.r, alpha: tuning.alpha, targets: tuning.targets }
    const spec = specOf({ config, weights, lora }, place)
    const parameters = samplingParameters(spec)
    const elements = weights.map(({ shape }) => sizeOf(shape))
    return {
      parameters: elements.reduce((sum, size) => sum + size, 0),
      weightBytes: weights.reduce((sum, { shape }) => sum + (areHalves(shape, place.weights) ? 2 : 4) * sizeOf(shape), 0),
      largestTensor: Math.max(...elements),
      head: config.vocabSize * config.hiddenSize,
      trainable: trainableTensors(spec).reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      layers: config.layers,
      cacheWidth: config.kvHeads * config.headDim,
      attentionWidth: config.heads * config.headDim,
      sessionBudget,
      scoring: scoring.map((shape) => sizeOfGraph(scoringGraph(spec, shape))),
      training: training.map(({ objective, shape }) => sizeOfGraph(trainingGraph(spec, objective, shape))),
      sampling: sampling.map(({ rows, prompts, promptLength, capacity }) => ({
        prefill: sizeOfGraph(prefillGraph(config, prompts, promptLength, parameters)),
        decode: sizeOfGraph(decodeGraph(config, rows, capacity, place.device === 'cpu' ? 'rows' : 'whole', parameters)),
      })),
    }
  })
}

const sizeOfGraph = (graph: Graph): GraphSize => ({ nodes: graph.nodes.length, activationBytes: activationBytes(graph), arenaBytes: arenaBytes(graph) })
