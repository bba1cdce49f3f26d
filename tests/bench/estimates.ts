/**
 * `npx node tests/bench/estimates.ts [--shape demo|ci|135m] [--clock wall|cpu|both] [--json]`
 * Estimates a run, carries it out, and holds the two against each other: time and memory per stage, disk at the end; once
 * by the wall's clock, and once by what main, engine and sandbox compute on one thread, which on a computer that does other
 * work too is the steadier figure.
 * Memory per stage is the engine's high-water mark, which only Linux lets one set back.
 */
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadConfig } from '../../main/pipeline/config.ts'
import { estimateRun } from '../../main/pipeline/estimate/estimate.ts'
import { carryOn } from '../../main/pipeline/runner.ts'
import { withNewRun } from '../../main/pipeline/session.ts'
import { startSandbox } from '../../main/sandbox/host.ts'
import { RunConfig } from '../../preload/contract/config.ts'
import type { Stage } from '../../preload/contract/domain.ts'
import type { RunEstimate } from '../../preload/contract/requests/estimate.ts'
import { writeRandomModel } from './model.ts'

const { values: options } = parseArgs({ options: { shape: { type: 'string', default: 'demo' }, clock: { type: 'string', default: 'both' }, json: { type: 'boolean' } } })
const bundled = fileURLToPath(new URL('../../native-models/bundled', import.meta.url))

/** Seconds since whenever, given the children's processes. */
type Clock = (children: readonly (number | undefined)[]) => number

/** Linux tells how long each thread has run. */
const cpuSeconds = (pid: number | undefined): number => (pid === undefined ? 0 : readdirSync(`/proc/${pid}/task`).reduce((sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]), 0) / 1e9)
const clocks: Readonly<Record<string, Clock>> = { wall: () => performance.now() / 1000, cpu: (children) => [process.pid, ...children].map(cpuSeconds).reduce((sum, seconds) => sum + seconds, 0) }

interface Measured {
  readonly stages: { t: number; stage: Stage; seconds: number; peakBytes: number }[]
  diskBytes: number
}

interface Row {
  readonly what: string
  readonly estimated: number
  readonly measured: number
  /** Estimated ÷ measured. */
  readonly ratio: number
}

interface Report {
  readonly clock: string
  readonly load: number
  readonly rows: readonly Row[]
  /** By the same probe once more: where the two differ, the machine had more or less to do meanwhile. */
  readonly totalSecondsEstimatedAfter: number | null
  readonly probe: RunEstimate['probe']
}

