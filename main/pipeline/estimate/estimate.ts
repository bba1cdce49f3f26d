/** Memory, disk and time of a run before it runs: read the data, size the graphs, probe the engine, add up. */
import { statfsSync } from 'node:fs'
import type { RunConfig } from '../../../preload/contract/config.ts'
import type { RunEstimate, StageTime } from '../../../preload/contract/requests/estimate.ts'
import { EngineHost } from '../../engine/host.ts'
import type { Footprint, ModelRef } from '../../engine/protocol.ts'
import type { Sandbox } from '../../sandbox/host.ts'
import { openModel, requireDevice } from '../open-model.ts'
import { requireWeights } from '../weights.ts'
import { behaviourAfter, longest } from './behaviour.ts'
import { diskOf } from './disk.ts'
import { memoryOf, shapesToSize } from './memory.ts'
import { planWork } from './plan.ts'
import { type Probe, probeRun } from './probe/probe.ts'
import type { ProbeOptions } from './probe/timing.ts'
import { keyOf, rememberProbe, rememberedProbe } from './remembered.ts'
import { measureStore, pacesOf } from './store-costs.ts'
import { timesOf } from './time.ts'
import { verdictOf, worse } from './verdict.ts'
import { type Workload, readWorkload } from './workload.ts'

export interface EstimateOptions {
  readonly config: RunConfig
  /** The newest model of the run, which answers as the next will; null = the base. */
  readonly newest: { readonly ref: ModelRef; readonly sha256: string } | null
  /** Where the project is or goes. */
  readonly folder: string
  /** The file that probes are remembered in. */
  readonly probes: string
  /** Null, or why nothing may be measured now, as a sentence. */
  readonly unmeasured: string | null
  readonly sandbox: Sandbox
  /** What seconds are, given the engine's process; by default the wall's. A benchmark on a busy computer takes the process's own. */
  readonly clock?: (engine: number | undefined) => number
  readonly signal: AbortSignal
}

/** @throws AppError with the reader's sentence when model or data cannot be used, 'cancelled' */
export async function estimateRun(options: EstimateOptions): Promise<RunEstimate> {
  const { config, newest, folder, sandbox, signal, clock = () => performance.now() / 1000 } = options
  requireWeights(config)
  const engine = EngineHost.start()
  const now = (): number => clock(engine.pid)
  const began = now()
  try {
    await engine.call('tryDevice', { device: 'cpu', weights: 'fp32' }, { signal })
    const { text } = await openModel(sandbox, config.model)
    const startSeconds = now() - began
    try {
      const work = await readWorkload(config, sandbox, text, now)
      signal.throwIfAborted()
      const { probe, how, sentence, size, runtimeBytes } = await measure(engine, work, options, { startSeconds, clock: now, decode: (ids) => text.decode(ids, { skipSpecial: true }) })
      const behaviour = probe?.behaviour ?? longest
      const learned = newest === null && probe ? behaviourAfter(behaviour, work.sft) : behaviour
      const plan = planWork(work, learned)
      const asked = shapesToSize(work, plan)
      const sized = await engine.call('footprint', asked, { signal })
      const stages = memoryOf(work, plan, asked, sized, probe ?? { runtimeBytes, forwardSlack: null })
      const costs = await measureStore(work, learned, probe?.bytesPerToken ?? null, now)
      const times = probe ? timesOf(work, plan, size, probe, learned, pacesOf(costs)) : []
      return { device: config.device, ...summary(config, stages, diskOf(work, plan, sized, costs), times, folder), probe: { how, seconds: probe?.seconds ?? 0, sentence } }
    } finally {
      await text.close()
    }
  } finally {
    await engine.close()
  }
}

interface Measured {
  readonly probe: Probe | null
  readonly how: RunEstimate['probe']['how']
  readonly sentence: string
  readonly size: Footprint
  readonly runtimeBytes: number
}

async function measure(engine: EngineHost, work: Workload, { config, newest, probes, unmeasured, signal }: EstimateOptions, means: Pick<ProbeOptions, 'startSeconds' | 'clock' | 'decode'>): Promise<Measured> {
  const { rss: runtimeBytes } = await engine.call('memory', {}, { signal })
  const size = await engine.call('footprint', { folder: config.model, tuning: config.tuning, device: config.device, weights: config.weights, scoring: [], training: [], sampling: [] }, { signal })
  const key = keyOf(work, newest?.sha256 ?? null)
  const known = rememberedProbe(probes, key)
  if (known) return { probe: known, how: 'remembered', sentence: known.sentence, size, runtimeBytes }
  if (unmeasured !== null) return { probe: null, how: 'none', sentence: unmeasured, size, runtimeBytes }
  await requireDevice(engine, config)
  const probe = await probeRun({ ...means, engine, footprint: size, work, model: newest?.ref ?? { folder: config.model, adapter: null }, runtimeBytes, signal })
  rememberProbe(probes, key, probe)
  return { probe, how: 'measured', sentence: probe.sentence, size, runtimeBytes }
}

function summary(config: RunConfig, stages: ReturnType<typeof memoryOf>, disk: ReturnType<typeof diskOf>, times: StageTime[], folder: string): Pick<RunEstimate, 'verdict' | 'memory' | 'disk' | 'time'> {
  const peak = stages.reduce((a, b) => (b.bytes > a.bytes ? b : a))
  // What a GPU has is told by no one; what the engine holds beside it in main memory is little.
  const available = config.device === 'cpu' ? { bytes: process.availableMemory(), source: 'free main memory of this computer, as the system tells' } : null
  const memory = verdictOf('memory', peak.bytes, available?.bytes ?? null, 'Shorter maxLength, fewer responses a prompt, LoRA instead of full tuning, or a smaller model need less.')
  const { bavail, bsize } = statfsSync(folder)
  const freeBytes = bavail * bsize
  const room = verdictOf('disk', disk.totalBytes + disk.passingBytes, freeBytes, 'Make room, or put the project on another disk.')
  const sum = (list: readonly StageTime[]): number | null => (list.length === 0 ? null : list.reduce((total, { seconds }) => total + (seconds ?? 0), 0))
  const last = Math.max(0, ...times.map(({ t }) => t))
  return {
    verdict: worse(memory, room),
    memory: { peakBytes: peak.bytes, peakStage: peak.stage, stages, available, verdict: memory },
    disk: { ...disk, freeBytes, verdict: room },
    time: { totalSeconds: sum(times), perRoundSeconds: sum(times.filter(({ t }) => t === last)), stages: times },
  }
}
