/** The folders of tests with packages of their own: browsers and other people's programs, kept out of the workbench's install. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Installs what is not there yet, from the folder's lockfile. @throws Error where npm fails */
export function installWhereMissing(folder: 'e2e' | 'clients'): void {
  const cwd = join(import.meta.dirname, folder)
  if (existsSync(join(cwd, 'node_modules'))) return
  // Within the folder, not by --prefix: that would also move npm's own configuration (certificates, registry).
  if (spawnSync('npm', ['ci'], { cwd, stdio: 'inherit', shell: process.platform === 'win32' }).status !== 0) throw new Error(`npm ci failed in tests/${folder}`)
}
