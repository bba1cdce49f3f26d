import { cpSync, existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ModelCard } from '../../preload/contract/requests/place.ts'
import { creamery, expectRefusal, fileWith, fromRoot, golden, jsonLines, temporaryFolder } from '../cli/run-cli.ts'
import { writeTinyText } from '../export/random-model.ts'
import { contents, smallModel } from './fixture.ts'

const bundled = fromRoot('native-models/bundled/model')

describe('creamery inspect', () => {
  test('shows the card, and as JSON', async () => {
    const { code, stdout } = await creamery(['inspect', bundled])
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/LlamaForCausalLM \(safetensors, F32\)[\s\S]*tokenizer {3}ok, 102 tokens[\s\S]*takes no system message/) })
    const [card] = await jsonLines<ModelCard>(['inspect', join(bundled, 'model.safetensors'), '--json'])
    expect(card).toMatchObject({ name: 'model', supported: true, parameters: 800_640, tokenizer: 'ok', template: 'ok', adapter: null, problems: [] })
  })

  test('of a pickle says how to convert it, and ends with 2', async () => {
    const folder = await smallModel({ shardBytes: 1e9 })
    rmSync(join(folder, 'model.safetensors'))
    writeFileSync(join(folder, 'pytorch_model.bin'), '')
    const { code, stdout, stderr } = await creamery(['inspect', folder])
    expect(code).toBe(2)
    expect(stdout).toContain('(pickle, no weights)')
    expect(stderr).toMatch(/never loaded; convert them on a machine you trust: python -c/)
  })
})

describe('creamery import', () => {
  test('copies, and says what it made', async () => {
    const [from, to] = [await smallModel(), join(temporaryFolder(), 'copy')]
    const [made] = await jsonLines<{ folder: string; sha256: string; files: unknown[] }>(['import', from, '--to', to, '--json'])
    expect(made).toMatchObject({ folder: to, sha256: expect.stringMatching(/^[0-9a-f]{64}$/), card: { supported: true } })
    expect(contents(to)).toEqual(contents(from))
    await expectRefusal(['import', from, '--to', to], /is not empty, and an import never writes over files/)
  })

  test('merges an adapter, and refuses that of another base', async () => {
    const base = join(temporaryFolder(), 'base')
    cpSync(golden('gqa-tied'), base, { recursive: true })
    writeTinyText(base)
    const to = join(temporaryFolder(), 'merged')
    await jsonLines(['import', base, '--adapter', join(base, 'adapter'), '--to', to, '--json'])
    expect(readdirSync(to)).toEqual(['config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'])
    const other = join(temporaryFolder(), 'other')
    await expectRefusal(['import', base, '--adapter', join(golden('headdim'), 'adapter'), '--to', other], /adapter_model\.safetensors.*choose the adapter's own base model/)
    expect(existsSync(other)).toBe(false)
  })

  test.skipIf(process.platform === 'win32')('refuses the system’s folders', () => expectRefusal(['import', bundled, '--to', '/etc/creamery'], /belongs to the system/))
}, 120_000)

describe('a model of the project’s own', () => {
  const config = fileWith(JSON.stringify({ data: { sftLimit: 32, promptsLimit: 8, evaluation: [] }, iterations: 1 }), 'small.json')

  test('comes with the run; the run goes on where the project is, and refuses to start anew before anything is copied', async () => {
    const [from, project] = [join(temporaryFolder(), 'mine'), join(temporaryFolder(), 'project')]
    cpSync(bundled, from, { recursive: true })
    const run = ['run', '--project', project, '--preset', 'ci', '--config', config, '--model', from, '--copy-model', '--until', 'tune']
    expect((await creamery(run)).code).toBe(0)
    expect(contents(join(project, 'model/mine'))).toEqual(contents(from))
    rmSync(from, { recursive: true })
    const moved = join(temporaryFolder(), 'moved')
    renameSync(project, moved)
    expect((await creamery(['resume', '--project', moved, '--until', 'sample'])).code).toBe(0)
    await expectRefusal(['run', '--project', moved, '--preset', 'ci', '--copy-model'], /holds a run already/)
    expect(readdirSync(join(moved, 'model'))).toEqual(['mine'])
  })

  test('is taken into a project that was linked to it; another model is not', async () => {
    const [from, project] = [join(temporaryFolder(), 'mine'), join(temporaryFolder(), 'project')]
    cpSync(bundled, from, { recursive: true })
    expect((await creamery(['run', '--project', project, '--preset', 'ci', '--config', config, '--model', from, '--until', 'tune'])).code).toBe(0)
    await expectRefusal(['import', await smallModel(), '--into', project], /is not the one that this run started from/)
    await expectRefusal(['import', from, '--into', project, '--to', project], /Say where the copy goes/)
    const [made] = await jsonLines<{ folder: string }>(['import', from, '--into', project, '--json'])
    expect(made).toEqual({ folder: join(project, 'model/mine') })
    rmSync(from, { recursive: true })
    expect((await creamery(['resume', '--project', project, '--until', 'sample'])).code).toBe(0)
  })
}, 240_000)
