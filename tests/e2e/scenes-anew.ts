/** Before a run: scenes of an earlier one were made by other code. CREAMERY_SCENES=keep keeps them, while only specs are written. */
import { rmSync } from 'node:fs'
import { scenesFolder } from './scenes.ts'

export default function forgetScenes(): void {
  if (process.env['CREAMERY_SCENES'] !== 'keep') rmSync(scenesFolder, { recursive: true, force: true })
}
