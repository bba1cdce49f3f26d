/** What is wrong with a run's input shows before anything is written; a run goes on only with what it began with. */
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { databaseName, openProject } from '../../main/store/project.ts'
import { holdingsOf, resume, runChild, scratch, smallRun, start, writeConfig } from './fixture.ts'

const bundled = fileURLToPath(new URL('../../native-models/bundled/', import.meta.url))
const failureOf = async (run: Promise<unknown>): Promise<unknown> => run.then(() => expect.fail('it should have been refused'), (error: unknown) => error)

const prompts = readFileSync(join(bundled, 'data/prompts.jsonl'), 'utf8').split('\n').slice(0, 12)
const longPrompt = JSON.stringify({ id: 'long', prompt: 'Sort abcd. '.repeat(40), answer: 'abcd', task: 'sort' })

function writeLines(name: string, lines: readonly string[]): string {
  const file = join(scratch, name)
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

describe('a new run', { timeout: 120_000 }, () => {
  test.each([
    ['without a prompt that fits the context', () => smallRun({ data: { prompts: writeLines('long.jsonl', [longPrompt, longPrompt.replace('"long"', '"longer"')]) } }), 'bad-data', /^No prompt of iteration 1 fits the context of 128 tokens \(.*long\.jsonl has 2 prompts for 1 iterations\); use shorter or more prompts, or a larger maxLength\.$/],
    ['without enough prompts for its iterations', () => smallRun({ iterations: 3, data: { prompts: writeLines('two.jsonl', prompts.slice(0, 2)) } }), 'bad-data', /^No prompt of iteration 3 fits/],
    ['without SFT data', () => { const { data: { sft: _, ...data }, ...config } = smallRun(); return { ...config, data } }, 'bad-config', /no SFT data \(data\.sft\), so M1 would equal M0.*name a seed set/],
    ['whose SFT data does not exist', () => smallRun({ data: { sft: join(scratch, 'nowhere.jsonl') } }), 'bad-data', /nowhere\.jsonl/],
    ['whose held-out tasks do not exist', () => smallRun({ data: { evaluation: [{ name: 'gone', file: join(scratch, 'gone.jsonl') }] } }), 'bad-data', /gone\.jsonl/],
    ['with fp16 weights on the CPU', () => smallRun({ weights: 'fp16' }), 'bad-config', /^Weights are fp32 on the CPU; choose the device webgpu/],
    ['that trains every weight in fp16', () => smallRun({ weights: 'fp16', device: 'webgpu', tuning: { kind: 'full' } }), 'bad-config', /^Training every weight needs fp32 weights/],
    ['whose model does not exist', () => smallRun({ model: join(scratch, 'no-model') }), 'bad-model', /no-model/],
  ] as const)('%s is refused, and nothing is written', async (name, config, code, message) => {
    const folder = join(scratch, name.replaceAll(' ', '-'))
    expect(await failureOf(start(folder, config()))).toMatchObject({ code, message: expect.stringMatching(message) })
    expect(existsSync(folder)).toBe(false)
  })

  test('leaves out a prompt that is too long, and says so in a row', async () => {
    const folder = join(scratch, 'one-too-long')
    await start(folder, smallRun({ data: { prompts: writeLines('one-long.jsonl', [...prompts.slice(0, 5), longPrompt, ...prompts.slice(5)]) } }), { until: 'pair' })
    const { rows } = holdingsOf(folder)
    expect(rows['prompts']).toHaveLength(13)
    expect(rows['skips']!.filter(({ reason }) => reason === 'prompt-too-long')).toEqual([{ setId: 'run1.i1.set0', promptId: rows['prompts']!.find(({ sourceId }) => sourceId === 'long')!['id'], reason: 'prompt-too-long' }])
    expect(new Set(rows['responses']!.map(({ promptId }) => promptId)).size).toBe(12)
  })

  test('in a folder that holds other files is refused, and they stay alone', async () => {
    const folder = join(scratch, 'home')
    mkdirSync(folder)
    writeFileSync(join(folder, 'thesis.tex'), '')
    expect(await failureOf(start(folder, smallRun()))).toMatchObject({ code: 'bad-arguments', message: expect.stringContaining('not empty') })
    expect(existsSync(join(folder, databaseName))).toBe(false)
  })
})

describe('a project that holds a run', { timeout: 120_000 }, () => {
  const model = join(scratch, 'model')
  const sft = join(scratch, 'sft.jsonl')
  const folder = join(scratch, 'begun')
  const config = () => smallRun({ model, data: { sft } })
  beforeAll(async () => {
    cpSync(join(bundled, 'model'), model, { recursive: true })
    cpSync(join(bundled, 'data/sft.jsonl'), sft)
    const stop = new AbortController()
    await failureOf(start(folder, config(), { signal: stop.signal, onEvent: (event) => { if (event.kind === 'progress') stop.abort() } }))
  })

  test('takes no second one', async () => {
    const before = holdingsOf(folder)
    expect(await failureOf(start(folder, config()))).toMatchObject({ code: 'bad-arguments', message: `${folder} holds a run already; go on with "resume --project ${folder}", or name a new folder.` })
    expect(holdingsOf(folder)).toEqual(before)
  })

  test('is one process’s at a time', async () => {
    const project = openProject(folder)
    try {
      const locked = { code: 'project-locked', message: expect.stringMatching(new RegExp(`open in process ${process.pid} since .*read-only`)) }
      expect(await failureOf(resume(folder))).toMatchObject(locked)
      expect(await failureOf(start(folder, config()))).toMatchObject(locked)
      const other = await runChild(folder, writeConfig('config', config()), join(scratch, 'tmp'))
      expect(other.code).toBe(1)
      expect(other.errors).toContain(`is open in process ${process.pid} since`)
    } finally {
      project.close()
    }
  })

  test('from before weights had a choice goes on with fp32, as the same run', async () => {
    const older = join(scratch, 'older')
    cpSync(folder, older, { recursive: true })
    const project = openProject(older)
    project.db.exec("UPDATE runs SET config = json_remove(config, '$.weights')")
    project.close()
    expect(await resume(older, { until: 'tune', onEvent: (_, { run }) => expect(run.config.weights).toBe('fp32') })).toBe('stopped')
  })

  test('goes on only with the data and the model that it began with', async () => {
    const original = readFileSync(sft)
    appendFileSync(sft, '{"prompt": "1+1?", "response": "Answer: 2"}\n')
    expect(await failureOf(resume(folder, { until: 'tune' }))).toMatchObject({ code: 'bad-data', message: expect.stringMatching(/^The stage "tune" was begun with other data: .*sft\.jsonl changed since\. Put the old file back/) })
    writeFileSync(sft, original)

    const labels = join(scratch, 'sft-labels.lst')
    writeFileSync(labels, 'A\n')
    expect(await failureOf(resume(folder, { until: 'tune' }))).toMatchObject({ code: 'bad-data', message: expect.stringMatching(/sft-labels\.lst changed since/) })
    rmSync(labels)

    const weights = join(model, 'model.safetensors')
    const bytes = readFileSync(weights)
    writeFileSync(weights, bytes.map((byte, i) => (i === bytes.length - 2 ? byte ^ 1 : byte)))
    expect(await failureOf(resume(folder, { until: 'tune' }))).toMatchObject({ code: 'bad-model', message: expect.stringContaining('is not the one that this run started from') })
    writeFileSync(weights, bytes)

    expect(await resume(folder, { until: 'tune' })).toBe('stopped')
  })

  test('written by a newer Creamery is left alone', async () => {
    const newer = join(scratch, 'newer')
    cpSync(folder, newer, { recursive: true })
    const project = openProject(newer)
    project.db.pragma('user_version = 999')
    project.close()
    for (const opening of [resume(newer), start(newer, config())]) {
      expect(await failureOf(opening)).toMatchObject({ code: 'wrong-version', message: expect.stringMatching(/written by a newer Creamery .*999.*update Creamery/) })
    }
  })

  test('is looked for where the path says; a wrong path makes no project', async () => {
    const nowhere = join(scratch, 'nowhere')
    expect(await failureOf(resume(nowhere))).toMatchObject({ code: 'bad-arguments', message: expect.stringContaining(`${nowhere} holds no Creamery project`) })
    expect(existsSync(nowhere)).toBe(false)
  })
})
