/** Populations of judged pairs and people who audit them, for the tests of the spot-check. */
import { uniform } from '../../../native-models/random.ts'
import type { Choice, ShowingVerdict } from '../../../main/cream/agreement.ts'
import type { AuditPlan } from '../../../main/cream/audit-plan.ts'
import { otherSide } from '../../../main/cream/showings.ts'
import type { AuditPair } from '../../../main/cream/strata.ts'
import type { Random } from '../../../main/cream/shuffle.ts'

export const seeded = (seed: number): Random => (...key) => uniform(seed, ...key)

export const pairLike = (id: string, traits: Partial<AuditPair> = {}): AuditPair => ({
  id, consistency: 0.8, margin: 1, chosenLength: 10, rejectedLength: 10, flipped: false, ...traits,
})

/** As five responses give them: C on a coarse grid, mostly firm; low C flips more often; a long tail of margins. */
export function population(n: number, seed: number): AuditPair[] {
  const random = seeded(seed)
  return Array.from({ length: n }, (_, i) => {
    const consistency = random(i, 5) < 0.03 ? null : Math.round(10 * Math.max(random(i, 1), random(i, 2))) / 10
    return pairLike(`p${String(i).padStart(5, '0')}`, {
      consistency,
      margin: -2 * Math.log(1 - random(i, 3)),
      chosenLength: 20 + Math.floor(40 * random(i, 6)),
      rejectedLength: 20 + Math.floor(40 * random(i, 7)),
      flipped: random(i, 4) < 0.5 * (1 - (consistency ?? 0.5)),
    })
  })
}

/** What a person would say of every pair, by id: does the judge's choice stand? */
export type Person = ReadonlyMap<string, 'agree' | 'disagree' | 'tie' | 'skip' | 'flag'>

/** Her verdicts on the plan's showings (on the first `judged` of them), without regard to sides. */
export function audited(plan: AuditPlan, person: Person, judged = plan.showings.length): ShowingVerdict[] {
  return plan.showings.slice(0, judged).map(({ pairId, chosenSide }, showing) => {
    const outcome = person.get(pairId)!
    const choice: Choice = outcome === 'agree' ? chosenSide : outcome === 'disagree' ? otherSide(chosenSide) : outcome
    return { showing, choice, elapsedMs: 4000 }
  })
}

/** agree / (agree + disagree) of the whole population. */
export function truthOf(person: Person): number {
  const outcomes = [...person.values()]
  const agree = outcomes.filter((outcome) => outcome === 'agree').length
  return agree / (agree + outcomes.filter((outcome) => outcome === 'disagree').length)
}

/** Fast random numbers in sequence (mulberry32), for simulations; they ignore the key. */
export function sequence(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
