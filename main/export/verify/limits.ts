/** What a bundle may ask of the machine that reads it. Honest ones stay far below. */
export interface Limits {
  /** Files in the archive. */
  readonly entries: number
  /** Bytes of one file, and of all, once unpacked. */
  readonly entryBytes: number
  readonly totalBytes: number
  /** Unpacked over packed; judged from `ratioFrom` unpacked bytes on, as little files of equal rows shrink a lot. */
  readonly ratio: number
  readonly ratioFrom: number
  /** Bytes of one row. */
  readonly lineBytes: number
  /** Bytes of all rows that are held at once, texts aside. */
  readonly heldBytes: number
}

export const defaultLimits: Limits = { entries: 64, entryBytes: 2 ** 32, totalBytes: 2 ** 33, ratio: 200, ratioFrom: 2 ** 24, lineBytes: 2 ** 26, heldBytes: 2 ** 29 }
