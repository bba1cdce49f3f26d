import { describe, expect, test } from 'vitest'
import { describeProgress, describeSeconds, measureProgress, type ProgressForm, trackProgress } from '../../main/cli/progress.ts'
import { formatTable } from '../../main/cli/table.ts'

describe('progress', () => {
  function track(form: ProgressForm['form'], extra: Partial<ProgressForm> = {}, done = 0) {
    let now = 0
    const written: string[] = []
    const progress = trackProgress({ label: 'scoring', total: 100, unit: 'rows', done }, { form, color: false, width: 80, write: (text) => void written.push(text), now: () => now, ...extra })
    return { written, progress, reach: (at: number, units: number) => ((now = at), progress.reach(units)) }
  }

  test('tells rate and time left, and does not count what was there before', () => {
    expect(measureProgress({ label: 'x', total: 100, unit: 'rows', done: 60 }, 40, 10)).toMatchObject({ rate: 2, etaSeconds: 20 })
    expect(measureProgress({ label: 'x', total: 100, unit: 'rows', done: 40 }, 40, 10)).toMatchObject({ rate: null, etaSeconds: null })
    expect(describeProgress(measureProgress({ label: 'scoring', total: 100, unit: 'rows', done: 60 }, 40, 10))).toBe('scoring 60/100 rows, 2.0 rows/s, 20 s left')
    expect(describeProgress(measureProgress({ label: 'reading', total: 1.07e9, unit: 'bytes', done: 5e8 }, 0, 10))).toBe('reading 500.0/1070.0 MB, 50 MB/s, 12 s left')
  })

  test.each([[0.2, '1 s'], [59, '59 s'], [200, '3 min 20 s'], [7500, '2 h 5 min']])('%f s read %s', (seconds, text) => expect(describeSeconds(seconds)).toBe(text))

  test('is a bar on a terminal, at most ten times a second, gone at the end', () => {
    const { written, progress, reach } = track('bar')
    reach(1000, 25)
    reach(1050, 26)
    reach(1100, 50)
    progress.finish()
    expect(written).toEqual([
      '\r\x1b[K██████░░░░░░░░░░░░░░░░░░ scoring 25/100 rows, 25 rows/s, 3 s left',
      expect.stringContaining('scoring 50/100'),
      '\r\x1b[K',
    ])
  })

  test('never breaks a narrow terminal\'s line, and is coloured only when asked', () => {
    const { written, reach } = track('bar', { width: 40 })
    reach(1000, 25)
    expect(written[0]!.replace('\r\x1b[K', '').length).toBeLessThan(40)
    const coloured = track('bar', { color: true })
    coloured.reach(1000, 25)
    expect(coloured.written[0]).toContain('\x1b[32m')
  })

  test('is a line now and then in a log, and none for short work', () => {
    const short = track('lines')
    short.reach(2000, 100)
    short.progress.finish()
    expect(short.written).toEqual([])
    const long = track('lines')
    for (let second = 1; second <= 25; second++) long.reach(second * 1000, second * 4)
    long.progress.finish()
    expect(long.written).toHaveLength(3)
    expect(long.written.at(-1)).toBe('scoring 100/100 rows, 4.0 rows/s, 0 s left\n')
  })

  test('is JSON for a program: every second, and the end once', () => {
    const { written, progress, reach } = track('json', {}, 10)
    reach(1000, 20)
    reach(1200, 30)
    reach(2500, 100)
    progress.finish()
    expect(written.map((line) => (JSON.parse(line) as { progress: { done: number } }).progress.done)).toEqual([20, 100])
    expect(JSON.parse(written[0]!)).toEqual({ progress: { label: 'scoring', total: 100, unit: 'rows', done: 20, rate: 10, etaSeconds: 8 } })
  })
})

test('a table aligns words to the left and numbers to the right', () => {
  expect(formatTable(['model', 'greedy', 'note'], [['M0', '9.1 %', ''], ['M1', '48.25 %', 'best'], ['M2', '–', '']])).toBe([
    'model   greedy  note',
    '─────  ───────  ────',
    'M0       9.1 %',
    'M1     48.25 %  best',
    'M2           –',
  ].join('\n'))
})
