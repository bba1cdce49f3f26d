/** `npm run screenshots`. */
import { defineConfig } from '@playwright/test'
import config from './playwright.config.ts'

export default defineConfig(config, { testMatch: 'screenshots.ts', timeout: 600_000, projects: [{ name: 'browser' }] })
