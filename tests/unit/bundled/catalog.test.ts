import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import catalog from '../../../native-models/bundled/catalog.json' with { type: 'json' }
import { hashCheckpoint, hashFile } from '../../../native-models/weights/hash.ts'
import { inspectCheckpoint } from '../../../native-models/weights/inspect.ts'

const folder = fileURLToPath(new URL('../../../native-models/bundled/model/', import.meta.url))

test('the catalog names every file of the bundled model, and the files are those', async () => {
  const [model] = catalog.models
  expect(Object.keys(model!.files)).toEqual(readdirSync(folder).sort())
  for (const [name, { sha256, bytes }] of Object.entries(model!.files)) {
    expect(statSync(join(folder, name)).size, name).toBe(bytes)
    expect(await hashFile(join(folder, name)), name).toBe(sha256)
  }
  expect((await hashCheckpoint(folder)).sha256).toBe(model!.sha256)
  const card = inspectCheckpoint(folder)
  expect(card).toMatchObject({ supported: true, architecture: model!.architecture, parameters: model!.parameters, problems: [] })
  expect(card.parameters).toBeLessThanOrEqual(6_000_000)
  expect(Object.values(model!.files).reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(12_000_000)
})
