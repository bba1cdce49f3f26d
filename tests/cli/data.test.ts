import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { writeLarge } from '../large.ts'
import { creamery, expectRefusal, fileWith, jsonLines, startCli, temporaryFolder } from './run-cli.ts'

const csv = 'question,reply\nWhy?,So.\n,"a, b"\nWho?,Me.\n'

describe('data', () => {
  test('preview shows the layout, the columns, and every reject in a file', async () => {
    const rejects = join(temporaryFolder(), 'rejects.csv')
    const [preview] = await jsonLines<Record<string, unknown>>(['data', 'preview', fileWith(csv, 'f.csv'), '--as', 'sft', '--rejects', rejects])
    expect(preview).toMatchObject({ format: 'CSV', layout: 'columns', roles: { prompt: 'question', response: 'reply' }, usable: 2, rejected: 1, rejects: [{ line: 3 }] })
    expect(readFileSync(rejects, 'utf8')).toBe('row,reason\r\n3,"is empty in ""question"""\r\n')
  })

  test('import writes the rows of columns named by hand', async () => {
    const out = join(temporaryFolder(), 'out.jsonl')
    const [written] = await jsonLines(['data', 'import', fileWith(csv, 'f.csv'), '--as', 'prompts', '--column', 'prompt=reply', '--column', 'task=question', '--out', out])
    expect(written).toEqual({ out, usable: 3, rejected: 0, leftOut: 0, bytes: readFileSync(out).length })
    expect(readFileSync(out, 'utf8').split('\n').slice(0, 2).map((line) => JSON.parse(line) as unknown)).toEqual([{ id: 'f:2', prompt: 'So.', task: 'Why?' }, { id: 'f:3', prompt: 'a, b' }])
  })

  test('import leaves out what is held out', async () => {
    const [tasks, out] = [fileWith([{ prompt: 'Why?', answer: 'So.' }]), join(temporaryFolder(), 'out.jsonl')]
    const { code, stdout } = await creamery(['data', 'import', fileWith(csv, 'f.csv'), '--as', 'sft', '--without', tasks, '--out', out])
    expect([code, readFileSync(out, 'utf8').trim().split('\n').length]).toEqual([0, 1])
    expect(stdout).toContain('"leftOut":1')
  })

  test('import tells how far it is, and leaves nothing when it is stopped', async () => {
    const folder = temporaryFolder()
    const [path, out] = [join(folder, 'long.jsonl'), join(folder, 'out.jsonl')]
    writeLarge(path)
    const { child, outcome } = startCli(['data', 'import', path, '--as', 'sft', '--out', out, '--json'])
    const [said] = (await once(child.stderr!, 'data')) as [string]
    expect(JSON.parse(said.split('\n')[0]!)).toEqual({ progress: expect.objectContaining({ total: statSync(path).size, unit: 'bytes' }) })
    child.kill('SIGINT')
    expect((await outcome).code).toBe(130)
    expect(readdirSync(folder)).toEqual(['long.jsonl'])
  }, 60_000)

  test.each<[string, string[], RegExp]>([
    ['a use that is none', ['--as', 'rows'], /--as should be one of sft, prompts, tasks, preferences/],
    ['a role that is none', ['--as', 'sft', '--column', 'answers=x'], /--column wants a role/],
    ['roles that are not enough', ['--as', 'sft', '--column', 'prompt=question'], /needs a column for messages, or for prompt and response/],
    ['a file of no known layout', ['--as', 'tasks', '--out', 'x.jsonl'], /no known layout of held-out questions.*"question", "reply"/],
  ])('refuses %s', async (_, flags, sentence) => {
    const command = flags.includes('--out') ? 'import' : 'preview'
    await expectRefusal(['data', command, fileWith(csv, 'f.csv'), ...flags], sentence)
    expect(existsSync('x.jsonl')).toBe(false)
  })

  test('refuses to write over a file', async () => {
    const there = fileWith('mine')
    await expectRefusal(['data', 'import', fileWith(csv, 'f.csv'), '--as', 'sft', '--out', there], /is there already/)
    expect(readFileSync(there, 'utf8')).toBe('mine')
  })
})
