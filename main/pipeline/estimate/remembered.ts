/** Probes that were made before, in one file: the same model on the same device at the same shapes is not measured twice. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Probe } from './probe/probe.ts'
import type { Workload } from './workload.ts'

const KEPT = 40

/** Everything that a probe's figures depend on. */
export function keyOf({ config, modelSha256, contextLength, shares, sft, questions }: Workload, adapterSha256: string | null): string {
  const { device, weights, threads, tuning, sampling, dpo, seed } = config
  const longest = (lengths: readonly number[]): number => Math.max(0, ...lengths)
  const shapes = [shares.map(longest), longest(sft.map(({ promptTokens, completionTokens }) => promptTokens + completionTokens)), longest(questions)]
  return createHash('sha256').update(JSON.stringify([2, modelSha256, adapterSha256, device, weights, threads, tuning, sampling, dpo.batchSize, seed, contextLength, shapes])).digest('hex')
}

export function rememberedProbe(file: string, key: string): Probe | null {
  return read(file).find((one) => one.key === key)?.probe ?? null
}

export function rememberProbe(file: string, key: string, probe: Probe): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.partial`, JSON.stringify([{ key, probe }, ...read(file).filter((one) => one.key !== key)].slice(0, KEPT)))
  renameSync(`${file}.partial`, file)
}

/** A damaged file costs only a measurement. */
function read(file: string): { key: string; probe: Probe }[] {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return Array.isArray(value) ? (value as { key: string; probe: Probe }[]) : []
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
