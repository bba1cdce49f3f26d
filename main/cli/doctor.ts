/** `doctor`: what works on this machine, what does not, and why. */
import { readFileSync, statfsSync } from 'node:fs'
import { availableParallelism, freemem, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError } from '../../preload/contract/errors.ts'
import { reportModel } from '../pipeline/open-model.ts'
import { findElectron } from './electron.ts'
import { type AddCommand, withEngine, withSandbox } from './shell.ts'
import { formatTable } from './table.ts'
import { creameryVersion } from './version.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const bundledModel = join(root, 'native-models/bundled/model')

export const addDoctor: AddCommand = (program, act) => {
  program.command('doctor')
    .description('Devices, versions, memory and disk: what works here, what does not, and why.')
    .action(act(async (_, { terminal }) => {
      const report = await examine()
      if (terminal.isRead) terminal.print(describeReport(report))
      else terminal.object(report)
      const broken = report.checks.filter(({ needed, works }) => needed && !works)
      if (broken.length > 0) throw new AppError('internal', `Creamery cannot work here without ${broken.map(({ name }) => name).join(', ')}; the report says why.`)
    }))
}

export interface Check {
  readonly name: string
  readonly works: boolean
  /** Nothing works without it. */
  readonly needed: boolean
  /** What was found, or why it does not work. */
  readonly detail: string
}

export interface Report {
  readonly versions: { readonly creamery: string; readonly node: string; readonly onnxruntime: string | null; readonly sqlite: string | null }
  readonly platform: string
  readonly threads: number
  readonly memoryBytes: { readonly total: number; readonly free: number }
  readonly disk: { readonly folder: string; readonly freeBytes: number }
  readonly checks: readonly Check[]
}

async function examine(): Promise<Report> {
  const [engine, sqlite, sandbox, model] = await Promise.all([examineEngine(), examineStore(), examineSandbox(), examineBundledModel()])
  const { bavail, bsize } = statfsSync('.')
  return {
    versions: { creamery: creameryVersion, node: process.versions.node, onnxruntime: engine.version, sqlite: sqlite.version },
    platform: `${process.platform}-${process.arch}`,
    threads: availableParallelism(),
    memoryBytes: { total: totalmem(), free: freemem() },
    disk: { folder: process.cwd(), freeBytes: bavail * bsize },
    checks: [...engine.checks, sqlite.check, sandbox, model, examineElectron(join(root, 'node_modules/electron'), process.env)],
  }
}

async function examineEngine(): Promise<{ version: string | null; checks: Check[] }> {
  const engineName = 'engine'
  try {
    return await withEngine(async (engine) => {
      const { onnxruntime } = await engine.call('hello', {})
      const devices = (await engine.call('probe', {})).map(({ device, name, available, reason, fp16, details }): Check => {
        const halves = device === 'cpu' ? [] : [fp16 === null ? 'fp16 weights work here, not yet run on a real graphics card' : `no fp16 weights: ${fp16}`]
        const found = [name, ...Object.entries(details).map(([key, value]) => `${key} ${value}`), ...halves].join(', ')
        return { name: `device ${device}`, works: available, needed: device === 'cpu', detail: reason ?? found }
      })
      return { version: onnxruntime, checks: [{ name: engineName, works: true, needed: true, detail: `onnxruntime ${onnxruntime}` }, ...devices] }
    })
  } catch (error) {
    return { version: null, checks: [{ name: engineName, works: false, needed: true, detail: sentenceOf(error) }] }
  }
}

/** Creates a database in memory, with every table. Loaded only now: a broken native module is a finding, not a crash. */
async function examineStore(): Promise<{ version: string | null; check: Check }> {
  const name = 'store'
  try {
    const { get, openDatabase } = await import('../store/database.ts')
    const db = openDatabase(':memory:')
    const version = get<{ version: string }>(db, 'SELECT sqlite_version() AS version')!.version
    db.close()
    return { version, check: { name, works: true, needed: true, detail: `SQLite ${version}` } }
  } catch (error) {
    return { version: null, check: { name, works: false, needed: true, detail: sentenceOf(error) } }
  }
}

async function examineSandbox(): Promise<Check> {
  try {
    const { hasTemplate, vocabSize } = await withSandbox(async (sandbox) => (await sandbox.openText(bundledModel)).info)
    return { name: 'sandbox', works: true, needed: true, detail: `read the bundled tokenizer: ${vocabSize} tokens, ${hasTemplate ? 'with' : 'without'} a chat template` }
  } catch (error) {
    return { name: 'sandbox', works: false, needed: true, detail: sentenceOf(error) }
  }
}

async function examineBundledModel(): Promise<Check> {
  const name = 'bundled model'
  const { sha256, problems } = await reportModel(bundledModel)
  if (sha256 === null) return { name, works: false, needed: false, detail: problems.join(' ') }
  const { models } = JSON.parse(readFileSync(join(root, 'native-models/bundled/catalog.json'), 'utf8')) as { models: readonly { readonly sha256: string }[] }
  const isOurs = models.some((model) => model.sha256 === sha256)
  return { name, works: isOurs, needed: false, detail: isOurs ? `sha256 ${sha256}, as in the catalog` : `its files are not the catalog's (sha256 ${sha256}); install Creamery again` }
}

export function examineElectron(folder: string, env: NodeJS.ProcessEnv): Check {
  const { binary, why } = findElectron(folder, env)
  const detail = binary ?? `${why}; "npx install-electron" fetches it, and the workbench opens in a browser without it`
  return { name: 'Electron window', works: binary !== null, needed: false, detail }
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message.split('\n', 1)[0]! : String(error)
}

function describeReport({ versions, platform, threads, memoryBytes, disk, checks }: Report): string {
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`
  const machine = [
    ['Creamery', versions.creamery],
    ['Node', versions.node],
    ['onnxruntime', versions.onnxruntime ?? '–'],
    ['SQLite', versions.sqlite ?? '–'],
    ['platform', `${platform}, ${threads} threads, ${gigabytes(memoryBytes.free)} of ${gigabytes(memoryBytes.total)} memory free`],
    ['disk', `${gigabytes(disk.freeBytes)} free in ${disk.folder}`],
  ]
  return `${formatTable(['what', 'found'], machine)}\n\n${formatTable(['part', 'works', 'detail'], checks.map(({ name, works, detail }) => [name, works ? 'yes' : 'no', detail]))}`
}
