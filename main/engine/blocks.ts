/** The blocks in which this process feeds embedding and head (families/tables.ts). */
import { BLOCK_BYTES, type Rows, type TableShape, vocabularyBlocks } from '../../native-models/families/tables.ts'

/** CREAMERY_BLOCK_BYTES, where it is set: for graphics cards that bind less, and for tests, so that a tiny model has several blocks. */
export const blockBytes = fromEnvironment(process.env['CREAMERY_BLOCK_BYTES'])

export const blocksOf = (config: TableShape): Rows[] => vocabularyBlocks(config, blockBytes)

function fromEnvironment(given: string | undefined): number {
  if (given === undefined) return BLOCK_BYTES
  if (!/^[1-9]\d{0,14}$/.test(given)) throw new Error(`CREAMERY_BLOCK_BYTES is ${given}; give a number of bytes, or leave it unset for ${BLOCK_BYTES}.`)
  return Number(given)
}
