/** Data files behind the sandbox: looked at, imported and compared there; what is hostile ends the child, never the app. */
import { closeSync, existsSync, openSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { startSandbox } from '../../../main/sandbox/host.ts'
import type { Reach } from '../../../main/sandbox/protocol.ts'
import { writeLarge } from '../../large.ts'
import { temporaryFolder } from '../../temporary.ts'

const folder = temporaryFolder('sandbox-data')
const sandbox = startSandbox()
afterAll(() => sandbox.close())
const file = (name: string, content: string | Buffer): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
const lines = (rows: unknown[]): string => rows.map((row) => JSON.stringify(row)).join('\n')

describe('a file', () => {
  const path = file('f.csv', 'question,reply,level\nWhy?,So.,1\n,x,2\nWhy?,No.,3\nWho?,Me,4\n')

  it('is looked at as a whole', async () => {
    expect(await sandbox.previewData('sft', path, { rows: 1 })).toEqual({
      format: 'CSV', layout: 'columns', problem: null, columns: ['question', 'reply', 'level'], roles: { prompt: 'question', response: 'reply' },
      rows: [{ prompt: 'Why?', response: 'So.', rejected: null, answer: null, task: null }],
      usable: 3, rejects: [{ line: 3, reason: 'is empty in "question"' }], rejected: 1, repeated: 1, repeats: [{ line: 4, of: 2 }],
    })
    expect(await sandbox.previewData('prompts', path, { rows: 2, roles: { prompt: 'reply', task: 'level' } })).toMatchObject({ usable: 4, rows: [{ prompt: 'So.', task: '1' }, { prompt: 'x', task: '2' }] })
  })

  it('gives all its rejects in pages', async () => {
    const bad = file('bad.jsonl', lines(Array.from({ length: 250 }, (_, i) => ({ prompt: i % 5 === 0 ? 'a' : '' }))))
    const pages = [await sandbox.listRejects('prompts', bad, { from: 0, limit: 150 }), await sandbox.listRejects('prompts', bad, { from: 150, limit: 150 })]
    expect(pages.map(({ rejects, more }) => [rejects.length, more])).toEqual([[150, true], [50, false]])
    expect(new Set(pages.flatMap(({ rejects }) => rejects.map(({ row }) => row))).size).toBe(200)
  })

  it('is imported whole, and reads the same again', async () => {
    const target = join(folder, 'out.jsonl')
    expect(await sandbox.writeData('sft', path, target)).toEqual({ usable: 3, rejected: 1, leftOut: 0, bytes: readFileSync(target).length })
    expect((await sandbox.readSft(target)).taken).toEqual((await sandbox.readSft(path)).taken)
  })

  it('of pairs becomes rewards by the ids of its prompts', async () => {
    const pairs = file('pairs.jsonl', lines([{ prompt: 'a', chosen: 'x', rejected: 'y' }, { id: 'own', prompt: 'b', chosen: 'x', rejected: 'y', score_chosen: 0.9, score_rejected: 0.4 }]))
    const target = join(folder, 'rewards.jsonl')
    await sandbox.writeData('preferences', pairs, target)
    const ids = (await sandbox.readPrompts(pairs)).taken.map(({ id }) => id)
    expect(readFileSync(target, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual([
      { prompt_id: ids[0], text: 'x', reward: 1 }, { prompt_id: ids[0], text: 'y', reward: 0 }, { prompt_id: 'own', text: 'x', reward: 0.9 }, { prompt_id: 'own', text: 'y', reward: 0.4 },
    ])
  })
})

describe('held-out questions among what is trained on', () => {
  const choices = { text: ['x', 'y'], label: ['A', 'B'] }
  const tasks = file('tasks.jsonl', lines([{ id: 1, question: 'Which?', choices, answerKey: 'A' }, { id: 2, question: 'Who?', choices, answerKey: 'B' }, { id: 3, question: 'New?', choices, answerKey: 'B' }]))
  const prompts = file('prompts.jsonl', lines([{ prompt: 'Which?\nA. x\nB. y' }, { prompt: 'When?' }, { prompt: [{ role: 'user', content: ' Who? ' }] }]))
  const sft = file('sft.jsonl', lines([{ prompt: 'When?', response: 'Now' }, { prompt: 'Who?', response: 'Me' }]))

  it('are found, with and without their choices', async () => {
    expect(await sandbox.findOverlap({ sft, prompts, tasks })).toEqual({
      heldOutInPrompts: 2, heldOutInExamples: 1, promptsInExamples: 2,
      first: [{ question: 'Which?', line: 1, in: 'prompts', at: 1 }, { question: 'Who?', line: 2, in: 'prompts', at: 3 }, { question: 'Who?', line: 2, in: 'sft', at: 2 }],
    })
    expect(await sandbox.findOverlap({ sft: null, prompts: null, tasks })).toMatchObject({ heldOutInPrompts: 0, first: [] })
  })

  it('can be left out', async () => {
    const target = join(folder, 'without.jsonl')
    expect(await sandbox.writeData('prompts', prompts, target, { without: [{ path: tasks, use: 'tasks' }] })).toMatchObject({ usable: 1, leftOut: 2 })
    expect((await sandbox.readPrompts(target)).taken).toEqual([{ id: 'prompts:2', prompt: 'When?' }])
    await expect(sandbox.writeData('tasks', tasks, join(folder, 'none.jsonl'), { without: [{ path: tasks, use: 'tasks' }] })).rejects.toMatchObject({ code: 'bad-data', message: expect.stringMatching(/Nothing of .* is left/) as string })
  })
})

describe('a hostile file', () => {
  it.each<[string, string, Buffer, RegExp]>([
    ['of zeros, packed', 'zeros.jsonl.gz', gzipSync(Buffer.alloc(300 * 2 ** 20)), /200 times its size|more than 64 MB/],
    ['of one endless string', 'string.json', Buffer.from(`[{"prompt": "${'a'.repeat(70 * 2 ** 20)}`), /row of more than 64 MB/],
    ['of brackets', 'deep.json', Buffer.from('['.repeat(5_000_000)), /ends in the middle/],
    ['of one open quote', 'quote.csv', Buffer.from(`prompt,response\n"${'a\n'.repeat(10 * 2 ** 20)}`), /quote that is still open/],
    ['of commas', 'commas.csv', Buffer.from('a,'.repeat(3_000_000)), /columns/],
  ])('%s is refused with a sentence within 5 s, and leaves no half import', async (_, name, content, sentence) => {
    const path = file(name, content)
    const target = join(folder, 'hostile.jsonl')
    const began = performance.now()
    await expect(sandbox.writeData('prompts', path, target)).rejects.toMatchObject({ code: 'bad-data', message: expect.stringMatching(sentence) as string })
    expect(performance.now() - began).toBeLessThan(8000)
    expect([existsSync(target), existsSync(`${target}.partial`)]).toEqual([false, false])
  })

  it('that takes all memory outside of the heap ends the child with a sentence, and the half import goes with it', async () => {
    const target = join(folder, 'rows.jsonl')
    await expect(sandbox.writeData('prompts', file('runs.parquet', endlessRun()), target)).rejects.toMatchObject({ code: expect.stringMatching(/sandbox-died|bad-data/) as string, message: expect.stringMatching(/ran out of memory|no sign of life|damaged/) as string })
    expect(readdirSync(folder).filter((name) => name.startsWith('rows.jsonl'))).toEqual([])
    expect((await sandbox.readPrompts(file('after.txt', 'Still here?'))).taken).toHaveLength(1)
  })
})

/** A Parquet file whose definition levels are one run of 2³⁰ values, where its page has 16. */
function endlessRun(): Buffer {
  const good = readFileSync(join(import.meta.dirname, '../data/parquet/none.parquet'))
  const run = good.indexOf(Buffer.from([2, 0, 0, 0, 32, 1])) // length 2: a run (16 << 1) of level 1
  if (run === -1) throw new Error('the fixture has no run of definition levels')
  const bytes = Buffer.from(good)
  // Length 2 is kept; the five bytes of the count and the value reach into the values behind.
  Buffer.from([0x80, 0x80, 0x80, 0x80, 0x08, 1]).copy(bytes, run + 4)
  return bytes
}

describe('a long look', () => {
  const path = join(folder, 'long.jsonl')
  const rows = writeLarge(path)
  const small = file('small.txt', 'Why?')

  it('tells how far it is, in bytes and rows', async () => {
    const seen: Reach[] = []
    expect(await sandbox.previewData('sft', path, { rows: 1 }, { onReach: (reach) => seen.push(reach) })).toMatchObject({ usable: rows })
    expect(seen.length).toBeGreaterThan(1)
    expect(seen.at(-1)!.total).toBe(statSync(path).size)
    for (const key of ['bytes', 'rows'] as const) expect(seen.map((reach) => reach[key])).toEqual(seen.map((reach) => reach[key]).toSorted((a, b) => a - b))
    expect(seen.at(-1)!.rows / rows).toBeCloseTo(seen.at(-1)!.bytes / seen.at(-1)!.total, 1)
  }, 60_000)

  it('is stopped at once and leaves nothing, nor does what waits behind it; the next is answered', async () => {
    const [first, second] = [new AbortController(), new AbortController()]
    const target = join(folder, 'long.out.jsonl')
    const [begun, begin] = [Promise.withResolvers<void>(), performance.now()]
    const importing = sandbox.writeData('sft', path, target, {}, { signal: first.signal, onReach: ({ rows: read }) => read > 0 && begun.resolve() })
    const waiting = sandbox.previewData('prompts', path, { rows: 1 }, { signal: second.signal })
    await begun.promise
    expect(existsSync(`${target}.partial`)).toBe(true)
    const stoppedAt = performance.now()
    second.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' })
    first.abort()
    await expect(importing).rejects.toMatchObject({ code: 'cancelled', message: expect.stringContaining('nothing of it is left') as string })
    expect(performance.now() - stoppedAt).toBeLessThan(stoppedAt - begin + 1500) // a look of all of it takes longer
    expect(readdirSync(folder).filter((name) => name.startsWith('long.out'))).toEqual([])
    expect(await sandbox.previewData('prompts', small, { rows: 1 })).toMatchObject({ usable: 1 })
  }, 60_000)
})

describe.skipIf(process.platform !== 'linux')('a large file', () => {
  /** The peak of the child's resident memory, in MB. */
  const peak = (pid: number): number => Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024

  it.each(['jsonl', 'json', 'csv'])('of 96 MB streams: %s', async (kind) => {
    const own = startSandbox()
    try {
      const text = `lorem "ipsum" ü ${'dolor sit amet '.repeat(60)}`
      const rowOf = (i: number): string => (kind === 'csv' ? `"${i} ${text.replaceAll('"', '""')}",${i}\n` : `${JSON.stringify({ prompt: `${i} ${text}`, answer: i })}${kind === 'json' ? ',' : ''}\n`)
      const path = join(folder, `large.${kind}`)
      const file = openSync(path, 'w')
      writeSync(file, { jsonl: '', json: '[', csv: 'prompt,answer\n' }[kind]!)
      const rows = 100_000
      for (let i = 0; i < rows; i += 1000) writeSync(file, Array.from({ length: 1000 }, (_, k) => rowOf(i + k)).join(''))
      if (kind === 'json') writeSync(file, '"the last one"]')
      closeSync(file)
      await own.readPrompts(path, { limit: 1 })
      expect(await own.previewData('prompts', path, { rows: 1 })).toMatchObject({ usable: rows, rejected: kind === 'json' ? 1 : 0, repeated: 0 })
      const target = join(folder, `large.${kind}.out`)
      expect(await own.writeData('prompts', path, target)).toMatchObject({ usable: rows })
      expect(peak(own.pid()!)).toBeLessThan(500)
      rmSync(path)
      rmSync(target)
    } finally {
      await own.close()
    }
  }, 180_000)
})
