/** What reading a damaged data file may do: give a preview, or one AppError with a sentence; soon, in little memory, and never half of it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { AppError } from '../../preload/contract/errors.ts'
import { DataPreview, type DataUse } from '../../preload/contract/requests/place.ts'
import { previewDataset } from '../../main/data/preview.ts'
import { readDataset } from '../../main/data/read.ts'
import { writeDataset } from '../../main/data/write.ts'
import { type Corpus, mutant } from './mutate.ts'
import { longest, startTimed } from './timed.ts'

const uses: readonly DataUse[] = ['sft', 'prompts', 'tasks', 'preferences']

export interface Outcome {
  previews: number
  refusals: number
  imports: number
  /** Children that were stopped: each with a sentence. */
  deaths: number
}

interface Fuzzing {
  readonly corpus: Corpus
  readonly folder: string
  readonly name: string
  readonly seed: number
  readonly from?: number
  readonly count: number
}

/** The mutations as files, one after the other: how to read each, and how to tell of it. */
function* mutations({ corpus, folder, name, seed, from = 0, count }: Fuzzing): Generator<{ i: number; use: DataUse; path: string; where: string }> {
  const path = join(folder, name)
  for (let i = from; i < from + count; i++) {
    const use = uses[i % uses.length]!
    writeFileSync(path, mutant(corpus, seed, i))
    yield { i, use, path, where: `seed ${seed}, mutation ${i}, as ${use}` }
  }
}

/** A sentence names the file and ends like one. */
function checkRefusal(error: unknown, where: string, codes: readonly string[]): void {
  if (!(error instanceof AppError)) throw new Error(`${where}: ${error instanceof Error ? error.stack : String(error)}`)
  expect(codes, `${where}: ${error.message}`).toContain(error.code)
  expect(error.message, where).toMatch(/\.$|…\.?$/)
  expect(error.message.length, where).toBeLessThan(4000)
}

function checkPreview(preview: unknown, where: string): DataPreview {
  const parsed = DataPreview.safeParse({ name: 'x', ...(preview as object) })
  expect(parsed.error?.issues ?? [], where).toEqual([])
  const data = parsed.data!
  expect(data.usable > 0 || data.problem !== null, `${where}: neither rows nor a problem`).toBe(true)
  return data
}

/** In this process: fast, and a crash would be the test's. */
export async function fuzzHere(fuzzing: Fuzzing): Promise<Outcome> {
  const outcome: Outcome = { previews: 0, refusals: 0, imports: 0, deaths: 0 }
  for (const { i, use, path, where } of mutations(fuzzing)) {
    const began = performance.now()
    try {
      checkPreview(await previewDataset(use, path, { rows: 2 }), where)
      outcome.previews++
    } catch (error) {
      checkRefusal(error, where, ['bad-data'])
      outcome.refusals++
    }
    expect(performance.now() - began, where).toBeLessThan(longest)
    if (i % 10 === 0) outcome.imports += Number(await importsWhole(use, path, `${path}.out.jsonl`, where))
  }
  return outcome
}

/** Either the file holds every usable row, or it is not there. */
async function importsWhole(use: DataUse, path: string, target: string, where: string): Promise<boolean> {
  let usable: number | undefined
  try {
    usable = (await writeDataset(use, path, target)).usable
  } catch (error) {
    checkRefusal(error, where, ['bad-data'])
  }
  expect(existsSync(`${target}.partial`), where).toBe(false)
  expect(existsSync(target), where).toBe(usable !== undefined)
  if (usable === undefined) return false
  const lines = readFileSync(target, 'utf8').trimEnd().split('\n')
  expect(lines.length, where).toBe(use === 'preferences' ? 2 * usable : usable)
  if (use !== 'preferences') expect((await readDataset(use, target)).taken.length, where).toBe(usable)
  await rm(target)
  return true
}

/** Behind the sandbox, as the app reads: a child may be stopped, its sentence counts. */
export async function fuzzBehindSandbox(fuzzing: Fuzzing): Promise<Outcome> {
  const sandbox = startTimed()
  const outcome: Outcome = { previews: 0, refusals: 0, imports: 0, deaths: 0 }
  try {
    for (const { i, use, path, where } of mutations(fuzzing)) {
      try {
        checkPreview(await sandbox.previewData(use, path, { rows: 2 }), where)
        outcome.previews++
      } catch (error) {
        checkRefusal(error, where, ['bad-data', 'sandbox-died'])
        outcome.refusals++
        if (error instanceof AppError && error.code === 'sandbox-died') outcome.deaths++
      }
      if (i % 10 !== 0) continue
      const target = `${path}.out.jsonl`
      const written = await sandbox.writeData(use, path, target).catch((error: unknown) => checkRefusal(error, where, ['bad-data', 'sandbox-died']))
      expect([existsSync(target), existsSync(`${target}.partial`)], where).toEqual([written !== undefined, false])
      if (written !== undefined) outcome.imports++
      await rm(target, { force: true })
    }
  } finally {
    await sandbox.close()
  }
  return outcome
}
