/** Bundles of real runs verify, whichever way the run went: with people, branches and an oracle, whole and half done. */
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { writeBundle } from '../../main/export/formats/bundle.ts'
import { parseCreamFile } from '../../main/export/formats/cream-files.ts'
import { verifyBundle } from '../../main/export/verify/verify.ts'
import { goBack } from '../../main/pipeline/branch.ts'
import { exportTo } from '../../main/pipeline/export.ts'
import { soleRun } from '../../main/pipeline/session.ts'
import { run as runSql } from '../../main/store/database.ts'
import { activeIteration, iterationOf, pathTo } from '../../main/store/iterations.ts'
import { openProject, type Project } from '../../main/store/project.ts'
import type { ExportChoice } from '../../preload/contract/requests/export.ts'
import type { BackStage } from '../../preload/contract/requests/run.ts'
import { resume, smallRun, start } from '../crash/fixture.ts'
import { temporaryFolder } from '../temporary.ts'
import { takeApart, unnoticed } from './bundle-rows.ts'
import { makeJudgedRun } from './judged-run.ts'

const folder = temporaryFolder('bundle')
const judged = join(folder, 'judged')
beforeAll(() => makeJudgedRun(judged), 300_000)

async function inProject<T>(name: string, work: (project: Project) => Promise<T> | T): Promise<T> {
  const project = openProject(name)
  try {
    return await work(project)
  } finally {
    project.close()
  }
}

let made = 0
/** The active path's bundle, verified. */
const bundleOf = (name: string, options: { texts?: boolean; t?: number } = {}): Promise<string> => inProject(name, async (project) => {
  const run = soleRun(project)
  const path = join(folder, `${++made}.zip`)
  const iterations = pathTo(project.db, activeIteration(project.db, run).id).filter(({ t }) => t <= (options.t ?? Infinity))
  await writeBundle(project.db, run, iterations, path, { texts: options.texts ?? true, creamery: '0.1.0', model: null })
  expect((await verifyBundle(path)).difference).toBeNull()
  return path
})

const exported = (choice: ExportChoice, model: string, target: string) => inProject(judged, (project) => exportTo({ project, run: soleRun(project), model }, choice, target, { signal: new AbortController().signal, onPhase: () => {} }))

describe('of a run with people in it', () => {
  test('the same rows give the same bytes, and no path of this machine is in them', async () => {
    const [one, two] = [await bundleOf(judged), await bundleOf(judged)].map((path) => readFileSync(path))
    expect(one!.equals(two!)).toBe(true)
    const { files, manifest } = takeApart(await bundleOf(judged))
    const whole = JSON.stringify({ files, manifest })
    for (const place of [folder, homedir(), process.cwd()]) if (place.length > 3) expect(whole).not.toContain(place)
    expect(files['run.json']![0]!['config']).toMatchObject({ model: 'model', data: { prompts: 'prompts.jsonl' } })
  })

  test.each(['M1', 'M2', 'M3'])('the way to %s is exported and proved, with texts and without', async (model) => {
    for (const texts of [true, false]) {
      const target = join(folder, `${model}-${texts}.zip`)
      expect(await exported({ format: 'bundle', texts }, model, target)).toMatchObject({ state: 'proved', path: target })
      expect(await verifyBundle(target)).toMatchObject({ difference: null, model, texts })
    }
  }, 60_000)

  test('M0 has no way', async () => {
    await expect(exported({ format: 'bundle', texts: true }, 'M0', join(folder, 'none.zip'))).rejects.toThrow(/M0 is where the run starts from/)
  })

  test("CREAM's files of both rounds are exported, proved, and read as its scripts would", async () => {
    const target = join(folder, 'cream')
    expect(await exported({ format: 'cream' }, 'M3', target)).toMatchObject({ state: 'proved' })
    const read = (name: string) => parseCreamFile(readFileSync(join(target, name), 'utf8'), name)
    const [sampling, current, previous, dpo] = ['sampling', 'rewarding.current', 'rewarding.previous', 'dpo'].map((name) => read(`iteration-2/${name}.json`))
    expect([sampling!.kind, current!.kind, previous!.kind, dpo!.kind]).toEqual(['sampling', 'rewarding', 'rewarding', 'dpo'])
    expect([...sampling!.rows.keys()]).toEqual([...current!.rows.keys()])
    if (current!.kind !== 'rewarding' || dpo!.kind !== 'dpo' || sampling!.kind !== 'sampling') throw new Error('other kinds')
    for (const [uuid, { score, ref_score, reward, response }] of current!.rows) {
      expect(reward).toEqual(score.map((s, i) => s! - ref_score[i]!))
      expect(response.map((one) => (one as unknown as { content: string }[]).at(-1)!.content)).toEqual(sampling!.rows.get(uuid)!.responses)
    }
    expect(dpo!.rows.size).toBeGreaterThan(0)
    // Round 1 compares mean log-likelihoods: the reference code then has no reference score.
    const first = read('iteration-1/rewarding.previous.json')
    if (first.kind !== 'rewarding') throw new Error('another kind')
    expect([...first.rows.values()].every(({ ref_score, score, reward }) => ref_score.every((one) => one === 0) && score.every((one, i) => one === reward[i]))).toBe(true)
    expect(existsSync(join(target, 'README.md'))).toBe(true)
  }, 60_000)

  test('a project that was changed by hand leaves no bundle', async () => {
    const altered = join(folder, 'altered')
    cpSync(judged, altered, { recursive: true })
    await inProject(altered, ({ db }) => {
      db.exec('DROP TRIGGER pairs_no_update')
      runSql(db, 'UPDATE pairs SET margin = margin + 1')
    })
    await expect(bundleOf(altered)).rejects.toThrow(/does not hold together.*pairs\.jsonl, row .*, field margin/)
  })
})

