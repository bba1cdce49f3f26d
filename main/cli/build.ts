/** Builds what is older than its sources: a checkout is started without a thought of building it first. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { watch } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify, stripVTControlCharacters } from 'node:util'
import { AppError } from '../../preload/contract/errors.ts'
import type { Terminal } from './terminal.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const common = ['electron.vite.config.ts', 'package.json', 'preload']
const bundles = {
  renderer: { sources: ['renderer', ...common], built: 'out/renderer/index.html' },
  all: { sources: ['renderer', 'main', 'native-models', ...common], built: 'out/main/index.js' },
}

/** @throws AppError 'internal' when the build fails, 'bad-arguments' where its tools are not installed */
export async function buildWhereStale(terminal: Pick<Terminal, 'note'>, what: keyof typeof bundles): Promise<void> {
  if (extname(import.meta.filename) === '.js') return // this is the build
  const { sources, built } = bundles[what]
  const file = join(root, built)
  const at = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (sources.every((source) => newest(join(root, source)) <= at)) return
  const started = performance.now()
  await build(what)
  terminal.note(`Built ${what === 'all' ? 'the workbench' : "the workbench's pages"} in ${((performance.now() - started) / 1000).toFixed(1)} s.`)
}

/** Builds the pages again whenever one of their sources changes, until it is stopped; a fault is told and waited out. */
export async function keepBuilt(terminal: Pick<Terminal, 'note'>, signal: AbortSignal): Promise<void> {
  try {
    for await (const _ of watch(join(root, 'renderer'), { recursive: true, signal })) {
      await buildWhereStale(terminal, 'renderer').catch((error: unknown) => terminal.note(error instanceof Error ? error.message : String(error)))
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** A build beside the old one takes its place at the end: whoever serves out/ meanwhile finds every file. */
async function build(what: keyof typeof bundles): Promise<void> {
  const beside = `out/.build-${process.pid}`
  try {
    await promisify(execFile)(process.execPath, [builder(), 'build', '--logLevel', 'warn'], { cwd: root, env: { ...process.env, CREAMERY_OUT: beside, CREAMERY_BUILD: what } })
    for (const name of readdirSync(join(root, beside))) {
      replace(join(root, 'out', name), join(root, beside, name))
    }
  } catch (error) {
    const said = stripVTControlCharacters(String((error as { stderr?: unknown }).stderr ?? error)).trim()
    throw new AppError('internal', `The workbench could not be built (${said.split('\n').find((line) => /error|\[/i.test(line)) ?? said.slice(0, 200)}); "npm run build" shows all of it.`, error)
  } finally {
    rmSync(join(root, beside), { recursive: true, force: true })
  }
}

/** Another start may do the same at the same time: whoever is last stays. */
function replace(old: string, fresh: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      if (existsSync(old)) renameSync(old, `${fresh}.old-${attempt}`)
      return renameSync(fresh, old)
    } catch (error) {
      if (attempt === 5 || !['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
}

function builder(): string {
  mkdirSync(join(root, 'out'), { recursive: true })
  try {
    return join(dirname(createRequire(import.meta.url).resolve('electron-vite/package.json')), 'bin/electron-vite.js')
  } catch (error) {
    throw new AppError('bad-arguments', 'The workbench is not built, and what builds it is not installed; run "npm ci" first.', error)
  }
}

/** Of a file, or of a folder and everything in it: a file that was taken away changes its folder. */
function newest(path: string): number {
  const stat = statSync(path)
  return stat.isDirectory() ? readdirSync(path).reduce((latest, name) => Math.max(latest, newest(join(path, name))), stat.mtimeMs) : stat.mtimeMs
}
