/** What may lie outside a project, as its rows name it. */
import { isAbsolute, join, posix, relative, resolve, sep, win32 } from 'node:path'
import { type Project, pathForRow, pathIn } from './project.ts'

type Place = Pick<Project, 'folder'>

/** What comes with Creamery: an update, or an AppImage at each of its starts, lies elsewhere than the one before. */
const bundled = { folder: resolve(import.meta.dirname, '../../native-models/bundled'), scheme: 'bundled:' }

/** Relative within the project, so that it moves along with it; by a name of its own within what comes with Creamery; else where it is. */
export function linkForRow(project: Place, path: string): string {
  if (isWithin(project.folder, path)) return pathForRow(project, path)
  return isWithin(bundled.folder, path) ? bundled.scheme + pathForRow(bundled, path) : path
}

/** Where that is on this machine; an absolute path stays as it is, another system's too. @throws as `pathIn` */
export function linkIn(project: Place, link: string): string {
  if (link.startsWith(bundled.scheme)) return join(bundled.folder, link.slice(bundled.scheme.length))
  return posix.isAbsolute(link) || win32.isAbsolute(link) ? link : pathIn(project, link)
}

function isWithin(folder: string, path: string): boolean {
  const inside = relative(folder, path)
  return inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside)
}
