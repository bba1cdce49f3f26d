/** Specs of the whole workbench. `npm run test:e2e` runs them; with arguments as Playwright's: `npm run test:e2e -- rank --headed`. */
import { defineConfig } from '@playwright/test'
import { join } from 'node:path'
import { electronBinary } from './electron.ts'
import type { HostOptions } from './workbench.ts'

const results = join(import.meta.dirname, '../../out/e2e')

export default defineConfig<HostOptions>({
  testDir: '.',
  testMatch: '*.spec.ts',
  globalSetup: './scenes-anew.ts',
  outputDir: join(results, 'results'),
  snapshotPathTemplate: '{testDir}/snapshots/{testFileName}/{arg}{ext}',
  workers: 1, // two cores: one runs the engine
  forbidOnly: Boolean(process.env['CI']),
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: [['list'], ['./summary.ts']],
  use: { actionTimeout: 20_000, trace: 'retain-on-failure', screenshot: 'only-on-failure' },
  projects: [
    { name: 'browser', use: { host: 'browser' } },
    ...(electronBinary.binary === null ? [] : [{ name: 'electron', use: { host: 'electron' as const } }]),
  ],
})
