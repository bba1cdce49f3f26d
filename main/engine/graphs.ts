/** Sessions of training and scoring graphs, one per shape, the recent ones kept. Weights are feeds, so all share one copy. */
import { createHash } from 'node:crypto'
import { totalmem } from 'node:os'
import { activationBytes } from '../../native-models/onnx/memory.ts'
import type { Graph } from '../../native-models/onnx/types.ts'
import { encodeModel } from '../../native-models/onnx/wire.ts'
import type { ModelSpec } from '../../native-models/training/graphs.ts'
import { blockBytes } from './blocks.ts'
import { Cache } from './cache.ts'
import type { Place } from './protocol.ts'
import { type Session, openSession } from './sessions.ts'

/**
 * Bytes that sessions may hold together, as they count themselves: each keeps the memory of its largest run. Training
 * meets all its shapes again and again. Scoring goes from long to short, where one that is over hardly comes back, and
 * opening takes a share of a batch: fifteen shapes of the demo held three times the memory to save 2 % of the stage.
 */
export const sessionBudget = { training: totalmem() / 4, scoring: 512 * 2 ** 20 }
const caches = { training: cacheOf(sessionBudget.training), scoring: cacheOf(sessionBudget.scoring) }

function cacheOf(bytes: number): Cache<Session> {
  return new Cache<Session>(bytes, (session) => session.dispose())
}

/** `key` names all that `build` depends on. */
export async function sessionFor(key: unknown, { device, weights, threads }: Place, build: () => Graph, kind: keyof typeof caches = 'training'): Promise<Session> {
  const sessions = caches[kind]
  const digest = createHash('sha256').update(JSON.stringify([key, device, weights, threads])).digest('base64')
  const graph = sessions.find(digest) ? null : build()
  return sessions.get(digest, () => openSession(encodeModel(graph!), { device, threads }), graph ? SESSION_BYTES + activationBytes(graph) : 0)
}

/** A session's own: its nodes, threads and plan. */
const SESSION_BYTES = 32 * 2 ** 20

/** Frees their memory (activations of the largest batch, each) before other work begins. */
export const forgetSessions = (): void => Object.values(caches).forEach((sessions) => sessions.clear())

/** A model as graphs of this process want it. */
export const specOf = ({ config, weights, lora }: Pick<ModelSpec, 'config' | 'weights' | 'lora'>, { weights: held }: Pick<Place, 'weights'>): ModelSpec =>
  ({ config, weights, lora, headChunk: headChunkFor(config.vocabSize), blockBytes: blockBytes(), held })

/** Positions whose logits are held at once: at most 64 MB of them. With fewer, reading the head's weights takes longer than the products. */
const headChunkFor = (vocabSize: number): number => Math.max(16, Math.min(512, 2 ** Math.floor(Math.log2(2 ** 24 / vocabSize))))
