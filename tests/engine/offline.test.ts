/** Creamery sends nothing: the runtime's telemetry, which would keep its database and log in these folders, stays off. */
import { mkdtempSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { golden, randomSequences, score, scratch, startEngine } from './fixture.ts'

test.skipIf(process.platform === 'win32')('the engine leaves no file of the runtime behind, whatever the environment says', async () => {
  const home = mkdtempSync(join(scratch, 'home-'))
  const engine = startEngine({ env: { HOME: home, TMPDIR: home, XDG_CACHE_HOME: join(home, 'cache'), XDG_DATA_HOME: join(home, 'data'), ORT_DISABLE_TELEMETRY: '0' } })
  await score(engine, golden('gqa-tied'), randomSequences(2, 96))
  await engine.close()
  expect(readdirSync(home, { recursive: true })).toEqual([])
})
