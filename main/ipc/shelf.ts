/** The projects a person has: those in the projects' folder, and those opened from elsewhere, remembered in one file. */
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { AppError } from '../../preload/contract/errors.ts'
import type { ProjectSummary } from '../../preload/contract/requests/project.ts'
import { databaseName } from '../store/project.ts'
import type { Places } from './places.ts'

interface Remembered {
  readonly folder: string
  readonly openedAt: string
}

export class Shelf {
  /** Where new projects go. */
  readonly folder: string
  readonly #file: string
  readonly #places: Places
  /** Folders that something is being made for. */
  readonly #taken = new Set<string>()

  constructor({ projectsFolder, stateFolder, places }: { projectsFolder: string; stateFolder: string; places: Places }) {
    this.folder = resolve(projectsFolder)
    this.#file = join(stateFolder, 'projects.json')
    this.#places = places
  }

  /** Last opened first, never opened ones after them, by name. */
  list(): ProjectSummary[] {
    const remembered = this.#read()
    const folders = new Set([...remembered.map(({ folder }) => folder), ...this.#found()])
    return [...folders].map((folder) => this.summaryOf(folder, remembered)).toSorted((a, b) => (b.openedAt ?? '').localeCompare(a.openedAt ?? '') || a.name.localeCompare(b.name))
  }

  summaryOf(folder: string, remembered: readonly Remembered[] = this.#read()): ProjectSummary {
    const openedAt = remembered.find((one) => one.folder === folder)?.openedAt ?? null
    return { handle: this.#places.give(folder), name: basename(folder), folder, openedAt, missing: !isProject(folder) }
  }

  /** Has something made for a folder of this name that is free; until it is made, nobody else gets that. @throws AppError 'bad-arguments' */
  async withPlace<T>(name: string, parent: string, make: (folder: string) => Promise<T>): Promise<T> {
    const fault = faultOf(name)
    if (fault) throw new AppError('bad-arguments', `"${name}" cannot be a folder's name on every system: ${fault}; choose another name.`)
    const folder = join(parent, name)
    if (this.#taken.has(folder)) throw taken(folder)
    requireFree(folder)
    mkdirSync(parent, { recursive: true })
    this.#taken.add(folder)
    try {
      return await make(folder)
    } finally {
      this.#taken.delete(folder)
    }
  }

  remember(folder: string): void {
    this.#write([{ folder, openedAt: new Date().toISOString() }, ...this.#read().filter((one) => one.folder !== folder)])
  }

  forget(folder: string): void {
    this.#write(this.#read().filter((one) => one.folder !== folder))
  }

  #found(): string[] {
    if (!existsSync(this.folder)) return []
    return readdirSync(this.folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => join(this.folder, name)).filter(isProject)
  }

  /** A damaged list costs only the order: projects are folders of their own. */
  #read(): Remembered[] {
    try {
      const value: unknown = JSON.parse(readFileSync(this.#file, 'utf8'))
      return Array.isArray(value) ? value.filter((one: Partial<Remembered> | null): one is Remembered => typeof one?.folder === 'string' && !Number.isNaN(Date.parse(one.openedAt ?? ''))) : []
    } catch (error) {
      if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  }

  #write(list: readonly Remembered[]): void {
    mkdirSync(dirname(this.#file), { recursive: true })
    writeFileSync(`${this.#file}.partial`, JSON.stringify(list.slice(0, 200), null, 1))
    renameSync(`${this.#file}.partial`, this.#file)
  }
}

export const isProject = (folder: string): boolean => existsSync(join(folder, databaseName))

/** @throws AppError 'bad-arguments' */
export function requireFree(folder: string): void {
  if (existsSync(folder)) throw taken(folder)
}

const taken = (folder: string): AppError => new AppError('bad-arguments', `There is a "${basename(folder)}" in ${dirname(folder)} already; choose another name.`)

/** What keeps a name from being a folder's on Windows, macOS or Linux, as a phrase. */
function faultOf(name: string): string | null {
  if (/[/\\:*?"<>|]/.test(name) || [...name].some((character) => character < ' ')) return 'it holds one of / \\ : * ? " < > |'
  if (/^\.|[. ]$/.test(name)) return 'it begins or ends with a dot'
  return /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(name) ? 'Windows keeps it for itself' : null
}
