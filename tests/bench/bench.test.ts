import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../native-models/weights/config.ts'
import { countFlops } from './measure.ts'
import { shapes } from './model.ts'

const bench = (...args: string[]): string => execFileSync(process.execPath, [fileURLToPath(new URL('bench.ts', import.meta.url)), '--shape', 'tiny', ...args], { encoding: 'utf8' })
const leftovers = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('creamery-bench-'))

describe('the benchmark', () => {
  it('prints one object with every figure, and leaves no model behind', () => {
    const before = leftovers()
    const report = JSON.parse(bench('--json')) as Record<string, unknown>
    expect(Object.keys(report)).toEqual(['gemmGflops', 'train', 'score', 'sample', 'eventLoopDelayP99Ms'])
    expect(Object.keys(report['train'] as object)).toEqual(['ms', 'gflops', 'ofCeiling', 'peakRssMb'])
    expect(Object.keys(report['score'] as object)).toEqual(['ofCeiling'])
    expect(Object.keys(report['sample'] as object)).toEqual(['tokensPerSecond', 'perGflop'])
    const figures = Object.values(report).flatMap((part) => (typeof part === 'object' ? Object.values(part as object) : [part]))
    expect(figures.every((figure) => typeof figure === 'number' && figure > 0)).toBe(true)
    expect(leftovers().filter((name) => !before.includes(name))).toEqual([])
  })

  it('measures one part alone, with the rounds behind it', () => {
    const report = JSON.parse(bench('--json', '--only', 'score', '--verbose')) as { score: { rounds: { ms: number[]; gemmGflops: number[] } } }
    expect(Object.keys(report)).toEqual(['gemmGflops', 'score', 'eventLoopDelayP99Ms'])
    expect(report.score.rounds.ms.length).toBe(report.score.rounds.gemmGflops.length)
  })

  it('counts the SmolLM2-135M step as 4·P per token, the head only where it works', () => {
    const config = parseConfig(shapes['smollm2-135m'], 'smollm2-135m')
    const layers = 30 * (576 * (576 + 192 + 192 + 576) + 3 * 576 * 1536 + 2 * 576) + 576
    expect(countFlops(config, 'step', { tokens: 512, completionTokens: 256 })).toBe(4 * (layers * 512 + 49_152 * 576 * 256))
    expect(countFlops(config, 'forward', { tokens: 512, completionTokens: 256 })).toBe(2 * (layers * 512 + 49_152 * 576 * 256))
  })
})
