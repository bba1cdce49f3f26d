/** Exports over the wire and from the command line: offered, made, told of, stopped, refused; and what their cards say. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../main/pipeline/config.ts'
import { carryOn } from '../../main/pipeline/runner.ts'
import { withNewRun } from '../../main/pipeline/session.ts'
import type { ExportJob } from '../../preload/contract/requests/export.ts'
import { creamery, expectRefusal } from '../cli/run-cli.ts'
import { Page, type TestHost, openTestHost } from './client.ts'

let test: TestHost
let page: Page
let project: string
let home: string
let into: string

beforeAll(async () => {
  test = await openTestHost()
  project = join(test.folder, 'projects/Small')
  const config = loadConfig({ preset: 'ci', overrides: { iterations: 1, data: { sftLimit: 40, promptsLimit: 24, evaluation: [] } } })
  await withNewRun(project, config, { signal: new AbortController().signal, emit: () => {} }, (context) => carryOn(context))
  page = await Page.open(test.host)
  const [summary] = await page.ask('project/list', {})
  await page.ask('project/open', { project: summary!.handle })
  ;({ home: { handle: into, path: home } } = await page.ask('export/list', {}))
}, 300_000)
afterAll(() => test.close())

let keys = 0
const key = (): string => `export-key-${keys++}`
const refusal = async (...[name, params]: Parameters<typeof page.request>): Promise<string> => {
  const reply = await page.request(name, params)
  return reply.ok ? 'allowed' : reply.error.sentence
}

describe('over the wire', () => {
  it('offers every format with its sizes, and says why one cannot be', async () => {
    const cards = await page.ask('export/formats', { model: 'M2' })
    expect(cards.map(({ format }) => format)).toEqual(['merged', 'peft', 'gguf', 'onnx', 'preferences', 'cream', 'bundle'])
    expect(cards.every(({ refusal: why, variants }) => why === null && variants.every(({ bytes }) => bytes > 0))).toBe(true)
    const base = await page.ask('export/formats', { model: 'M0' })
    expect(base.find(({ format }) => format === 'peft')!.refusal).toBe('M0 has no adapter: it is the base itself. Export it merged instead.')
    expect(await refusal('export/formats', { model: 'M9' })).toBe('The run has no model M9; it has M0, M1, M2.')
  })

  it('shows the card before anything is written', async () => {
    const { markdown } = await page.ask('export/card', { model: 'M2', choice: { format: 'merged', dtype: 'bf16' } })
    expect(markdown).toMatch(/^---\nbase_model: "bundled\/model"\nbase_model_relation: "finetune"\nlibrary_name: "transformers"\n/)
    expect(markdown).toContain('Iteration 1: **not audited** (gate: not-audited).')
    expect(markdown).toContain('Every export is opened again')
    expect(markdown).toMatch(/M2 = DPOConfig\(output_dir="M2", .*loss_type="sigmoid", beta=0.1/)
    expect(markdown).not.toContain(test.folder) // no path of this machine
    expect(markdown).not.toMatch(/"(model|prompts|sft|file)": "\//)
  })

  it('makes one, tells how far it is, and keeps jobs and other projects waiting', async () => {
    const listener = page.listen()
    await listener.firstMessage()
    const ask = { key: key(), model: 'M2', choice: { format: 'gguf', precision: 'q8_0' }, into, name: 'taken-out' } as const
    const job = await page.ask('export/start', ask)
    expect(await page.ask('export/start', ask)).toEqual(job) // the same press
    expect(await refusal('export/start', { ...ask, key: key(), name: 'other' })).toContain('exporting M2')
    expect(await refusal('run/start', { key: key() })).toContain('exporting M2')
    expect(await refusal('project/close', {})).toContain('exporting M2')
    expect((await page.ask('export/list', {})).running).toMatchObject({ id: job.id, name: 'taken-out' })
    const { event } = await listener.until('export-ended')
    const phases = listener.events.flatMap(({ event: one }): ExportJob[] => (one.kind === 'export-progressed' ? [one.job] : []))
    expect(new Set(phases.map(({ phase }) => phase))).toEqual(new Set(['writing', 'proving']))
    expect(event).toMatchObject({ kind: 'export-ended', end: { id: job.id, error: null, row: { model: 'M2', state: 'proved', path: join(home, 'taken-out') } } })
    const { running, made } = await page.ask('export/list', {})
    expect(running).toBeNull()
    const proof = await page.ask('export/proof', { id: made[0]!.id })
    expect(proof).toMatchObject({ passed: true, maxLogitDelta: made[0]!.maxLogitDelta })
    expect(proof.checks.map(({ name }) => name)).toEqual(['settings', 'weights', 'tokens', 'BOS and EOS', 'chat template', 'logits'])
    const card = readFileSync(join(home, 'taken-out/README.md'), 'utf8')
    for (const { finding } of proof.checks) expect(card).toContain(finding)
    await listener.close()
  }, 120_000)

  it('stops one, and nothing of it is left', async () => {
    const listener = page.listen()
    await listener.firstMessage()
    const { id } = await page.ask('export/start', { key: key(), model: 'M2', choice: { format: 'merged', dtype: 'f32' }, into, name: 'stopped' })
    await page.ask('export/cancel', { id })
    const { event } = await listener.until('export-ended', ({ event: one }) => one.kind === 'export-ended' && one.end.id === id)
    expect(event).toMatchObject({ end: { row: null, error: { code: 'cancelled' } } })
    expect(existsSync(join(home, 'stopped')) || existsSync(join(home, 'stopped.partial'))).toBe(false)
    expect((await page.ask('export/list', {})).made).toHaveLength(1)
    await listener.close()
  }, 120_000)

  it('refuses a place that holds something, names that lead elsewhere, and folders that were never shown', async () => {
    mkdirSync(join(home, 'mine'))
    writeFileSync(join(home, 'mine/file'), 'x')
    const listener = page.listen()
    await listener.firstMessage()
    const { id } = await page.ask('export/start', { key: key(), model: 'M1', choice: { format: 'peft' }, into, name: 'mine' })
    const { event } = await listener.until('export-ended', ({ event: one }) => one.kind === 'export-ended' && one.end.id === id)
    expect(event).toMatchObject({ end: { row: null, error: { code: 'bad-arguments', sentence: expect.stringContaining('never writes over files') } } })
    await listener.close()
    for (const name of ['../out', '..', '.hidden', 'a/b', 'a\\b', '']) expect(await refusal('export/start', { key: key(), model: 'M1', choice: { format: 'peft' }, into, name })).toContain('malformed')
    expect(await refusal('export/start', { key: key(), model: 'M1', choice: { format: 'peft' }, into: 'place-unknown', name: 'x' })).toContain('not known any more')
    expect(await refusal('export/proof', { id: 'export-unknown' })).toContain('This export is not known')
  }, 120_000)
})

describe('from the command line', () => {
  it('writes what it is asked for and prints the proof', async () => {
    await page.ask('project/close', {})
    const out = join(test.folder, 'outside/adapter')
    const { code, stdout, stderr } = await creamery(['export', '--project', project, '--model', 'M2', '--format', 'peft', '--out', out, '--json'])
    expect(code, stderr).toBe(0)
    const { export: row, proof } = stdout.trim().split('\n').map((line) => JSON.parse(line) as { export?: { path: string; state: string }; proof?: { passed: boolean } }).find((line) => line.export) as { export: { path: string; state: string }; proof: { passed: boolean } }
    expect(row).toMatchObject({ path: out, state: 'proved' })
    expect(proof.passed).toBe(true)
    expect(JSON.parse(readFileSync(join(out, 'adapter_config.json'), 'utf8'))).toMatchObject({ peft_type: 'LORA', base_model_name_or_path: 'bundled/model' })
  }, 120_000)

  it('refuses with exit code 2 what it cannot do', async () => {
    const asking = (...args: string[]): string[] => ['export', '--project', project, '--model', 'M2', ...args, '--out', join(test.folder, 'outside/x')]
    await expectRefusal(asking('--format', 'gguf', '--precision', 'q3'), /^--precision should be one of f16, q8_0, f32 for the format gguf, not "q3"/)
    await expectRefusal(asking('--format', 'peft', '--precision', 'f16'), /^The format peft has no --precision/)
    expect(existsSync(join(test.folder, 'outside/x'))).toBe(false)
  }, 60_000)
})
