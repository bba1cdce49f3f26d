/** Reads the committed goldens (tests/golden/make says how each was made). */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const goldenPath = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
export const goldenJson = <T>(name: string): T => JSON.parse(readFileSync(goldenPath(name), 'utf8')) as T
