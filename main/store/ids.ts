/** Ids say what they name and where it stands in the plan; equal plans give equal ids on every machine. */
import type { Stage } from '../../preload/contract/domain.ts'

/** `run1`, counted from 1 within a project. */
export const runId = (n: number) => `run${n}`

/** `run1.M0` */
export const modelId = (runId: string, name: string) => `${runId}.${name}`

const partsOf = (iterationId: string) => /^(?<run>.+)\.i(?<t>\d+)(?:b(?<branch>\d+))?$/.exec(iterationId)!.groups!

/** 0 of `run1.i2`, 1 of `run1.i2b1`. */
export const branchOf = (iterationId: string): number => Number(partsOf(iterationId).branch ?? 0)

/** `run1.M2` from `run1.i1`, `run1.M2b` from `run1.i1b1`, `run1.M2c` from `run1.i1b2`: what an iteration makes. */
export function producedModelId(iterationId: string): string {
  const { run, t } = partsOf(iterationId)
  const branch = branchOf(iterationId)
  return modelId(run!, `M${Number(t) + 1}${branch === 0 ? '' : letters(branch)}`)
}

/** 1 → b, 2 → c, … 25 → z, 26 → ba: the first of its kind has none. */
const letters = (n: number): string => (n < 26 ? '' : letters(Math.floor(n / 26))) + String.fromCharCode(97 + (n % 26))

/** How people call a model: `M2` of `run1.M2`, `M2·b` of `run1.M2b`. */
export const modelName = (modelId: string): string => modelId.slice(modelId.lastIndexOf('.') + 1).replace(/^(M\d+)(?=[a-z])/, '$1·')

/** `run1.i2`; its later branches are `run1.i2b1`, `run1.i2b2`, … */
export const iterationId = (runId: string, t: number, branch = 0) => `${runId}.i${t}${branch === 0 ? '' : `b${branch}`}`

/** `run1.i2.sample` */
export const stageId = (iterationId: string, stage: Stage) => `${iterationId}.${stage}`

/** `run1.p00007`, so that text order is file order. */
export const promptId = (runId: string, position: number) => `${runId}.${prompt(position)}`

/** `run1.i2.p00007.r3` */
export const responseId = (iterationId: string, promptPosition: number, position: number) => `${iterationId}.${prompt(promptPosition)}.r${position}`

/** `run1.i2.set0`; another statistic or tolerance is another set of the same iteration. */
export const rankingSetId = (iterationId: string, n = 0) => `${iterationId}.set${n}`

/** `run1.i2.set0.audit1`, counted from 1 within a set. */
export const auditId = (setId: string, n: number) => `${setId}.audit${n}`

/** `run1.M1.sums.greedy.strict` */
export const evaluationId = (modelId: string, task: string, decoding: string, scorer: string) => `${modelId}.${task}.${decoding}.${scorer}`

const prompt = (position: number) => `p${String(position).padStart(5, '0')}`
