import { describe, expect, it } from 'vitest'
import type { ModelFigures } from '../../preload/contract/requests/figures.ts'
import type { HistoryRow, PromptHistoryView, RoundFigures } from '../../preload/contract/requests/history.ts'
import type { IterationView, RunSettings } from '../../preload/contract/requests/run.ts'
import { type Side, accuracyDots, accuracyGroup, branchSides, comparisonTitle, decodingOf, differingSettings, roundGroups, settingsGroup, sidesOf } from '../../renderer/pages/history/compare.ts'
import { ListChanged, csvOfList } from '../../renderer/pages/history/csv.ts'
import { bumpTitle, distinctOf, fateRows, historyTitle, judgeNames, judgesWords, lettersOf, linesOf, verdictWords } from '../../renderer/pages/history/fate.ts'
import { everything, readHistoryListing } from '../../renderer/pages/history/filter.ts'

const response = (responseId: string, text: string, repeats: string | null = null): PromptHistoryView['responses'][number] => ({
  responseId, iterationId: 'run1.i1', position: 0, text, finishReason: 'eos', isCorrect: null, repeats, judges: [], externalRewards: [], fates: [],
})
/** Three distinct texts under M0, M1 and M1's mean, ranked again once; a branch trains on the second ranking too. */
const view: PromptHistoryView = {
  promptId: 'run1.p1', position: 0, input: 'Q', answer: null, task: null,
  responses: [response('r0', 'x'), response('r1', 'y'), response('r2', 'x', 'r0'), response('r3', 'z')],
  rankings: [{ iterationId: 'run1.i1', t: 1, responseIds: ['r0', 'r1', 'r3'], judges: [
    { model: 'M0', measure: 'mean-logps', values: [-1, -2, -3], ranks: [1, 2, 3], role: 'previous' },
    { model: 'M1', measure: 'log-ratio', values: [1, 2, 0], ranks: [2, 1, 3], role: null },
    { model: 'M1', measure: 'mean-logps', values: [-2, -1, -3], ranks: [2, 1, 3], role: 'current' },
  ] }],
  consistencies: [
    { setId: 'run1.i1.set0', iterationId: 'run1.i1', statistic: 'tau-b', agreement: null, consistency: null, nullReason: 'current-constant', flipped: false },
    { setId: 'run1.i1.set1', iterationId: 'run1.i1', statistic: 'tau-b', agreement: 1 / 3, consistency: 2 / 3, nullReason: null, flipped: true },
  ],
  pairs: [
    { setId: 'run1.i1.set1', iterationId: 'run1.i1', chosenId: 'r1', rejectedId: 'r3', margin: 2, consistency: 2 / 3, label: { source: 'person', chosenId: 'r3', rejectedId: 'r1', consistency: 0.95 }, training: { stageId: 'run1.i1.train', steps: [2, 12], taken: 10 } },
    { setId: 'run1.i1.set1', iterationId: 'run1.i1b1', chosenId: 'r1', rejectedId: 'r3', margin: 2, consistency: 2 / 3, label: { source: 'dropped', chosenId: 'r1', rejectedId: 'r3', consistency: null }, training: null },
  ],
  skips: [{ setId: 'run1.i1.set0', iterationId: 'run1.i1', reason: 'rewards-tied' }],
  verdicts: [],
}
const ranking = view.rankings[0]!
const iterations = [{ iterationId: 'run1.i1', t: 1, policy: 'M1', makes: 'M2' }, { iterationId: 'run1.i1b1', t: 1, policy: 'M1', makes: 'M2·b' }] as IterationView[]

