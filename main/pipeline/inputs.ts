/** What a stage depends on, as one hash: a stage that has begun goes on only with the same. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { ModelError } from '../../native-models/weights/error.ts'
import { hashFile } from '../../native-models/weights/hash.ts'
import { labelsPath } from '../../preload/contract/columns.ts'
import type { RunConfig } from '../../preload/contract/config.ts'
import type { Stage } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { gateOn } from '../store/gates.ts'
import { type Iteration, iterationOf } from '../store/iterations.ts'
import { type StageRow, hasBegun } from '../store/stages.ts'
import { type RunContext, configOf, dbOf } from './context.ts'

/** The settings, the models behind the stage, and what the files that it reads hold: where they lie may change. @throws AppError 'bad-data' when one is gone */
export async function inputHash(context: RunContext, iteration: Iteration, stage: Stage): Promise<string> {
  const { policyModelId, previousModelId, baseModelId, setId } = iterationOf(dbOf(context), iteration.id)!
  // A decision at the gate leaves every pair its label.
  const gate = stage === 'train' && setId !== null ? (gateOn(dbOf(context), iteration.id, setId)?.id ?? null) : null
  const { model: _, data: { sftLimit, promptsLimit, evaluation }, weights, ...config } = configOf(context)
  // Runs from before there was a choice of weights go on: fp32 goes without saying.
  const limits = [sftLimit ?? null, promptsLimit ?? null, evaluation.map(({ name, limit }) => [name, limit ?? null])]
  const files = await Promise.all(filesOf(configOf(context), stage).map(hashData))
  return createHash('sha256').update(JSON.stringify([stage, context.run.baseSha256, policyModelId, previousModelId, baseModelId, config, limits, files, gate, ...(weights === 'fp32' ? [] : [weights])])).digest('hex')
}

/** With the labels that lie beside it: they are read with the file. */
const withLabels = (file: string): string[] => [file, labelsPath(file)].filter((path, i) => i === 0 || existsSync(path))

/** Prompts are in the project since the run was planned; everything else is read when its stage comes. */
function filesOf({ data, method, oracle }: RunConfig, stage: Stage): string[] {
  switch (stage) {
    case 'tune': return data.sft === undefined ? [] : withLabels(data.sft)
    case 'evaluate': return data.evaluation.flatMap(({ file }) => withLabels(file))
    case 'pair': return method === 'oracle' && oracle.rewards !== 'answers' ? [oracle.rewards] : []
    default: return []
  }
}

async function hashData(file: string): Promise<string> {
  try {
    return await hashFile(file)
  } catch (error) {
    throw error instanceof ModelError ? new AppError('bad-data', error.message, error) : error
  }
}

/** A stage of which something is committed cannot change what it works on. @throws AppError 'bad-data' */
export function requireSameInput(context: RunContext, row: StageRow, input: string): void {
  const { stage, inputHash: before } = row
  if (before === input || !hasBegun(dbOf(context), row)) return
  const files = filesOf(configOf(context), stage).join(', ')
  throw new AppError('bad-data', `The stage "${stage}" was begun with other data: ${files} changed since. Put the old file back and resume, or start a new run with the new one.`)
}
