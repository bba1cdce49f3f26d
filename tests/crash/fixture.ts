/** What the crash tests share: small runs, child processes that carry them, and what a project holds in the end. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import { type ConfigOverrides, loadConfig } from '../../main/pipeline/config.ts'
import type { RunContext, RunEvent } from '../../main/pipeline/context.ts'
import { carryOn, type RunUntil } from '../../main/pipeline/runner.ts'
import { withNewRun, withRun } from '../../main/pipeline/session.ts'
import { contentRows } from '../../main/store/content.ts'
import { openProject } from '../../main/store/project.ts'
import type { RunConfig } from '../../preload/contract/config.ts'
import type { Kill, Line } from './kills.ts'

/** A folder of this test file's own. */
export const scratch = mkdtempSync(join(tmpdir(), 'creamery-crash-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

// ── configurations ─────────────────────────────────────────────────────────────────────────────────────────────────

export const ciRun = (overrides: ConfigOverrides = {}): RunConfig => loadConfig({ preset: 'ci', overrides })

const tasks = fileURLToPath(new URL('../../native-models/bundled/data/tasks.jsonl', import.meta.url))

/** One round of few prompts: seconds. */
export function smallRun({ data, ...overrides }: ConfigOverrides = {}): RunConfig {
  return ciRun({
    iterations: 1, ...overrides,
    data: { sftLimit: 40, promptsLimit: 24, evaluation: [{ name: 'bundled', file: tasks, limit: 8 }], ...data },
  })
}

// ── runs in this process ───────────────────────────────────────────────────────────────────────────────────────────

export interface Watching extends RunUntil {
  readonly signal?: AbortSignal
  readonly onEvent?: (event: RunEvent, context: RunContext) => void
  /** Before the run is carried on. */
  readonly prepare?: (context: RunContext) => void
}

/** Starts the run of a configuration in a new folder. */
export function start(folder: string, config: RunConfig, watching: Watching = {}): Promise<string> {
  const { options, work } = watched(watching)
  return withNewRun(folder, config, options, work)
}

/** Carries the run of a folder on. */
export function resume(folder: string, watching: Watching = {}): Promise<string> {
  const { options, work } = watched(watching)
  return withRun(folder, options, work)
}

function watched({ signal = new AbortController().signal, onEvent, prepare, ...until }: Watching) {
  let current: RunContext | undefined
  return {
    options: { signal, emit: (event: RunEvent) => { if (current) onEvent?.(event, current) } },
    work(context: RunContext): Promise<string> {
      current = context
      prepare?.(context)
      return carryOn(context, until)
    },
  }
}

// ── runs in a process that may be killed ───────────────────────────────────────────────────────────────────────────

export interface ChildEnd {
  readonly lines: readonly Line[]
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly errors: string
}

const program = fileURLToPath(new URL('./run-child.ts', import.meta.url))

/** Runs run-child.ts to its end; `temporary` is the folder of its temporary files, by which its family is known. */
export function runChild(folder: string, configFile: string, temporary: string, kills: readonly Kill[] = []): Promise<ChildEnd> {
  mkdirSync(temporary, { recursive: true })
  const child = spawn(process.execPath, [program, folder, configFile], {
    env: { ...process.env, TMPDIR: temporary, CREAMERY_KILLS: JSON.stringify(kills) }, stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  return new Promise((resolve) => child.once('close', (code, signal) => {
    resolve({ lines: output.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Line), code, signal, errors })
  }))
}

export function writeConfig(name: string, config: RunConfig): string {
  const file = join(scratch, `${name}.json`)
  writeFileSync(file, JSON.stringify(config))
  return file
}

/** Ids of the living processes whose temporary folder this is, once none is left or `patience` milliseconds are over. Linux only. */
export async function leftProcesses(temporary: string, patience = 5000): Promise<number[]> {
  const deadline = performance.now() + patience
  for (;;) {
    const pids = familyOf(temporary)
    if (pids.length === 0 || performance.now() > deadline) return pids
    await wait(20)
  }
}

function familyOf(temporary: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`TMPDIR=${temporary}`)
    } catch {
      return false // gone meanwhile
    }
  })
}

// ── what a project holds ───────────────────────────────────────────────────────────────────────────────────────────

export interface Holdings {
  readonly rows: ReturnType<typeof contentRows>
  /** Every file of adapters/ and checkpoints/, by its path: its sha256. */
  readonly files: Readonly<Record<string, string>>
}

export function holdingsOf(folder: string): Holdings {
  const project = openProject(folder, { readOnly: true })
  try {
    return { rows: contentRows(project.db), files: filesOf(folder) }
  } finally {
    project.close()
  }
}

export function filesOf(folder: string): Record<string, string> {
  const paths = ['adapters', 'checkpoints'].flatMap((name) => readdirSync(join(folder, name), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort()
  return Object.fromEntries(paths.map((path) => [relative(folder, path), createHash('sha256').update(readFileSync(path)).digest('hex')]))
}