const folder = mkdtempSync(join(tmpdir(), 'creamery-estimates-'))
try {
  const config = await configOf(options.shape)
  const chosen = options.clock === 'both' ? Object.keys(clocks) : [options.clock]
  for (const name of chosen) if (!clocks[name]) throw new Error(`--clock ${name}: choose wall, cpu or both`)
  for (const name of chosen) {
    // Threads that wait for each other spin: on the processes' clock that would count as work.
    const report = await holdAgainst({ ...config, ...(name === 'cpu' && { threads: 1 }) }, name)
    console.log(options.json ? JSON.stringify({ shape: options.shape, ...report }) : describe(report))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function holdAgainst(config: RunConfig, name: string): Promise<Report> {
  const [clock, load] = [clocks[name]!, loadavg()[0]!]
  const before = await estimate(config, `${name}-before`, clock)
  const measured = await carryOut(config, join(folder, `project-${name}`), clock)
  const after = await estimate(config, `${name}-after`, clock)
  return { clock: name, load, rows: compare(before, measured), totalSecondsEstimatedAfter: after.time.totalSeconds, probe: before.probe }
}

async function configOf(shape: string): Promise<RunConfig> {
  if (shape === 'demo' || shape === 'ci') return loadConfig({ preset: shape })
  if (shape !== '135m') throw new Error(`--shape ${shape}: choose demo, ci or 135m`)
  const { folder: model } = await writeRandomModel('smollm2-135m', join(folder, 'random'))
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) await copyFile(join(bundled, 'model', name), join(model, name))
  const lines = (name: string, count: number, make: (rows: string[]) => unknown): string => {
    const rows = readFileSync(join(bundled, 'data', name), 'utf8').trim().split('\n')
    const path = join(folder, name)
    writeFileSync(path, Array.from({ length: count }, (_, i) => JSON.stringify(make(rows.slice(10 * i, 10 * i + 10)))).join('\n'))
    return path
  }
  // Ten of the bundled model's short prompts in one: about 150 tokens.
  const joined = (rows: string[]): string => rows.map((row) => textOf((JSON.parse(row) as { prompt: unknown }).prompt)).join(' ')
  return RunConfig.parse({
    model, maxLength: 512, iterations: 1, method: 'cream-dyn', seed: 1,
    data: {
      sft: lines('sft.jsonl', 16, (rows) => ({ prompt: joined(rows), response: joined(rows.toReversed()).slice(0, 120) })),
      prompts: lines('prompts.jsonl', 12, (rows) => ({ prompt: joined(rows) })),
      evaluation: [{ name: 'held-out', file: lines('tasks.jsonl', 6, (rows) => ({ prompt: joined(rows), answer: '1' })) }],
    },
    tuning: { kind: 'lora', r: 16, alpha: 32 }, sft: { learningRate: 1e-4, batchSize: 8 }, dpo: { learningRate: 1e-5, batchSize: 8 },
    sampling: { responses: 4, maxNewTokens: 48 }, consistency: { clamp: true, acceptReversed: true }, pairs: { chooseTruncated: true },
    evaluation: { scorer: 'exact', samples: 0, maxNewTokens: 32 },
  })
}

function textOf(prompt: unknown): string {
  return typeof prompt === 'string' ? prompt : (prompt as { content: string }[]).map(({ content }) => content).join(' ')
}

async function estimate(config: RunConfig, name: string, clock: Clock): Promise<RunEstimate> {
  const sandbox = startSandbox()
  try {
    return await estimateRun({ config, newest: null, folder, probes: join(folder, `probes-${name}.json`), unmeasured: null, sandbox, clock: (engine) => clock([engine, sandbox.pid()]), signal: new AbortController().signal })
  } finally {
    await sandbox.close()
  }
}

/** The first stage's seconds count from the start of everything: the estimate's do. */
async function carryOut(config: RunConfig, project: string, clock: Clock): Promise<Measured> {
  mkdirSync(project)
  const measured: Measured = { stages: [], diskBytes: 0 }
  let children: (number | undefined)[] = []
  let began = clock(children)
  await withNewRun(project, config, {
    signal: new AbortController().signal,
    emit(event) {
      if (event.kind === 'stage-started') forgetPeak(children[0])
      if (event.kind !== 'stage-done') return
      const now = clock(children)
      measured.stages.push({ t: event.iteration, stage: event.stage, seconds: now - began, peakBytes: peakOf(children[0]) })
      began = now
    },
  }, (context) => {
    children = [context.engine.pid, context.sandbox.pid()]
    return carryOn(context)
  })
  measured.diskBytes = bytesIn(project)
  return measured
}

function forgetPeak(pid: number | undefined): void {
  if (process.platform === 'linux') writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

function peakOf(pid: number | undefined): number {
  if (process.platform !== 'linux') return Number.NaN
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])
}

function bytesIn(path: string): number {
  const stat = lstatSync(path)
  return stat.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + bytesIn(join(path, name)), 0) : stat.size
}

function compare({ memory, disk, time }: RunEstimate, { stages, diskBytes }: Measured): Row[] {
  const row = (what: string, estimated: number, found: number): Row => ({ what, estimated, measured: found, ratio: estimated / found })
  const peak = (stage: Stage): number => Math.max(...stages.filter((one) => one.stage === stage).map(({ peakBytes }) => peakBytes))
  return [
    row('memory, peak MB', memory.peakBytes / 1e6, Math.max(...stages.map(({ peakBytes }) => peakBytes)) / 1e6),
    ...memory.stages.map(({ stage, bytes }) => row(`memory of ${stage}, MB`, bytes / 1e6, peak(stage) / 1e6)),
    row('disk, MB', disk.totalBytes / 1e6, diskBytes / 1e6),
    row('time, s', time.totalSeconds!, stages.reduce((sum, { seconds }) => sum + seconds, 0)),
    ...stages.flatMap(({ t, stage, seconds }) => {
      const found = time.stages.find((one) => one.t === t && one.stage === stage)
      return found?.seconds ? [row(`time of ${stage} in ${t}, s`, found.seconds, seconds)] : []
    }),
  ]
}

function describe({ clock, load, rows, totalSecondsEstimatedAfter, probe }: Report): string {
  const line = ({ what, estimated, measured, ratio }: Row): string => `${what.padEnd(28)} ${estimated.toFixed(1).padStart(9)} ${measured.toFixed(1).padStart(9)} ${ratio.toFixed(2).padStart(6)}`
  return [
    `${options.shape} by ${clock === 'cpu' ? "the processes' clock on one thread" : "the wall's clock"}: estimated, measured, ratio (load before: ${load.toFixed(1)})`,
    ...rows.map(line), `${'time estimated afterwards, s'.padEnd(28)} ${totalSecondsEstimatedAfter?.toFixed(1).padStart(9)}`, probe.sentence, '',
  ].join('\n')
}
