/** Folders of a test file's own, gone when it ends. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const made: string[] = []
afterAll(() => made.splice(0).forEach((folder) => rmSync(folder, { recursive: true, force: true })))

export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `creamery-${name}-`))
  made.push(folder)
  return folder
}
