/** `npm run screenshots`. */
import type { PlaywrightTestConfig } from '@playwright/test'
import config from './playwright.config.ts'
import type { HostOptions } from './workbench.ts'

/** Not `defineConfig(config, …)`, which would add to the projects of the specs. */
export default { ...config, testMatch: 'screenshots.ts', timeout: 600_000, projects: [{ name: 'browser', use: { host: 'browser' } }] } satisfies PlaywrightTestConfig<HostOptions>
