/** One row as it was read, or why it could not be. */

/** `number` is the line in the file (JSON Lines, text), the row of the sheet (CSV: the header is row 1) or the place in the array, from 1. */
export type Row = { number: number; value: unknown } | { number: number; fault: string }
