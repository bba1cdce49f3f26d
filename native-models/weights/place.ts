/** Where a model may be read from and written to: links are followed first, the system's own folders are no place for either. */
import { existsSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { ModelError } from './error.ts'

const SYSTEM: readonly string[] = process.platform === 'win32'
  ? [process.env['SystemRoot'] ?? 'C:\\Windows', process.env['ProgramFiles'] ?? 'C:\\Program Files', process.env['ProgramData'] ?? 'C:\\ProgramData']
  : ['/proc', '/sys', '/dev', '/etc', '/boot', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/usr/bin', '/usr/sbin', '/usr/lib', '/usr/lib64', '/usr/libexec', '/usr/include', '/System', '/private/etc']
/** Memory as a disk, which people use for models. */
const SHARED_MEMORY = '/dev/shm'

/** @param path a real path or a resolved one. @throws ModelError when it lies in a folder of the system's, or is the root of all */
export function refuseSystem(path: string): void {
  if (dirname(path) === path) throw new ModelError(`${path} is the root of the disk and no model's folder; choose the folder that holds the model's config.json.`)
  const isBelow = (folder: string): boolean => path === folder || path.startsWith(folder + sep)
  if (SYSTEM.some(isBelow) && !isBelow(SHARED_MEMORY)) throw new ModelError(`${path} belongs to the system, and no model is read from or written to there; choose a folder of your own.`)
}

/** The real folder of a model that a person named: by its folder, or by its safetensors file. @throws ModelError */
export function locateModel(path: string): string {
  let real: string
  try {
    real = realpathSync(path)
  } catch (error) {
    throw new ModelError(`${path} does not exist or may not be read; choose the folder that holds the model's config.json.`, error)
  }
  refuseSystem(real)
  if (statSync(real).isDirectory()) return real
  const named = resolve(path)
  if (!/\.(safetensors|safetensors\.index\.json)$/.test(named)) throw new ModelError(`${path} is neither a folder nor a safetensors file; choose the folder that holds the model's config.json.`)
  return realpathSync(dirname(named)) // beside the link: downloads keep their files elsewhere
}

/** Where a folder to be made would really lie. @throws ModelError when that is the system's */
export function locateTarget(path: string): string {
  const whole = resolve(path)
  let there = whole
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there)
  const real = join(realpathSync(there), relative(there, whole))
  refuseSystem(real)
  return real
}
