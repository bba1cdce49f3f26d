/**
 * Specs of the whole workbench. `npm run test:e2e` runs them; with arguments as Playwright's: `npm run test:e2e -- rank --headed`,
 * or `-- rank --trace on` to see afterwards what happened (a trace of all would take as much of the machine as the specs).
 * delays.ts makes main slow, to see that nothing hangs on the order of answers.
 */
import { defineConfig } from '@playwright/test'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { electronBinary } from './electron.ts'
import type { HostOptions } from './workbench.ts'

const hosts: HostOptions['host'][] = electronBinary.binary === null ? ['browser'] : ['browser', 'electron']
const results = join(import.meta.dirname, '../../out/e2e')

export default defineConfig<HostOptions>({
  testDir: '.',
  testMatch: '*.spec.ts',
  globalSetup: './scenes-anew.ts',
  outputDir: join(results, 'results'),
  snapshotPathTemplate: '{testDir}/snapshots/{testFileName}/{arg}{ext}',
  workers: Math.max(2, availableParallelism() >> 1), // each has a browser, a server and mostly an engine, which wait for each other
  fullyParallel: true,
  forbidOnly: Boolean(process.env['CI']),
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: [['list'], ['./summary.ts']],
  use: { actionTimeout: 20_000, screenshot: 'only-on-failure' },
  // The longest spec first, so that the workers end together.
  projects: hosts.flatMap((host) => [
    { name: `${host}, the loop`, testMatch: 'loop.spec.ts', use: { host } },
    { name: host, testIgnore: 'loop.spec.ts', use: { host } },
  ]),
})