describe('branches', () => {
  const branched = async (name: string, stage: BackStage, change: Parameters<typeof goBack>[3]): Promise<string> => {
    const branch = join(folder, name)
    cpSync(judged, branch, { recursive: true })
    await inProject(branch, (project) => void goBack(project.db, iterationOf(project.db, 'run1.i2')!, stage, change))
    return branch
  }

  test('from training: the decision is shared, and what it rested on', async () => {
    const name = await branched('train', 'train', { dpo: { ...smallRun().dpo, beta: 0.3, learningRate: 3e-4 } })
    await resume(name, { until: 'train' })
    const { files } = takeApart(await bundleOf(name, { t: 2 }))
    const gate = files['gates.jsonl']!.find((row) => row['iterationId'] === 'run1.i2b1')!
    expect(gate['asOf'] as string < (gate['decidedAt'] as string)).toBe(true)
    expect(files['training-steps.jsonl']!.some((row) => row['iterationId'] === 'run1.i2b1')).toBe(true)
  }, 120_000)

  test('from the spot-check: sessions on equal pairs hold here too', async () => {
    const { files } = takeApart(await bundleOf(await branched('audit', 'audit', {}), { t: 2 }))
    expect(files['sessions.jsonl']!.find((row) => row['setId'] === 'run1.i2.set0')).toMatchObject({ heldFor: 'run1.i2b1.set0' })
  })

  test('from ranking, by another statistic; from pairs, by another method', async () => {
    const ranked = await branched('rank', 'rank', { consistency: { ...smallRun().consistency, statistic: 'spearman' } })
    expect(takeApart(await bundleOf(ranked, { t: 2 })).files['ranking-sets.jsonl']).toMatchObject([{ statistic: 'tau-b' }, { statistic: 'spearman' }])
    const paired = await branched('pair', 'pair', { method: 'srlm' })
    await resume(paired, { until: 'pair' })
    expect(takeApart(await bundleOf(paired, { t: 2 })).files['pairs.jsonl']!.filter((row) => row['setId'] === 'run1.i2b1.set0').every((row) => row['consistency'] === 1)).toBe(true)
  }, 120_000)
})

describe('other runs', () => {
  test('an oracle by known answers: its rewards are those of the answers', async () => {
    const name = join(folder, 'oracle')
    await start(name, smallRun({ method: 'oracle', evaluation: { samples: 0 } }))
    const parts = takeApart(await bundleOf(name, { t: 1 }))
    expect(parts.files['outside-rewards.jsonl']!.length).toBeGreaterThan(0)
    expect(parts.files['skips.jsonl']!.length).toBeGreaterThan(0)
    const { passed, tried } = await unnoticed(parts, ['outside-rewards.jsonl', 'skips.jsonl'], (rows) => [...rows.keys()].slice(0, 10))
    expect([...passed]).toEqual([])
    expect(tried).toBeGreaterThan(30)
  }, 120_000)

  test.each(['M0', 'M3'])('a run that stopped while %s was evaluated', async (model) => {
    const name = join(folder, `evaluating-${model}`)
    cpSync(judged, name, { recursive: true })
    await inProject(name, ({ db }) => {
      const unfinished = `SELECT id FROM evaluations WHERE model_id = 'run1.${model}'`
      runSql(db, `DELETE FROM evaluation_items WHERE evaluation_id IN (${unfinished}) AND (item_id > (SELECT min(item_id) FROM evaluation_items) OR sample > 0)`)
      runSql(db, `UPDATE evaluations SET correct = NULL, total = NULL, details = NULL WHERE id IN (${unfinished})`)
    })
    const { files } = takeApart(await bundleOf(name))
    const [cut, whole] = [`run1.${model}`, 'run1.M1'].map((id) => files['evaluations.jsonl']!.filter(({ modelId }) => modelId === id).map(({ id: evaluation }) => files['answers.jsonl']!.filter(({ evaluationId }) => evaluationId === evaluation).length))
    expect(Math.max(...cut!)).toBe(1)
    expect(Math.min(...whole!)).toBeGreaterThan(1)
  })

  test.each(['sample', 'score', 'rank', 'pair', 'audit'] as const)('a run that has come as far as %s', async (until) => {
    const name = join(folder, `until-${until}`)
    await start(name, smallRun({ consistency: { statistic: 'tau-a', firstIterationRule: 'reference-code', tieTolerance: 0.01, clamp: true }, method: 'cream-avg', evaluation: { samples: 0 } }), { until })
    await bundleOf(name)
  }, 120_000)
})
