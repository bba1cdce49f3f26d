/**
 * `npm run bench -- [--json] [--verbose] [--only train|score|sample] [--shape smollm2-135m|tiny|large-vocabulary]`
 * How near to plain matrix products the engine comes, as the main process sees it. Nothing else should run meanwhile.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { type Rounds, type Sizes, countFlops, measureSampling, measureScoring, measureTraining } from './measure.ts'
import { type BenchModel, type ShapeName, shapes, writeRandomModel } from './model.ts'

const sizesOf: Readonly<Record<ShapeName, Sizes>> = {
  'smollm2-135m': { gemm: { edge: 1024, repeats: 160 }, rounds: 12, length: 256, completion: 128, scored: 8, sampled: { rounds: 4, prompts: 8, responses: 4, prompt: 64, context: 256 } },
  'large-vocabulary': { gemm: { edge: 1024, repeats: 40 }, rounds: 4, length: 64, completion: 32, scored: 4, sampled: { rounds: 2, prompts: 2, responses: 2, prompt: 16, context: 48 } },
  tiny: { gemm: { edge: 128, repeats: 8 }, rounds: 2, length: 32, completion: 16, scored: 4, sampled: { rounds: 1, prompts: 2, responses: 2, prompt: 16, context: 32 } },
}

export interface Report {
  /** GFLOP/s of plain fp32 products; every share is of the ceiling that its own process reached in the same minutes. */
  gemmGflops: number
  train?: { ms: number; gflops: number; ofCeiling: number; peakRssMb: number; rounds?: Rounds }
  score?: { ofCeiling: number; rounds?: Rounds }
  sample?: { tokensPerSecond: number; perGflop: number; rounds?: Rounds }
  /** Of main, while the engine worked. */
  eventLoopDelayP99Ms: number
}

const { values: options } = parseArgs({ options: { json: { type: 'boolean' }, verbose: { type: 'boolean' }, only: { type: 'string' }, shape: { type: 'string', default: 'smollm2-135m' } } })
if (!Object.hasOwn(shapes, options.shape)) throw new Error(`--shape ${options.shape}: choose ${Object.keys(shapes).join(' or ')}`)
if (options.only && !['train', 'score', 'sample'].includes(options.only)) throw new Error(`--only ${options.only}: choose train, score or sample`)

const shape = options.shape as ShapeName
const folder = mkdtempSync(join(tmpdir(), 'creamery-bench-'))
try {
  const report = await measure(await writeRandomModel(shape, folder), sizesOf[shape])
  console.log(options.json ? JSON.stringify(report) : describe(report))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function measure(model: BenchModel, sizes: Sizes): Promise<Report> {
  const wants = (phase: string): boolean => options.only === undefined || options.only === phase
  const rounds = ({ gemmGflops, ms }: Rounds) => (options.verbose ? { rounds: { gemmGflops: gemmGflops.map(rounded), ms: ms.map(rounded) } } : {})
  const ceilings: number[] = []
  const bestOf = ({ gemmGflops, ms }: Rounds): { ceiling: number; best: number } => {
    ceilings.push(Math.max(...gemmGflops))
    return { ceiling: ceilings.at(-1)!, best: Math.min(...ms) }
  }
  const report: Omit<Report, 'gemmGflops' | 'eventLoopDelayP99Ms'> = {}
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  if (wants('train')) {
    const run = await measureTraining(model, sizes)
    const { ceiling, best } = bestOf(run)
    const gflops = countFlops(model.config, 'step', run) / best / 1e6
    report.train = { ms: rounded(best), gflops: rounded(gflops), ofCeiling: rounded(gflops / ceiling), peakRssMb: rounded(run.peakRss / 1e6), ...rounds(run) }
  }
  if (wants('score')) {
    const run = await measureScoring(model, sizes)
    const { ceiling, best } = bestOf(run)
    report.score = { ofCeiling: rounded(countFlops(model.config, 'forward', run) / best / 1e6 / ceiling), ...rounds(run) }
  }
  if (wants('sample')) {
    const run = await measureSampling(model, sizes)
    const { ceiling, best } = bestOf(run)
    const tokensPerSecond = run.newTokens / (best / 1000)
    report.sample = { tokensPerSecond: rounded(tokensPerSecond), perGflop: rounded(tokensPerSecond / ceiling), ...rounds(run) }
  }
  delay.disable()
  return { gemmGflops: rounded(ceilings[0]!), ...report, eventLoopDelayP99Ms: rounded(delay.percentile(99) / 1e6) }
}

/** Four significant digits. */
function rounded(x: number): number {
  return Number(x.toPrecision(4))
}

function describe({ gemmGflops, train, score, sample, eventLoopDelayP99Ms }: Report): string {
  const percent = (share: number): string => `${(100 * share).toFixed(0)} % of the ceiling`
  const lists = (rounds?: Rounds): string => (rounds ? `\n    products, GFLOP/s: ${rounds.gemmGflops.join(' ')}\n    call, ms: ${rounds.ms.join(' ')}` : '')
  return [
    `ceiling   ${gemmGflops} GFLOP/s in plain fp32 products`,
    train && `training  ${train.ms} ms a step, ${train.gflops} GFLOP/s, ${percent(train.ofCeiling)}; peak memory ${train.peakRssMb} MB${lists(train.rounds)}`,
    score && `scoring   ${percent(score.ofCeiling)}${lists(score.rounds)}`,
    sample && `sampling  ${sample.tokensPerSecond} tokens/s, ${sample.perGflop} per GFLOP/s of the ceiling${lists(sample.rounds)}`,
    `main      event loop delayed ${eventLoopDelayP99Ms} ms at p99`,
  ].filter(Boolean).join('\n')
}
