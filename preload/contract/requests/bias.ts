/** What else than quality the judges may reward: length, place, repetition; and how far "pick the longer" gets. */
import { z } from 'zod'
import { Id, count, fraction } from './shapes.ts'

/** A share with its Wilson interval; null rates where there is nothing to count. */
export const Share = z.strictObject({ rate: fraction, low: fraction, high: fraction, n: count })
export type Share = z.infer<typeof Share>

export const BiasView = z.strictObject({
  iterationId: Id,
  pairs: count,
  length: z.strictObject({
    /** Of the pairs whose sides differ in tokens: the chosen one is the longer. */
    longerChosen: Share.nullable(),
    meanChosen: z.number().nullable(),
    meanRejected: z.number().nullable(),
    /** Spearman within a prompt, averaged over prompts: of r under the policy and tokens. */
    rewardCorrelation: z.number().nullable(),
    /** The same for what the previous judge ranks by. */
    previousCorrelation: z.number().nullable(),
    /** Tokens of every chosen and rejected side in bins, for a chart: bin i is [edges[i], edges[i+1]), the last closed. */
    histogram: z.strictObject({ edges: z.array(z.number()), chosen: z.array(count), rejected: z.array(count) }),
  }),
  position: z.strictObject({
    /** How often the response sampled as number i was chosen and rejected; without bias all are alike. */
    chosen: z.array(count),
    rejected: z.array(count),
    /** Responses at each place that could be chosen: later repeats of a text count for its first place. */
    distinct: z.array(count),
    /** Probability of so uneven a spread by chance (χ² over places, given `distinct`); null with fewer than 2 places. */
    pValue: fraction.nullable(),
  }),
  repetition: z.strictObject({
    /** Distinct n-grams ÷ n-grams over all texts of a side, n = 1, 2, 3. */
    distinctN: z.strictObject({ all: z.array(fraction.nullable()), chosen: z.array(fraction.nullable()), rejected: z.array(fraction.nullable()) }),
    /** Mean share of a text's 4-grams that repeat an earlier one of the same text. */
    repeated: z.strictObject({ all: fraction.nullable(), chosen: fraction.nullable(), rejected: fraction.nullable() }),
  }),
  /** "Pick the longer" as a judge: over pairs of distinct responses of one prompt that differ in length. */
  longerBaseline: z.strictObject({
    withCurrent: Share.nullable(),
    withPrevious: Share.nullable(),
    /** Of pairs with one right and one wrong response: the longer is the right one, and r says so, for comparison. */
    withGold: Share.nullable(),
    currentWithGold: Share.nullable(),
  }),
})
export type BiasView = z.infer<typeof BiasView>

export const biasRequests = {
  /** Of the chosen and rejected sides that the set in force makes; from stored figures. Null before the stage `pair` is done. */
  'rank/bias': { params: z.strictObject({ iterationId: Id }), result: BiasView.nullable() },
}
