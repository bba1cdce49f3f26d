/** Every alteration of a bundle is found, hashes made anew or not, except of the fields that are declared raw; every hostile archive is refused in a sentence. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { writeBundle } from '../../main/export/formats/bundle.ts'
import { rawFields, rawWithoutTexts } from '../../main/export/verify/raw-fields.ts'
import { verifyBundle } from '../../main/export/verify/verify.ts'
import { activeIteration, pathTo } from '../../main/store/iterations.ts'
import { openProject } from '../../main/store/project.ts'
import { soleRun } from '../../main/pipeline/session.ts'
import { creamery } from '../cli/run-cli.ts'
import { temporaryFolder } from '../temporary.ts'
import { differenceOf, putTogether, schemas, takeApart, unnoticed, withRow } from './bundle-rows.ts'
import { makeJudgedRun } from './judged-run.ts'

const folder = temporaryFolder('verify')
const [full, bare] = [join(folder, 'full.zip'), join(folder, 'bare.zip')]

const nameOf = (file: string): keyof typeof rawFields => file.replace(/\.jsonl?$/, '') as keyof typeof rawFields

beforeAll(async () => {
  await makeJudgedRun(join(folder, 'project'))
  const project = openProject(join(folder, 'project'))
  const run = soleRun(project)
  const iterations = pathTo(project.db, activeIteration(project.db, run).id).filter(({ producedModelId }) => producedModelId !== null)
  for (const [file, texts] of [[full, true], [bare, false]] as const) await writeBundle(project.db, run, iterations, file, { texts, creamery: '0.1.0', model: 'M3' })
  project.close()
}, 300_000)

/** The first, the last, and two between. */
const some = (rows: readonly unknown[]): number[] => [...new Set([0, Math.floor(rows.length / 3), Math.floor((2 * rows.length) / 3), rows.length - 1])].filter((at) => at >= 0)

describe('alterations', () => {
  test('the untouched bundles verify, as files and as rows', async () => {
    for (const path of [full, bare]) {
      expect((await verifyBundle(path)).difference).toBeNull()
      expect(await differenceOf(takeApart(path))).toBeNull()
    }
  })

  test('of every field of every kind of row are found, except of those declared raw', async () => {
    const parts = takeApart(full)
    const empty = schemas.filter(([file]) => parts.files[file]!.length === 0).map(([file]) => file)
    expect(empty).toEqual(['outside-rewards.jsonl']) // of an oracle: below
    const { passed, tried } = await unnoticed(parts, schemas.map(([file]) => file), some)
    const declared = new Set(schemas.flatMap(([file]) => (rawFields[nameOf(file)] ?? []).map((leaf) => `${file} ${leaf}`)))
    expect([...passed].filter(([field]) => !declared.has(field))).toEqual([])
    expect(tried).toBeGreaterThan(1500)
  }, 300_000)

  test('of every row that people or gates made are found', async () => {
    const parts = takeApart(full)
    const files = ['sessions.jsonl', 'verdicts.jsonl', 'human-rankings.jsonl', 'gates.jsonl', 'reports.jsonl']
    const { passed } = await unnoticed(parts, files, (rows) => [...rows.keys()])
    expect([...passed.keys()].filter((field) => !files.some((file) => (rawFields[nameOf(file)] ?? []).some((leaf) => field === `${file} ${leaf}`)))).toEqual([])
  }, 300_000)

  test('without texts, the hashes of the texts are raw too, and nothing else', async () => {
    const parts = takeApart(bare)
    const files = ['prompts.jsonl', 'responses.jsonl', 'verdicts.jsonl', 'answers.jsonl']
    const { passed } = await unnoticed(parts, files, some)
    const declared = new Set(files.flatMap((file) => [...(rawFields[nameOf(file)] ?? []), ...(rawWithoutTexts[nameOf(file)] ?? [])].map((leaf) => `${file} ${leaf}`)))
    expect([...passed].filter(([field]) => !declared.has(field))).toEqual([])
    expect(readFileSync(bare).length).toBeLessThan(readFileSync(full).length)
    expect(JSON.stringify(parts.files)).not.toContain('Answer:')
  }, 300_000)

  test('a row taken out or put in twice is found, whichever kind it is', async () => {
    const parts = takeApart(full)
    for (const [file] of schemas) {
      const rows = parts.files[file]!
      if (rows.length === 0 || file.endsWith('.json')) continue
      for (const at of some(rows)) {
        expect(await differenceOf(withRow(parts, file, at)), `${file} without row ${at}`).not.toBeNull()
        expect(await differenceOf(withRow(parts, file, at, rows[at]!, rows[at]!)), `${file} with row ${at} twice`).toMatch(/twice/)
      }
    }
  }, 60_000)

  test('through the file, with all hashes made anew: the first difference is named by file, row and field', async () => {
    const parts = takeApart(full)
    const path = join(folder, 'altered.zip')
    const altered = async (file: string, at: number, change: Record<string, unknown>) => {
      putTogether(withRow(parts, file, at, { ...parts.files[file]![at]!, ...change }), path)
      return (await verifyBundle(path)).difference
    }
    const pair = parts.files['pairs.jsonl']![0]!
    expect(await altered('pairs.jsonl', 0, { margin: 9 })).toEqual({ file: 'pairs.jsonl', row: `${pair['setId'] as string} ${pair['promptId'] as string}`, field: 'margin', stored: '9', recomputed: JSON.stringify(pair['margin']) })
    const score = parts.files['scores.jsonl']![4]!
    expect(await altered('scores.jsonl', 4, { logps: -1 })).toMatchObject({ file: 'scores.jsonl', field: 'meanLogps' })
    // Both together: then the ranking that was made of them differs.
    expect(await altered('scores.jsonl', 4, { logps: -1, meanLogps: -1 / (score['tokens'] as number) })).toMatchObject({ file: 'rankings.jsonl', field: expect.stringMatching(/^rewards\[\d\]\.reward$/) as string })
    expect(await altered('consistencies.jsonl', 3, { consistency: 0.123 })).toMatchObject({ file: 'consistencies.jsonl', field: 'consistency', stored: '0.123' })
    expect(await altered('labels.jsonl', 0, { source: 'person' })).toMatchObject({ file: 'labels.jsonl', field: 'source', stored: '"person"' })
    const verdict = parts.files['verdicts.jsonl']!.findIndex((row) => row['verdict'] === 'a')
    expect(await altered('verdicts.jsonl', verdict, { verdict: 'b' })).toMatchObject({ file: 'reports.jsonl' })
    expect(await altered('responses.jsonl', 2, { text: 'Another text.' })).toMatchObject({ file: 'responses.jsonl', field: 'textSha256' })
  })

  test('numbers that would keep a reader busy are told at once', async () => {
    const parts = takeApart(full)
    const config = parts.files['run.json']![0]!['config'] as Record<string, Record<string, unknown>>
    const withConfig = (change: Record<string, unknown>) => withRow(parts, 'run.json', 0, { ...parts.files['run.json']![0]!, config: { ...config, ...change } })
    const began = performance.now()
    for (const change of [{ dpo: { ...config['dpo'], epochs: 1e9 } }, { dpo: { ...config['dpo'], batchSize: 1e9 } }, { evaluation: { ...config['evaluation'], samples: 1e9 } }, { sampling: { ...config['sampling'], responses: 64 } }, { maxLength: 1e300 }]) {
      expect(await differenceOf(withConfig(change)), JSON.stringify(change)).not.toBeNull()
    }
    const [session] = parts.files['sessions.jsonl']!
    const many = Array.from({ length: 1001 }, (_, i) => ({ ...session!, id: `run1.i1.set0.audit${i + 10}` }))
    expect(await differenceOf({ ...parts, files: { ...parts.files, 'sessions.jsonl': many } })).toMatch(/more than 1000 rows/)
    expect(performance.now() - began).toBeLessThan(5000)
  })

  test('a raw field passes only with all hashes made anew: this is what "not signed" means', async () => {
    const parts = takeApart(full)
    const path = join(folder, 'raw.zip')
    const altered = withRow(parts, 'models.jsonl', 1, { ...parts.files['models.jsonl']![1]!, sha256: 'a'.repeat(64) })
    putTogether(altered, path)
    expect((await verifyBundle(path)).difference).toBeNull()
    putTogether(altered, path, { rehashed: false })
    expect((await verifyBundle(path)).difference).toMatchObject({ file: 'manifest.json', row: 'models.jsonl', field: 'sha256' })
  })
})

