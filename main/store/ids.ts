/** Ids say what they name and where it stands in the plan; equal plans give equal ids on every machine. */
import type { Stage } from '../../preload/contract/domain.ts'

/** `run1`, counted from 1 within a project. */
export const runId = (n: number) => `run${n}`

/** `run1.M0` */
export const modelId = (runId: string, name: string) => `${runId}.${name}`

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
