/** The engine process: a table of what it answers. Started by host.ts, never imported. */
import { probe, tryDevice } from './devices.ts'
import { type Handlers, reportMemory, serve } from './dispatch.ts'
import { footprint } from './footprint.ts'
import { measureGemm } from './gemm.ts'
import { logits } from './logits.ts'
import { sweepTemporaryFolders } from './merged.ts'
import { onnxLogits } from './onnx-logits.ts'
import type { EngineCalls } from './protocol.ts'
import { endSampling, sample } from './sampler.ts'
import { score } from './scorer.ts'
import { runtimeVersion } from './sessions.ts'
import { currentTraining, endTraining, startTraining, trainStep } from './trainer.ts'
import { saveCheckpoint, saveModel } from './training-files.ts'

const done = (work: () => void) => () => {
  work()
  return {}
}

export const handlers: Handlers<EngineCalls> = {
  hello: () => ({ pid: process.pid, node: process.versions.node, onnxruntime: runtimeVersion }),
  probe: () => probe(),
  tryDevice,
  memory: reportMemory,
  gemm: measureGemm,
  footprint,
  score,
  logits,
  onnxLogits,
  sample,
  endSampling: done(endSampling),
  startTraining,
  trainStep,
  saveCheckpoint: ({ path }) => saveCheckpoint(currentTraining(), path),
  saveModel: ({ folder }) => {
    endSampling() // it may hold what lay in this folder before
    return saveModel(currentTraining(), folder)
  },
  endTraining: done(endTraining),
}

sweepTemporaryFolders()
process.once('exit', () => sweepTemporaryFolders((pid) => pid === process.pid))
serve(handlers)
