import { describe, expect, it } from 'vitest'
import type { Footprint } from '../../../main/engine/protocol.ts'
import { type Behaviour, longest } from '../../../main/pipeline/estimate/behaviour.ts'
import { type SamplingBatch, type WorkPlan, openings } from '../../../main/pipeline/estimate/plan.ts'
import type { Probe } from '../../../main/pipeline/estimate/probe/probe.ts'
import { affordable } from '../../../main/pipeline/estimate/probe/timing.ts'
import { timesOf } from '../../../main/pipeline/estimate/time.ts'
import type { Workload } from '../../../main/pipeline/estimate/workload.ts'
import { RunConfig } from '../../../preload/contract/config.ts'

const batch = (prompts: number, capacity: number, maxNewTokens = 10): SamplingBatch => ({ shape: { rows: 32, prompts, promptLength: 16, capacity }, rows: 32, maxNewTokens, promptTokens: 16 })

describe('what sampling opens', () => {
  it('is two graphs a shape, a known one not again', () => {
    expect(openings([batch(8, 32), batch(8, 32)])).toEqual([['prefill 8 16'], ['prefill 8 16', 'decode 32 32']])
  })

  it('is opened again when four others came between', () => {
    expect(openings([batch(1, 32), batch(2, 48), batch(3, 64), batch(1, 32)])).toHaveLength(8)
    expect(openings([batch(1, 32), batch(2, 48), batch(1, 32)])).toHaveLength(4)
  })
})

describe('a smaller shape', () => {
  it('has half the rows until it is short enough, and no fewer than asked', () => {
    const rows = (shape: { rows: number }): number => shape.rows
    expect(affordable({ rows: 64, length: 32, positions: 640 }, 16, rows, 1)).toEqual({ rows: 16, length: 32, positions: 160 })
    expect(affordable({ rows: 64, length: 32, positions: 640 }, 1, rows, 8).rows).toBe(8)
  })
})

describe('the time of a stage', () => {
  const config = RunConfig.parse({ model: 'm', iterations: 1, data: { sft: 's', prompts: 'p', evaluation: [] }, sft: { learningRate: 1e-4 }, dpo: { learningRate: 1e-5 }, sampling: { maxNewTokens: 10 }, evaluation: { scorer: 'exact', samples: 0, maxNewTokens: 10 } })
  const work = { config, questions: Array<number>(32).fill(16), seconds: { sft: 5, questions: 7 } } as Pick<Workload, 'config' | 'questions' | 'seconds'> as Workload
  const size: Footprint = { parameters: 100, weightBytes: 400, largestTensor: 10, head: 0, trainable: 1, layers: 1, cacheWidth: 1, attentionWidth: 0, sessionBudget: { training: 1, scoring: 1 }, scoring: [], training: [], sampling: [] }
  const rates: Probe['rates'] = {
    startSeconds: 1000, forward: { fixed: 1, perFlop: 0 }, openForward: { fixed: 10, perFlop: 0 }, step: { fixed: 2, perFlop: 0 }, openStep: { fixed: 20, perFlop: 0 }, updateSeconds: 0.5, steps: 1,
    mergeSeconds: 100, openSampling: 30, batchSeconds: 3, decode: { seconds: 0.1, rows: 32, slots: 1e9 },
  }
  const probe: Probe = { rates, behaviour: longest, runtimeBytes: 0, forwardSlack: null, bytesPerToken: 1, seconds: 1, sentence: '' }
  const shape = { rows: 2, length: 16, positions: 16 }
  const plan: WorkPlan = {
    tune: [[shape], [shape, shape]], evaluate: { greedy: [batch(8, 32)], sampled: [] },
    rounds: [{ prompts: 8, responses: 32, pairs: 8, sample: [batch(8, 32), batch(8, 32)], score: [shape, { ...shape, length: 32 }], noise: [shape], reference: [shape], train: [[shape]] }],
  }
  const paces = { storeSample: 0.01, storeScore: 0.02, storeRank: 0.03, storePair: 0.04, storeAnswer: 0.05 }
  const times = (learned: Behaviour = longest): Record<string, number | null> => Object.fromEntries(timesOf(work, plan, size, probe, learned, paces).map(({ t, stage, seconds }) => [`${t} ${stage}`, seconds]))

  it('is the sum of what was measured and counted', () => {
    expect(times()).toEqual({
      '0 tune': 1000 + 5 + 20 + 2 * 0.5 + 3 * 2, // start, read, open a shape, two updates, three micro-batches
      // Reading the questions; two models: merge, open two graphs, a batch of its own, the prompts, nine more tokens; their rows.
      '0 evaluate': expect.closeTo(7 + 2 * (100 + 30 + 3 + 1 + 9 * 0.1 + 32 * 0.05), 9) as number,
      '1 sample': expect.closeTo(100 + 30 + 2 * (3 + 1 + 9 * 0.1) + 8 * 0.01, 9) as number,
      '1 score': expect.closeTo(2 * 2 * 10 + 2 * 2 * 1 + 8 * 0.02, 9) as number, // two shapes under two judges
      '1 rank': expect.closeTo(2 * 10 + 2 * 1 + 8 * 0.03, 9) as number,
      '1 pair': 0.32,
      '1 audit': null,
      '1 train': 10 + 1 + 20 + 0.5 + 2,
      '1 evaluate': expect.closeTo(7 + 100 + 30 + 3 + 1 + 9 * 0.1 + 32 * 0.05, 9) as number,
    })
  })

  it('is shorter where the tuned model ends by itself; M0 goes on as it was seen', () => {
    const short: Behaviour = { survival: [1, 0], hazard: 1, ended: 1, distinct: 1, variety: 1 } // one token, always
    const [before, after] = [times(), times(short)]
    expect(before['0 evaluate']! - after['0 evaluate']!).toBeCloseTo(9 * 0.1, 9) // M1's batch
    expect(before['1 sample']! - after['1 sample']!).toBeCloseTo(2 * 9 * 0.1, 9)
  })
})
