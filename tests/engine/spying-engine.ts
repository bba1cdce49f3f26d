/** The real engine, and a list of what each run of a session moved between CPU and device. */
import '../../main/engine/sessions.ts' // first: it prepares the process for the runtime
import ort from 'onnxruntime-node'
import type { EngineCalls, Nothing } from '../../main/engine/protocol.ts'
import { handlers } from '../../main/engine/worker.ts'

/** Of one run: the elements of what was fed from the CPU and of what came to it, by name; and how many feeds lay on the GPU. */
export interface Traffic {
  readonly fed: Record<string, number>
  readonly fetched: Record<string, number>
  readonly resident: number
}

export interface SpyingCalls extends EngineCalls {
  /** The runs since the last time that it was asked. */
  traffic: { params: Nothing; result: Traffic[]; event: never }
}

type Tensors = Readonly<Record<string, ort.Tensor>>
const seen: Traffic[] = []
const onCpu = (tensors: Tensors): Record<string, number> => Object.fromEntries(Object.entries(tensors).filter(([, one]) => one.location !== 'gpu-buffer').map(([name, one]) => [name, one.size]))

const { prototype } = ort.InferenceSession as unknown as { prototype: { run(feeds: Tensors, ...rest: unknown[]): Promise<Tensors> } }
const run = prototype.run
prototype.run = async function (feeds, ...rest) {
  const results = await run.call(this, feeds, ...rest)
  seen.push({ fed: onCpu(feeds), fetched: onCpu(results), resident: Object.keys(feeds).length - Object.keys(onCpu(feeds)).length })
  return results
}

Object.assign(handlers, { traffic: () => seen.splice(0) })
