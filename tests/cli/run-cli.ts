/** Runs the command line as a person does: a process of its own, in an empty folder, with nothing but PATH and HOME. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { compileCache } from '../compile-cache.ts'
import { temporaryFolder as folderFor } from '../temporary.ts'

export const fromRoot = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
export const golden = (name: string): string => fromRoot(`tests/golden/llama/${name}`)
export const stories = fromRoot('../shared/assets/models/stories260K')
export const storiesAreThere = existsSync(stories)
if (!storiesAreThere) console.warn('stories260K is not in ../shared/assets/models: the command line\'s tests on text are skipped')

export const temporaryFolder = (): string => folderFor('cli')

/** A file with this text, or with these objects as JSON Lines. */
export function fileWith(content: string | readonly unknown[], name = 'input.jsonl'): string {
  const path = join(temporaryFolder(), name)
  writeFileSync(path, typeof content === 'string' ? content : content.map((line) => `${JSON.stringify(line)}\n`).join(''))
  return path
}

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Flags of Node itself. */
  readonly node?: readonly string[]
  /** In a process group of its own, as a terminal starts it. */
  readonly ownGroup?: boolean
}

export function startCli(args: readonly string[], { cwd = temporaryFolder(), env = {}, node = [], ownGroup = false }: CliOptions = {}): { child: ChildProcess; outcome: Promise<Outcome> } {
  const { PATH, HOME } = process.env
  const child = spawn(process.execPath, [...node, fromRoot('main/start.mjs'), ...args], { cwd, env: { PATH, HOME, ...compileCache, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: ownGroup })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const outcome = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }))
  return { child, outcome }
}

export const creamery = (args: readonly string[], options?: CliOptions): Promise<Outcome> => startCli(args, options).outcome

/** What a successful command printed, line by line. */
export async function jsonLines<T = unknown>(args: readonly string[], options?: CliOptions): Promise<T[]> {
  const { code, stdout, stderr } = await creamery(args, options)
  expect(code, stderr).toBe(0)
  return stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as T)
}

/** The command must end with exit code 2, print nothing but this one sentence, and write nothing. */
export async function expectRefusal(args: readonly string[], sentence: RegExp, options: CliOptions = {}): Promise<void> {
  const cwd = temporaryFolder()
  const { code, stdout, stderr } = await creamery(args, { ...options, cwd })
  expect(stderr).toMatch(/^[^\n]+[.)]\n$/)
  expect(stderr).toMatch(sentence)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(readdirSync(cwd)).toEqual([])
}
