/**
 * All logits of some sequences under one model, which is read layer by layer and never held: room for one layer, or for one
 * block of the head, is enough, however large the model is.
 */
import { headTable } from '../../native-models/families/decoder.ts'
import { areHalves } from '../../native-models/families/parameters.ts'
import { type Graph, sizeOf } from '../../native-models/onnx/types.ts'
import { encodeModel } from '../../native-models/onnx/wire.ts'
import { embeddingGraph, headGraph, layerGraph } from '../../native-models/training/logits.ts'
import type { WeightsSpec } from '../../native-models/training/lora.ts'
import { type Checkpoint, closeCheckpoint, openCheckpoint } from '../../native-models/weights/checkpoint.ts'
import { EMBEDDING } from '../../native-models/weights/tensors.ts'
import { roundLength } from './batches.ts'
import { blocksOf } from './blocks.ts'
import type { CallContext } from './dispatch.ts'
import { requireIds } from './feeds.ts'
import { type LoadedAdapter, disposeAll, explained, readAdapterTensors, readRows } from './models.ts'
import type { LogitsParams, Place } from './protocol.ts'
import { type DeviceTensor, type Tensors, openSession, tensor, upload } from './sessions.ts'

/** All in one batch; padding at the end changes nothing before it. @returns per sequence [length, vocabSize], flat */
export function logits({ model: { folder, adapter }, sequences, ...place }: LogitsParams, { signal }: CallContext<never>): Promise<{ logits: Float32Array[] }> {
  return explained(async () => {
    const checkpoint = openCheckpoint(folder)
    try {
      const { config } = checkpoint
      const streamed: Streamed = { checkpoint, place, adapter: adapter === null ? null : await readAdapterTensors(adapter, config, place.device) }
      try {
        return { logits: await forward(streamed, sequences, signal) }
      } finally {
        if (streamed.adapter) disposeAll(streamed.adapter)
      }
    } finally {
      closeCheckpoint(checkpoint)
    }
  })
}

/** A model whose weights come when they are asked for. */
interface Streamed {
  readonly checkpoint: Checkpoint
  readonly adapter: LoadedAdapter | null
  readonly place: Place
}

async function forward(streamed: Streamed, sequences: readonly Int32Array[], signal: AbortSignal): Promise<Float32Array[]> {
  const { checkpoint, adapter, place } = streamed
  const { config } = checkpoint
  const model: WeightsSpec = { config, lora: adapter?.lora ?? null, held: place.weights }
  const length = roundLength(Math.max(...sequences.map((ids) => ids.length)))

  const rows = embeddedRows(checkpoint, sequences, length, place)
  let x = await withWeights(streamed, embeddingGraph(model, sequences.length * length), { rows }, (run) => run({}))
  for (let i = 0; i < config.layers; i++) {
    signal.throwIfAborted()
    x = await withWeights(streamed, layerGraph(model, i, sequences.length, length), {}, (run) => run({ x }))
  }

  const made = sequences.map((ids) => new Float32Array(ids.length * config.vocabSize))
  for (const { start, end } of blocksOf(config)) {
    signal.throwIfAborted()
    const block = readRows(checkpoint, headTable(config), [start, end], place.weights)
    await withWeights(streamed, headGraph(model, length, end - start), { rows: block }, async (run) => {
      for (const [row, ids] of sequences.entries()) {
        const states = (x.data as Float32Array).subarray(row * length * config.hiddenSize, (row + 1) * length * config.hiddenSize)
        const found = (await run({ x: tensor('float32', [length, config.hiddenSize], states) })).data as Float32Array
        ids.forEach((_, t) => made[row]!.set(found.subarray(t * (end - start), (t + 1) * (end - start)), t * config.vocabSize + start))
      }
    })
  }
  return made
}

/** The embedding's rows of all tokens [sequences·length, hiddenSize], zeros for padding; the table itself is not read. */
function embeddedRows(checkpoint: Checkpoint, sequences: readonly Int32Array[], length: number, { weights }: Place): DeviceTensor {
  const { config } = checkpoint
  const shape = [sequences.length * length, config.hiddenSize]
  const all = areHalves(shape, weights) ? new Uint16Array(sizeOf(shape)) : new Float32Array(sizeOf(shape))
  sequences.forEach((ids, row) => {
    requireIds(ids, config)
    ids.forEach((id, t) => all.set(readRows(checkpoint, EMBEDDING, [id, id + 1], weights).data as typeof all, (row * length + t) * config.hiddenSize))
  })
  return tensor(all instanceof Uint16Array ? 'float16' : 'float32', shape, all)
}

/** Opens a graph with its weights, the model's own and those `given`, has it run, and lets go of both. */
async function withWeights<T>({ checkpoint, adapter, place }: Streamed, graph: Graph, given: Tensors, work: (run: (feeds: Tensors) => Promise<DeviceTensor>) => Promise<T>): Promise<T> {
  const session = await openSession(encodeModel(graph), place)
  const weights: Record<string, DeviceTensor> = {}
  try {
    for (const { name } of graph.inputs) {
      const height = checkpoint.tensors.get(name)?.shape[0]
      const own = given[name] ?? (height === undefined ? null : readRows(checkpoint, name, [0, height], place.weights))
      if (own) weights[name] = await upload(own, place.device)
    }
    const adapted = Object.fromEntries(graph.inputs.flatMap(({ name }) => (adapter?.tensors[name] ? [[name, adapter.tensors[name]]] : [])))
    return await work(async (feeds) => (await session.run({ ...weights, ...adapted, ...feeds })).y!)
  } finally {
    disposeAll({ tensors: weights })
    await session.dispose()
  }
}