describe('the fate of a prompt', () => {
  const letters = lettersOf(view)
  it('names responses by the current judge, a repeat by what it repeats', () => {
    expect(Object.fromEntries(letters)).toEqual({ r0: 'B', r1: 'A', r2: 'B', r3: 'C' })
    expect(distinctOf(view, ranking, letters).map(({ letter, responseId, sampled }) => [letter, responseId, sampled])).toEqual([['A', 'r1', 1], ['B', 'r0', 2], ['C', 'r3', 1]])
  })
  it('draws every judge once, told apart where one model judges twice', () => {
    expect(judgeNames(ranking)).toEqual(['M0', 'M1, reward', 'M1, mean'])
    expect(judgesWords(ranking)).toBe(' C compares M0 (the judge before) and M1, mean (the current one).')
    expect(linesOf(view, ranking, letters)).toEqual([
      { id: 'r1', label: 'A', ranks: [2, 1, 1], text: 'y', mark: 'chosen' }, { id: 'r0', label: 'B', ranks: [1, 2, 2], text: 'x', mark: null }, { id: 'r3', label: 'C', ranks: [3, 3, 3], text: 'z', mark: 'rejected' },
    ])
  })
  it('finds who is put first and where orders turn round', () => {
    const lines = linesOf(view, ranking, letters)
    expect(bumpTitle(lines, judgeNames(ranking))).toBe('2 of 3 judges put A first; most orders turn round between M0 and M1, reward')
    expect(bumpTitle(lines.map((line) => ({ ...line, ranks: line.ranks.slice(1) })), ['M1', 'M2'])).toBe('All 2 judges put A first; no two of them disagree about any order')
    expect(bumpTitle(lines, ['M0'])).toBe('Only M0 has ranked these responses so far')
    expect(bumpTitle([], [])).toBe('No model has scored these responses yet')
  })
  it('has a row a ranking and branch, with the label, who gave it and the steps', () => {
    expect(fateRows(view, iterations, letters).map(({ key: _, ...row }) => row)).toEqual([
      { iteration: 'Iteration 1, M1 → M2', consistency: 'current judge ties all', isFlipped: false, became: 'no pair: rewards tied', label: '–', steps: '–', isSuperseded: true },
      { iteration: 'Iteration 1, M1 → M2', consistency: '.67', isFlipped: true, became: 'A ▲ over C ▼, margin 2.00 nats', label: 'swapped by a person: C ▲ over A ▼; trains with C .95', steps: 'steps 2, 12 of 10 taken; not all of them yet', isSuperseded: false },
      { iteration: 'Iteration 1, M1 → M2·b', consistency: '.67', isFlipped: true, became: 'A ▲ over C ▼, margin 2.00 nats', label: 'dropped at the spot-check', steps: 'none', isSuperseded: false },
    ])
    expect(verdictWords({ verdict: 'b' } as PromptHistoryView['verdicts'][number], 'A', 'C')).toBe('C is better')
  })
  it('heads the list with the share that flipped', () => {
    expect(historyTitle(200, 17)).toBe('17 prompts of 200 (8.5 %) flipped: the judge before would swap chosen and rejected')
    expect(historyTitle(0, 0)).toMatch(/No prompt matches/)
    expect(historyTitle(null, 3)).toBe('Every prompt under every judge')
  })
})

describe('filters in the address', () => {
  it('take what a list can be asked for, and no iteration of another run', () => {
    const query = new URLSearchParams('iteration=run1.i2&audited=no&flipped=yes&c=low&search=ab&outcome=rewards-tied&by=margin&desc=yes')
    expect(readHistoryListing(query, ['run1.i2'])).toEqual({ iterationId: 'run1.i2', filter: { outcome: 'rewards-tied', maxConsistency: 0.4999, flipped: true, search: 'ab', audited: false }, order: { by: 'margin', descending: true } })
    expect(readHistoryListing(query, ['run1.i1']).iterationId).toBeUndefined()
    for (const name of Object.keys(everything)) query.delete(name)
    expect(query.size).toBe(0)
  })
})

describe('the list as CSV', () => {
  const rowAt = (position: number): HistoryRow => ({ promptId: `p${position}`, position, excerpt: position === 0 ? '=1+1, "a"' : 'b', task: null, agreement: 0.5, consistency: 0.75, nullReason: null, flipped: position === 1, responses: 3, lengthRatio: 2, margin: 1, label: 0.75, skipReason: null, iterationId: 'i1', t: 1, verdicts: 0 })
  const { signal } = new AbortController()
  it('is fetched page by page, to the end', async () => {
    const asked: number[] = []
    const parts = await csvOfList(async (offset, limit) => (asked.push(offset), { total: 450, rows: Array.from({ length: Math.min(limit, 450 - offset) }, (_, i) => rowAt(offset + i)) }), () => {}, signal)
    expect(asked).toEqual([0, 200, 400])
    const lines = parts.join('').trimEnd().split('\r\n')
    expect(lines).toHaveLength(451)
    expect(lines.slice(0, 3)).toEqual([
      'iteration,iteration_id,prompt_id,position,task,prompt,responses,agreement,consistency,no_consistency_because,flipped,margin,length_ratio,trains_with_c,skipped_because,verdicts',
      `1,i1,p0,0,,"'=1+1, ""a""",3,0.5,0.75,,no,1,2,0.75,,0`, '1,i1,p1,1,,b,3,0.5,0.75,,yes,1,2,0.75,,0',
    ])
  })
  it('is refused when the list changes under way, and stops when asked', async () => {
    let total = 300
    await expect(csvOfList(async (offset) => ({ total: total++, rows: [rowAt(offset)] }), () => {}, signal)).rejects.toThrow(ListChanged)
    await expect(csvOfList(async () => ({ total: 5, rows: [] }), () => {}, signal)).rejects.toThrow(ListChanged)
    await expect(csvOfList(async () => ({ total: 1, rows: [rowAt(0)] }), () => {}, AbortSignal.abort())).rejects.toThrow()
  })
})

const model = (name: string, accuracy: number, half = 0.05, tasks: readonly string[] = ['all']): ModelFigures => ({
  model: name, isTrained: true, judged: null, tasks: Object.fromEntries(tasks.map((task) => [task, { greedy: { accuracy, correct: 1, items: 2, low: accuracy - half, high: accuracy + half } }])),
})
const figures = (iterationId: string, t: number, produced: string | null): RoundFigures => ({
  iterationId, t, policy: `M${t}`, produced, judged: { consistency: 0.7, chance: { mean: 0.5, sd: 0.02 }, belowHalf: 0.1, rewardAccuracy: null }, pairs: 40, skips: [{ reason: 'rewards-tied', prompts: 2 }], seconds: 100,
})
const run = (name: string, models: ModelFigures[], rounds: RoundFigures[]) => ({ project: `place-${name}`, name, runId: 'run1', models, rounds, seconds: 300 })