test('docs/evidence.md lists the raw fields as the code does, and all of them are fields', () => {
  const [, withTexts = '', without = ''] = readFileSync(new URL('../../docs/evidence.md', import.meta.url), 'utf8').split(/## Raw inputs, not derivable|In a bundle without texts also:/)
  const listed = (text: string) => Object.fromEntries([...text.matchAll(/^\| `([\w-]+)\.jsonl?` \| ((?:`[^`]+` ?)+) \|/gm)].map(([, file, fields]) => [file, fields!.match(/[^` ]+/g)]))
  expect(listed(withTexts)).toEqual(rawFields)
  expect(listed(without)).toEqual(rawWithoutTexts)
  const { files } = takeApart(full)
  for (const [file, fields] of Object.entries({ ...rawFields, ...rawWithoutTexts })) {
    if (file === 'run' || file === 'iterations' || file === 'outside-rewards') continue // settings that this run leaves out
    const text = JSON.stringify(files[`${file}.${file === 'environment' ? 'json' : 'jsonl'}`])
    for (const field of fields) expect(text, `${file} ${field}`).toContain(`"${field.replace(/^(metrics|sampling)\./, '')}"`)
  }
})

test('the command says what holds, what does not, and that nothing is signed', async () => {
  const good = await creamery(['verify', full])
  expect(good).toMatchObject({ code: 0, stderr: '' })
  expect(good.stdout).toMatch(/verifies: M3 of run1.*\n.*rankings.*\n.*not signed/)
  const parts = takeApart(full)
  const path = join(folder, 'told.zip')
  putTogether(withRow(parts, 'pairs.jsonl', 0, { ...parts.files['pairs.jsonl']![0]!, margin: 9 }), path)
  const bad = await creamery(['verify', path, '--json'])
  expect(bad.code).toBe(2)
  expect(JSON.parse(bad.stdout.split('\n')[0]!)).toMatchObject({ verified: false, signed: false, difference: { file: 'pairs.jsonl', field: 'margin', stored: '9' } })
  expect(bad.stderr).toMatch(/does not verify.*pairs\.jsonl, row run1\.i1\.set0 .*, field margin: stored 9, recomputed/)
}, 60_000)
