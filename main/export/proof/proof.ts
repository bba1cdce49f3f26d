/** Findings gathered into a proof. */
import type { Proof, ProofCheck } from '../../../preload/contract/requests/export.ts'

export const check = (name: string, passed: boolean, finding: string): ProofCheck => ({ name, passed, finding })

/** A look that itself may break on a damaged file: then that is what it found. */
export async function looking(name: string, look: () => Promise<ProofCheck[]> | ProofCheck[]): Promise<ProofCheck[]> {
  try {
    return await look()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'cancelled') throw error
    return [check(name, false, error instanceof Error ? error.message : String(error))]
  }
}

export interface Delta {
  readonly maxLogitDelta: number
  readonly bound: number
}

/** `delta` null where there are no logits to compare. */
export const proofOf = (checks: readonly ProofCheck[], delta: Delta | null): Proof => ({
  passed: checks.length > 0 && checks.every(({ passed }) => passed), checks: [...checks], maxLogitDelta: delta?.maxLogitDelta ?? null, bound: delta?.bound ?? null,
})
