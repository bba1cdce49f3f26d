/** Handles instead of paths: a renderer can only name what main has shown it. */
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { basename, join, sep } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import type { PlaceEntry, PlaceListing } from '../../preload/contract/requests/place.ts'

interface Place {
  readonly path: string
  /** Found by browsing, so it has to be below a root whenever it is used; else main or a person's dialog named it. */
  readonly browsed: boolean
}

const LARGEST_LISTING = 2000

export class Places {
  /** Real paths that browsing may not leave; none where the host has dialogs. */
  readonly #roots: readonly string[]
  readonly #places = new Map<string, Place>()
  readonly #handles = new Map<string, string>()

  constructor(roots: readonly string[]) {
    this.#roots = [...new Set(roots.map((root) => realpathSync(root)))]
  }

  /** A handle for a path that main, a dialog or an upload vouches for. */
  give(path: string): string {
    return this.#handleOf({ path, browsed: false })
  }

  /** @throws AppError 'refused' for a handle that was never given, and for what has moved out of the roots since */
  pathOf(handle: string): string {
    const place = this.#places.get(handle)
    if (!place) throw new AppError('refused', 'This file or folder is not known any more; choose it again.')
    if (place.browsed && this.#within(place.path) === null) throw new AppError('refused', 'This file or folder is gone, or lies outside the folders that may be browsed; choose another.')
    return place.path
  }

  entryOf(path: string): PlaceEntry {
    return describe(this.give(path), path)
  }

  roots(): PlaceEntry[] {
    return this.#roots.map((path) => describe(this.#handleOf({ path, browsed: true }), path))
  }

  /** @throws AppError 'refused' for what browsing may not see, 'bad-arguments' for what cannot be listed */
  list(handle: string): PlaceListing {
    const folder = this.#within(this.pathOf(handle))
    if (folder === null) throw new AppError('refused', 'This folder lies outside the folders that may be browsed; start again from one of the roots.')
    const shown = namesIn(folder).filter((name) => !name.startsWith('.')).flatMap((name) => {
      const path = this.#within(join(folder, name)) // a link is where it leads
      return path === null ? [] : [{ name, path }]
    })
    const entries = shown.slice(0, LARGEST_LISTING).flatMap(({ name, path }) => {
      const entry = describe(this.#handleOf({ path, browsed: true }), path)
      return [{ ...entry, name }]
    })
    return {
      handle: this.#handleOf({ path: folder, browsed: true }),
      trail: this.#trailTo(folder),
      entries: entries.toSorted((a, b) => Number(a.kind === 'file') - Number(b.kind === 'file') || a.name.localeCompare(b.name, 'en', { numeric: true })),
      truncated: shown.length > LARGEST_LISTING,
    }
  }

  /** The real path, or null outside every root (and for what is not there). */
  #within(path: string): string | null {
    try {
      const real = realpathSync(path)
      return this.#roots.some((root) => real === root || real.startsWith(root.endsWith(sep) ? root : root + sep)) ? real : null
    } catch {
      return null
    }
  }

  #trailTo(folder: string): PlaceListing['trail'] {
    const root = this.#roots.filter((one) => folder === one || folder.startsWith(one.endsWith(sep) ? one : one + sep)).sort((a, b) => b.length - a.length)[0]!
    const names = folder.slice(root.length).split(sep).filter(Boolean)
    return [root, ...names.map((_, i) => join(root, ...names.slice(0, i + 1)))].map((path) => ({ handle: this.#handleOf({ path, browsed: true }), name: basename(path) || path }))
  }

  #handleOf(place: Place): string {
    const key = `${Number(place.browsed)} ${place.path}`
    let handle = this.#handles.get(key)
    if (!handle) {
      handle = `place-${randomBytes(12).toString('hex')}`
      this.#handles.set(key, handle)
      this.#places.set(handle, place)
    }
    return handle
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    throw new AppError('bad-arguments', `This folder cannot be read (${(error as NodeJS.ErrnoException).code}); choose another.`, error)
  }
}

function describe(handle: string, path: string): PlaceEntry {
  const stat = statSync(path, { throwIfNoEntry: false })
  const isFolder = stat?.isDirectory() ?? false
  return { handle, name: basename(path) || path, kind: isFolder ? 'folder' : 'file', bytes: isFolder ? null : (stat?.size ?? 0), holdsModel: isFolder && existsSync(join(path, 'config.json')) }
}
