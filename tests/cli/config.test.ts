import { mkdtempSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type ConfigSources, loadConfig, presets } from '../../main/pipeline/config.ts'
import type { RunConfigInput } from '../../preload/contract/config.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { paperSuffix } from '../../main/evaluate/tasks.ts'
import { fromRoot, temporaryFolder } from './run-cli.ts'

const minimal: RunConfigInput = { model: 'model', data: { prompts: 'prompts.jsonl' }, sft: { learningRate: 1e-4 }, sampling: {}, dpo: { learningRate: 1e-5 } }

function write(content: unknown, name = 'run.json'): string {
  const file = join(temporaryFolder(), name)
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}

function refusal(sources: ConfigSources): string {
  try {
    loadConfig(sources)
  } catch (error) {
    expect(error).toMatchObject({ code: 'bad-config' })
    return (error as AppError).message
  }
  return expect.fail('the configuration should have been refused')
}

describe('a configuration', () => {
  test('is filled with defaults, and its paths belong to its file\'s folder', () => {
    const file = write({ ...minimal, data: { sft: 'sft.jsonl', prompts: '../p.jsonl', evaluation: [{ name: 'a', file: 'a.jsonl' }, { name: 'b', file: '/b.jsonl' }] }, oracle: { rewards: 'r.jsonl' } })
    const folder = resolve(file, '..')
    const config = loadConfig({ file })
    expect(config).toMatchObject({ model: join(folder, 'model'), method: 'cream-avg', seed: 42, oracle: { rewards: join(folder, 'r.jsonl'), negate: false } })
    expect(config.data).toEqual({ sft: join(folder, 'sft.jsonl'), prompts: resolve(folder, '../p.jsonl'), evaluation: [{ name: 'a', file: join(folder, 'a.jsonl') }, { name: 'b', file: '/b.jsonl' }] })
    expect(loadConfig({ file: write({ ...minimal, oracle: { rewards: 'answers' } }) }).oracle.rewards).toBe('answers')
  })

  test('is the preset, changed by the file, changed by flags', () => {
    const file = write({ model: 'mine', seed: 1, sft: { epochs: 7 }, iterations: 3 })
    const preset = loadConfig({ preset: 'demo' })
    const config = loadConfig({ preset: 'demo', file, overrides: { seed: 2, model: 'other', method: undefined, consistency: { acceptReversed: true } } })
    expect(config).toEqual({ ...preset, seed: 2, iterations: 3, model: resolve('other'), sft: { ...preset.sft, epochs: 7 }, consistency: { ...preset.consistency, acceptReversed: true } })
    expect(loadConfig({ preset: 'demo', file }).model).toBe(resolve(file, '../mine'))
  })

  test('replaces a list, and a tuning of another kind, as a whole', () => {
    const config = loadConfig({ preset: 'demo', file: write({ data: { evaluation: [] }, tuning: { kind: 'full' } }) })
    expect(config.data.evaluation).toEqual([])
    expect(config.tuning).toEqual({ kind: 'full' })
    expect(loadConfig({ preset: 'demo', file: write({ tuning: { kind: 'lora', r: 2 } }) }).tuning).toMatchObject({ r: 2, alpha: 32 })
  })
})

describe('a preset', () => {
  test.each(presets.filter((name) => name === 'demo' || name === 'ci'))('%s is whole, and bundled', (preset) => {
    const config = loadConfig({ preset })
    expect(config.model).toBe(resolve(fromRoot('native-models/bundled/model')))
    expect(config.data.prompts.startsWith(fromRoot('native-models/bundled/data'))).toBe(true)
  })

  test('paper is the paper\'s, and needs a model and prompts of one\'s own', () => {
    expect(refusal({ preset: 'paper' })).toBe('The configuration (preset paper) says nothing of model, which should be a text (and 1 more); add it to a configuration file or use --model.')
    expect(refusal({ preset: 'paper', overrides: { model: 'm' } })).toMatch(/says nothing of data, which should be an object; add it/)
    const config = loadConfig({ preset: 'paper', overrides: { model: 'm', data: { prompts: 'p' } } })
    const common = { schedule: 'cosine', warmupRatio: 0.1, weightDecay: 0.01, maxGradNorm: 1 }
    expect(config).toMatchObject({
      tuning: { kind: 'full' }, iterations: 2, maxLength: 2048,
      sft: { ...common, epochs: 5, learningRate: 5e-6 },
      dpo: { ...common, epochs: 1, learningRate: 1e-6, beta: 0.1, batchSize: 32 },
      sampling: { responses: 5, samplingTemperature: 0.8, topP: 0.95, maxNewTokens: 768 },
      consistency: { firstIterationRule: 'reference-code', clamp: false },
      evaluation: { suffix: paperSuffix, samples: 0 },
    })
  })
})

describe('a configuration is refused in one sentence', () => {
  test('when there is none', () => expect(refusal({})).toMatch(/^No configuration is given; name a preset \(demo, ci, desktop, paper\) or a file\.$/))

  test.each([
    ['that is not there', '/nowhere/run.json', /^The configuration \/nowhere\/run\.json does not exist; check the path\.$/],
    ['that is a folder', mkdtempSync(join(temporaryFolder(), 'x-')), /cannot be read \(EISDIR\)/],
    ['that is not JSON', write('{"model": '), /is not valid JSON \(.*\); repair it\.$/],
    ['that is a list', write([]), /should hold one JSON object\.$/],
  ])('when it names a file %s', (_, file, sentence) => expect(refusal({ file })).toMatch(sentence))

  test.each<[string, object, RegExp]>([
    ['an unknown key', { modle: 'x' }, /run\.json has the unknown key modle; "creamery schema" prints what is known\.$/],
    ['unknown keys within', { sft: { learning_rate: 1, epoch: 2 } }, /has the unknown keys sft\.learning_rate, sft\.epoch;/],
    ['a text for a number', { seed: 'x' }, /run\.json: seed should be a number, not "x"\.$/],
    ['a fraction for a whole number', { iterations: 1.5 }, /iterations should be a whole number, not 1\.5\.$/],
    ['a number too small', { sft: { learningRate: 0 } }, /sft\.learningRate should be a number above 0, not 0\.$/],
    ['a number too large', { sampling: { topP: 1.1 } }, /sampling\.topP should be a number of at most 1, not 1\.1\.$/],
    ['an unknown word', { method: 'creme' }, /method should be one of "srlm", "cream-avg", .*, not "creme"\.$/],
    ['neither of two', { consistency: { tieTolerance: 'some' } }, /consistency\.tieTolerance should be a number or "measured", not "some"\.$/],
    ['an unknown kind', { tuning: { kind: 'ia3' } }, /tuning\.kind should be one of "lora", "full", not "ia3"\.$/],
    ['an empty name', { model: '' }, /model should be a text that is not empty, not ""\.$/],
    ['an item of a list', { data: { evaluation: [{ name: 'a', file: 3 }] } }, /data\.evaluation\.0\.file should be a text, not 3\.$/],
    ['an object where none is', { sft: 3 }, /sft should be an object, not 3\.$/],
    ['null', { model: null }, /model should be a text, not null\.$/],
    ['several faults', { seed: -1, threads: -1, iterations: 0 }, /should be .* \(and 2 more\)\.$/],
  ])('for %s', (_, changes, sentence) => expect(refusal({ preset: 'demo', file: write(changes) })).toMatch(sentence))

  test('that names the flag, when that is at fault', () =>
    expect(refusal({ preset: 'demo', overrides: { iterations: 99 } })).toBe('the command line: iterations should be a number of at most 20, not 99.'))
})