describe('runs side by side', () => {
  const sides = sidesOf([run('one', [model('M0', 0.5), model('M1', 0.6)], [figures('run1.i1', 1, null)]), run('one', [model('M0', 0.5), model('M1', 0.75)], [figures('run1.i1', 1, 'M2'), figures('run1.i2', 2, null)])])
  it('have a name each, and a row a model and round', () => {
    expect(sides.map(({ name }) => name)).toEqual(['one', 'one (2)'])
    expect(accuracyGroup(sides, 'greedy', false).rows).toEqual([{ label: 'M0, all questions', cells: ['50.0 % (45–55 %)', '50.0 % (45–55 %)'] }, { label: 'M1, all questions', cells: ['60.0 % (55–65 %)', '75.0 % (70–80 %)'] }])
    const groups = roundGroups(sides, false)
    expect(groups.map(({ title }) => title)).toEqual(['Round 1: M1 → M2', 'Round 2: M2 → not trained yet'])
    expect(groups[0]!.rows[0]).toEqual({ label: 'consistency C', cells: ['.70 (chance .50 ± .02)', '.70 (chance .50 ± .02)'] })
    expect(groups[1]!.rows.map(({ cells }) => cells[0])).toEqual(['–', '–', '–', '–', '–', '–'])
    expect(groups[0]!.rows.find(({ label }) => label === 'left out')!.cells[0]).toBe('2 rewards tied')
    expect(accuracyDots(sides, 'greedy', false).map(({ label, dots }) => [label, dots.map(({ series, value }) => [series, value])])).toEqual([['M0', [['one', 0.5], ['one (2)', 0.5]]], ['M1', [['one', 0.6], ['one (2)', 0.75]]]])
    expect(decodingOf(sides)).toBe('greedy')
    expect(decodingOf([])).toBe('sampled')
  })
  it('are headed by whose best model leads, and whether that may be chance', () => {
    expect(comparisonTitle(sides, 'greedy')).toBe('M1 of one (2) leads with 75.0 % right, +15.0 points against M1 of one')
    const near = (value: number, name: string): Side => ({ name, models: [model('M1', value)], rounds: [], seconds: 0 })
    expect(comparisonTitle([near(0.6, 'a'), near(0.62, 'b')], 'greedy')).toBe('M1 of b leads with 62.0 % right, +2.0 points against M1 of a; the intervals overlap')
    expect(comparisonTitle([near(0.6, 'a'), near(0.6, 'b')], 'greedy')).toBe('M1 of a and M1 of b answer the same share right, 60.0 %')
    expect(comparisonTitle([near(0.6, 'a')], 'greedy')).toMatch(/nothing to compare it with yet/)
    expect(comparisonTitle([{ name: 'a', models: [], rounds: [], seconds: 0 }], 'greedy')).toMatch(/none is evaluated yet/)
  })
  it('of one round are told by what each branch made', () => {
    const branches = branchSides(run('p', [model('M1', 0.5), model('M2', 0.6, 0.05, ['all', 'sum']), model('M2·b', 0.7, 0.05, ['all', 'sum'])], [figures('run1.i1', 1, 'M2'), figures('run1.i1b1', 1, 'M2·b')]), [{ iterationId: 'run1.i1', makes: 'M2' }, { iterationId: 'run1.i1b1', makes: 'M2·b' }])
    expect(accuracyGroup(branches, 'greedy', true).rows).toEqual([{ label: 'all questions', cells: ['60.0 % (55–65 %)', '70.0 % (65–75 %)'] }, { label: 'sum', cells: ['60.0 % (55–65 %)', '70.0 % (65–75 %)'] }])
    expect(accuracyDots(branches, 'greedy', true).map(({ label }) => label)).toEqual(['all questions', 'sum'])
    expect(roundGroups(branches, true)).toMatchObject([{ title: 'The round', rows: [{ cells: ['.70 (chance .50 ± .02)', '.70 (chance .50 ± .02)'] }, {}, {}, {}, {}, {}] }])
    expect(comparisonTitle(branches, 'greedy')).toBe('M2·b leads with 70.0 % right, +10.0 points against M2; the intervals overlap')
  })
  it('show only the settings that differ', () => {
    const settings = [{ method: 'srlm', dpo: { beta: 0.1, epochs: 1 }, tuning: { kind: 'full' } }, { method: 'srlm', dpo: { beta: 0.3, epochs: 1 }, tuning: { kind: 'lora', targets: ['q', 'k'] } }] as unknown as RunSettings[]
    expect(settingsGroup(differingSettings(settings)).rows).toEqual([{ label: 'dpo.beta', cells: ['0.1', '0.3'] }, { label: 'tuning.kind', cells: ['full', 'lora'] }, { label: 'tuning.targets', cells: ['not set', 'q, k'] }])
    expect(differingSettings([settings[0]!, settings[0]!])).toEqual([])
  })
})
