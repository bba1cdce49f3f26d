/** Is there an Electron to open a window with? */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export type FoundElectron = { readonly binary: string; readonly why: null } | { readonly binary: null; readonly why: string }

/** Asking the package itself would download what is missing, so its files are looked at (ENGINE §11). */
export function findElectron(folder: string, env: NodeJS.ProcessEnv): FoundElectron {
  const override = env['ELECTRON_OVERRIDE_DIST_PATH']
  const named = existsSync(join(folder, 'path.txt')) ? readFileSync(join(folder, 'path.txt'), 'utf8').trim() : null
  const binary = override === undefined ? named && join(folder, 'dist', named) : resolve(override, named ?? 'electron')
  if (!binary) return { binary: null, why: "Electron's binary is not installed" }
  return existsSync(binary) ? { binary, why: null } : { binary: null, why: `Electron's binary ${binary} is not there` }
}

/** What opens the workbench: Electron's binary, or null and why it is the browser. */
export function whatOpens(folder: string, env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): FoundElectron {
  const hasScreen = platform !== 'linux' || Boolean(env['DISPLAY'] ?? env['WAYLAND_DISPLAY'])
  const found = findElectron(folder, env)
  return found.binary === null || hasScreen ? found : { binary: null, why: 'this session has no screen' }
}
