/** Random rewards for the property tests: two judges of the same responses, with and without ties. */
import fc from 'fast-check'

const smooth = fc.double({ min: -50, max: 50, noNaN: true, noDefaultInfinity: true })
/** Few levels, so that ties are common. */
const coarse = fc.integer({ min: 0, max: 3 })

export const tolerance = fc.constantFrom(0, 0.5, 1, 2.5)

/** Rewards of the same 2–8 responses under two judges. */
export const twoJudges = fc
  .tuple(fc.integer({ min: 2, max: 8 }), fc.constantFrom(smooth, coarse))
  .chain(([n, value]) => {
    const rewards = fc.array(value, { minLength: n, maxLength: n })
    return fc.record({ current: rewards, previous: rewards })
  })

/** All orders of a list. */
export function permutations<T>(list: readonly T[]): T[][] {
  if (list.length === 0) return [[]]
  return list.flatMap((head, i) => permutations(list.toSpliced(i, 1)).map((tail) => [head, ...tail]))
}
