/** How far a file is read. Whoever reads it keeps this up to date; whoever waits for it looks. */
export interface Reach {
  /** Of the file as it lies on the disk, and all it has. */
  bytes: number
  total: number
  /** Usable ones and others. */
  rows: number
}
