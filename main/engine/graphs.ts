/** Sessions of training and scoring graphs, one per shape, the recent ones kept. Weights are feeds, so they are cheap. */
import { createHash } from 'node:crypto'
import type { Graph } from '../../native-models/onnx/types.ts'
import { encodeModel } from '../../native-models/onnx/wire.ts'
import { Cache } from './cache.ts'
import type { Place } from './protocol.ts'
import { type Session, openSession } from './sessions.ts'

const sessions = new Cache<Session>(24, (session) => session.dispose())

/** `key` names all that `build` depends on. */
export function sessionFor(key: unknown, { device, threads }: Place, build: () => Graph): Promise<Session> {
  const digest = createHash('sha256').update(JSON.stringify([key, device, threads])).digest('base64')
  return sessions.get(digest, () => openSession(encodeModel(build()), { device, threads }))
}

/** Frees their memory (activations of the largest batch, each) before other work begins. */
export const forgetSessions = (): void => sessions.clear()

/** Positions whose logits are held at once: at most 64 MB of them. With fewer, reading the head's weights takes longer than the products. */
export const headChunkFor = (vocabSize: number): number => Math.max(16, Math.min(512, 2 ** Math.floor(Math.log2(2 ** 24 / vocabSize))))
