/** generation_config.json for a folder whose config.json is another program's, or is missing. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type JsonObject, readJson } from '../../../native-models/weights/files.ts'
import { GENERATION_FILE } from '../../../native-models/weights/layout.ts'
import type { TextInfo } from '../../sandbox/host.ts'
import type { ExportSource } from '../source.ts'

/** The source's, with every id that ends a response here. */
export function generationFor({ textFolder }: ExportSource, { eosIds, bosId }: TextInfo): JsonObject {
  const path = join(textFolder, GENERATION_FILE)
  const given = existsSync(path) ? readJson(path) : {}
  return { ...(bosId !== null && { bos_token_id: bosId }), ...given, ...(eosIds.length > 0 && { eos_token_id: eosIds.length === 1 ? eosIds[0] : eosIds }) }
}
