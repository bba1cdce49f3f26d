/** Before a run: scenes of an earlier one were made by other code. CREAMERY_SCENES=keep keeps the whole ones, while only specs are written. */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { scenesFolder, unfinished } from './scenes.ts'

export default function forgetScenes(): void {
  const keep = process.env['CREAMERY_SCENES'] === 'keep'
  const old = existsSync(scenesFolder) ? readdirSync(scenesFolder).filter((name) => !keep || name.endsWith(unfinished)) : []
  for (const name of old) rmSync(join(scenesFolder, name), { recursive: true })
}
