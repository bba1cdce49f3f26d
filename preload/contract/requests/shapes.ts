/** Shapes that several nouns share. */
import { z } from 'zod'
import { SkipReason } from '../domain.ts'

/** What a renderer names a file or folder by: main knows the path, the renderer never does. Good for as long as main runs. */
export const Handle = z.string().regex(/^[a-z]+-[A-Za-z0-9_-]{1,64}$/)
export type Handle = z.infer<typeof Handle>

/** Sent with what may be done only once: the same key again changes nothing and gets the first answer. */
export const IdempotencyKey = z.string().min(8).max(64)

/** Ids as the store gives them: run1.i2, run1.i2.p00007.r3 … */
export const Id = z.string().min(1).max(128)

export const count = z.int().min(0)
export const fraction = z.number().min(0).max(1)
export const moment = z.iso.datetime()

/** A window on a long list: `offset` rows are left out, at most `limit` given. */
export const window = { offset: count.default(0), limit: z.int().min(1).max(200).default(50) }

/** `total` counts what the filter lets through, not only this window. */
export const pageOf = <Row extends z.ZodType>(row: Row) => z.strictObject({ rows: z.array(row), total: count })

export const ReasonCount = z.strictObject({ reason: SkipReason, prompts: count })
export const nothing = z.strictObject({})
