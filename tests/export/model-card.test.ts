import { join } from 'node:path'
import { mkdirSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { modelCard } from '../../main/export/model-card.ts'
import type { ExportSource, LineageRound } from '../../main/export/source.ts'
import { trlOf } from '../../main/export/trl.ts'
import { loadConfig } from '../../main/pipeline/config.ts'
import { temporaryFolder } from '../temporary.ts'

const config = loadConfig({ preset: 'demo' })
const sha = (digit: string): string => digit.repeat(64)
const gate: NonNullable<LineageRound['gate']> = { id: 'g', iterationId: 'run1.i1', setId: 's', choice: 'train-anyway', minConsistency: null, minMargin: null, reason: 'a | first look', measureOnly: false, auditId: null, idempotencyKey: 'k', decidedAt: '' }
const agreement = { rate: 0.8, low: 0.55, high: 0.93, n: 15, designEffect: 1.1 }
const audit = { session: 's', population: 100, planned: 20, outcomes: { agree: 12, disagree: 3, tie: 2, skip: 2, flag: 1 }, agreement, control: null, kappa: 0.61, firstSide: null, longerWins: { person: null, judge: null }, selfAgreement: null, undecidedRepeats: 0, hasty: 0, reliability: [], rewardAccuracy: null, gate: { state: 'undecided', more: 12 } } as unknown as NonNullable<LineageRound['audit']>
const round = (t: number, change: Partial<LineageRound> = {}): LineageRound => ({
  iterationId: `run1.i${t}`, t, makes: `M${t + 1}`, sha256: sha(String(t + 1)), config, judged: t === 0 ? null : { consistency: 0.73, chance: { mean: 0.5, sd: 0.01 }, belowHalf: 0.1, rewardAccuracy: 0.66 },
  labels: t === 0 ? null : { judge: 90, person: 6, dropped: 4 }, trainedC: t === 0 ? null : 0.75, gate: t === 0 ? null : gate, audit: null, training: { steps: 12, firstLoss: 0.6931, lastLoss: 0.64 }, ...change,
})
const folder = temporaryFolder('card')

function card(rounds: readonly LineageRound[], textFolder = folder): string {
  const lineage = { project: 'Mine', runId: 'run1', seed: 42, base: { name: 'SmolLM2-135M', sha256: sha('0') }, rounds, figures: [{ model: 'M0', tasks: { sums: { greedy: { accuracy: 0.5, correct: 5, items: 10, low: 0.24, high: 0.76 } } }, judged: null, isTrained: false }] }
  const source = { lineage, textFolder, model: { name: 'M2', kind: 'adapter' }, ref: { folder, adapter: 'x' }, config: { architecture: 'llama', layers: 2, hiddenSize: 8, vocabSize: 9 } } as unknown as ExportSource
  return modelCard(source, { format: 'gguf', precision: 'q8_0' }, { proof: { passed: true, checks: [{ name: 'logits', passed: true, finding: 'Within | bounds.' }], maxLogitDelta: 0.01, bound: 0.1 }, notes: ['3 tensors stay F16.'] })
}

describe('a model card', () => {
  test('tells where it comes from, what its proof found, and what is known of it', () => {
    const text = card([round(0), round(1)])
    for (const line of [
      '- 3 tensors stay F16.', '| logits | passed | Within \\| bounds. |', 'Largest difference of a logit on fixed prompts: **1.00e-2** (at most 1.00e-1 is taken for this precision).',
      `| M0 (SmolLM2-135M) | imported | – | – | – | \`${sha('0')}\` |`, `| M2 | DPO, ${config.method} | 96 (6 by people, 4 dropped) | 12 | 0.693 → 0.640 | \`${sha('2')}\` |`,
      '| 1 | 0.730 | 0.500 ± 0.010 | 10.0 % | 0.660 | 0.750 |', '| M0 | 50.0 % [24.0 %, 76.0 %] of 10 |', 'Seed 42;',
    ]) expect(text).toContain(line)
  })

  test('says "not audited" with the reason given at the gate, or the figures', () => {
    expect(card([round(0), round(1)])).toContain('- Iteration 1: **not audited** (gate: trained anyway: “a | first look”).')
    expect(card([round(0), round(1, { audit, gate: { ...gate, choice: 'passed', reason: null } })])).toContain('- Iteration 1: 20 of 100 pairs (12 agree, 3 disagree, 2 ties, 2 skipped, 1 flagged). Agreement, weighted: 80.0 % [55.0 %, 93.0 %], n = 15; random control: none; κ 0.610; self-agreement: none. Gate: passed.')
    expect(card([round(0)])).toContain('Not audited: no pair was trained on.')
  })

  test('has a YAML head with the base\'s own licence, where its card names one', () => {
    const head = (text: string): string => text.slice(0, text.indexOf('---\n#'))
    expect(head(card([round(0), round(1)]))).not.toContain('license')
    expect(card([round(0)])).toContain('the terms of the base model apply')
    const licensed = join(folder, 'licensed')
    mkdirSync(licensed)
    writeFileSync(join(licensed, 'README.md'), '---\nlanguage: en\nlicense: apache-2.0\n---\n# It\n')
    expect(head(card([round(0)], licensed))).toContain('base_model: "SmolLM2-135M"\nbase_model_relation: "quantized"\nlibrary_name: "llama.cpp"\nlicense: "apache-2.0"\n')
  })
})

describe('the same in TRL', () => {
  const avg = (change: Partial<LineageRound>): LineageRound => round(1, { config: { ...config, method: 'cream-avg' }, labels: { judge: 10, person: 0, dropped: 0 }, gate: { ...gate, choice: 'skip' }, ...change })

  test('smooths labels by 1 − C, where TRL takes that', () => {
    expect(trlOf([avg({})]).python).toMatch(/^M2 = DPOConfig\(.*, label_smoothing=0\.25\)$/m)
    expect(trlOf([avg({ trainedC: 1 })]).python).not.toContain('label_smoothing')
    const reversed = trlOf([avg({ trainedC: 0.4 })])
    expect(reversed.python).not.toContain('label_smoothing')
    expect(reversed.missing.join(' ')).toContain('TRL refuses a label_smoothing of 0.5 or more')
  })

  test('says what it cannot: each pair its own C, people\'s labels, the gate', () => {
    const { missing } = trlOf([round(0), round(1, { config: { ...config, method: 'cream-dyn' } })])
    for (const part of ['starts from the pairs', 'a label smoothing of its own', '6 labels are a person\'s', 'decided at a gate']) expect(missing.join(' ')).toContain(part)
    expect(trlOf([round(0)]).missing).toEqual([])
  })
})
