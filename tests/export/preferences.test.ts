/** Preference data out of a project: the pairs as they were trained on; what TRL's own loader took is what is written. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { inForm, preferencesOf } from '../../main/export/formats/preferences.ts'
import { exportTo } from '../../main/pipeline/export.ts'
import { soleRun } from '../../main/pipeline/session.ts'
import { gateDecision } from '../../main/pipeline/audit.ts'
import { labelsOf } from '../../main/store/gates.ts'
import { iterationOf } from '../../main/store/iterations.ts'
import { openProject, type Project } from '../../main/store/project.ts'
import { responseOf } from '../../main/store/responses.ts'
import { scoresOf } from '../../main/store/scores.ts'
import { temporaryFolder } from '../temporary.ts'
import { preferenceFiles } from '../golden/make/preferences.ts'
import { makeJudgedRun } from './judged-run.ts'

describe('what TRL took', () => {
  const golden = JSON.parse(readFileSync(new URL('../golden/preferences.json', import.meta.url), 'utf8')) as { files: Record<string, { content: string; rows: number; conversational: boolean; columns: string[] }> }

  test('is what is written today, byte for byte, in both forms', async () => {
    const written = await preferenceFiles()
    expect(Object.keys(golden.files).sort()).toEqual(Object.keys(written).sort())
    for (const [name, content] of Object.entries(written)) expect(content).toBe(golden.files[name]!.content)
    expect(golden.files['standard.jsonl']).toMatchObject({ conversational: false })
    expect(golden.files['conversational.jsonl']).toMatchObject({ conversational: true })
  })
})

describe('of a run with people in it', () => {
  const folder = join(temporaryFolder('preferences'), 'project')
  let project: Project
  const rowsOf = (path: string): Record<string, unknown>[] => readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)

  beforeAll(async () => {
    await makeJudgedRun(folder)
    project = openProject(folder)
    return () => project.close()
  }, 300_000)

  test('each line is a label as it was trained, with C, both rewards and what the person said', () => {
    const { db } = project
    const iteration = iterationOf(db, 'run1.i1')!
    const rows = [...preferencesOf(db, iteration)]
    const labels = labelsOf(db, gateDecision(db, iteration)!.id).filter(({ source }) => source !== 'dropped')
    expect(rows.length).toBe(labels.length)
    rows.forEach((row, i) => {
      const { chosenId, rejectedId, consistency, effect, promptId } = labels[i]!
      const reward = (id: string): number => {
        const under = new Map(scoresOf(db, id).map(({ modelId, logps }) => [modelId, logps]))
        return under.get('run1.M1')! - under.get('run1.M0')!
      }
      expect(row).toMatchObject({ chosen: responseOf(db, chosenId)!.text, rejected: responseOf(db, rejectedId)!.text, consistency, score_chosen: reward(chosenId), score_rejected: reward(rejectedId), pair_id: `run1.i1.set0/${promptId}` })
      // Trained as the person said: what she preferred is what is chosen.
      expect(row.human_verdict).toBe(effect === 'kept' || effect === 'swapped' ? 'chosen' : null)
      if (effect === 'swapped') expect(row.score_chosen).toBeLessThan(row.score_rejected)
    })
    expect(new Set(labels.map(({ effect }) => effect)).size).toBeGreaterThan(2)
  })

  test.each([['standard', 'string'], ['conversational', 'object']] as const)('the %s form is written, proved, and read back', async (form, kind) => {
    const target = join(temporaryFolder('jsonl'), 'pairs.jsonl')
    const made = await exportTo({ project, run: soleRun(project), model: 'M3' }, { format: 'preferences', form }, target, { signal: new AbortController().signal, onPhase: () => {} })
    expect(made).toMatchObject({ state: 'proved', path: target })
    const rows = rowsOf(target)
    expect(new Set(rows.map((row) => String(row['pair_id']).split('/')[0]))).toEqual(new Set(['run1.i1.set0', 'run1.i2.set0']))
    for (const row of rows) expect([typeof row['prompt'], typeof row['chosen']]).toEqual([kind, kind])
    if (form === 'standard') expect(rows[0]!['prompt']).toMatch(/\n$|>$/) // with the generation prompt, as the model read it
  }, 60_000)

  test('a model that no pair made has none', async () => {
    await expect(exportTo({ project, run: soleRun(project), model: 'M1' }, { format: 'preferences', form: 'standard' }, join(folder, 'none.jsonl'), { signal: new AbortController().signal, onPhase: () => {} })).rejects.toThrow('M1 was not trained on pairs')
  })
})

test('a conversation without a template has no standard form', async () => {
  const row = { prompt: [{ role: 'user' as const, content: 'a' }, { role: 'assistant' as const, content: 'b' }, { role: 'user' as const, content: 'c' }], chosen: 'd', rejected: 'e', consistency: 1, score_chosen: 1, score_rejected: 0, pair_id: 's/p', human_verdict: null }
  await expect(inForm(row, 'standard', null)).rejects.toThrow(/no chat template/)
  expect(await inForm(row, 'conversational', null)).toMatchObject({ prompt: row.prompt, chosen: [{ role: 'assistant', content: 'd' }], rejected: [{ role: 'assistant', content: 'e' }] })
  expect(await inForm({ ...row, prompt: 'x' }, 'standard', null)).toMatchObject({ prompt: 'x', chosen: 'd' })
})
