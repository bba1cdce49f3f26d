/** The blocks in which this process feeds embedding and head (families/tables.ts). */
import { BLOCK_BYTES, type Rows, type TableShape, vocabularyBlocks } from '../../native-models/families/tables.ts'
import { AppError } from '../../preload/contract/errors.ts'

/**
 * CREAMERY_BLOCK_BYTES, where it is set: for graphics cards that bind less, and for tests, so that a tiny model has several.
 * @throws AppError 'bad-config' where it is no number of bytes
 */
export function blockBytes(): number {
  const given = process.env['CREAMERY_BLOCK_BYTES']
  if (given === undefined) return BLOCK_BYTES
  if (!/^[1-9]\d{0,14}$/.test(given)) throw new AppError('bad-config', `The environment variable CREAMERY_BLOCK_BYTES is "${given}"; set it to a number of bytes, or leave it out for ${BLOCK_BYTES}.`)
  return Number(given)
}

export const blocksOf = (config: TableShape): Rows[] => vocabularyBlocks(config, blockBytes())
