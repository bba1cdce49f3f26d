/** Runs as a person starts, stops, looks at and resumes them. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { creamery, expectRefusal, fileWith, fromRoot, jsonLines, stories, storiesAreThere, temporaryFolder } from './run-cli.ts'

interface Event {
  readonly kind?: string
  readonly stage?: string
  readonly summary?: string
  readonly message?: string
  readonly report?: Report
}
interface Report {
  readonly ended: string
  readonly adapter: string
  readonly models: readonly { readonly model: string; readonly tasks: Record<string, { greedy: { accuracy: number; low: number; high: number; items: number }; sampled: { accuracy: number } }>; readonly judged: { consistency: number; chance: { mean: number }; rewardAccuracy: number; belowHalf: number } | null }[]
}
const stagesDone = (events: readonly Event[]): string[] => events.flatMap(({ kind, stage }) => (kind === 'stage-done' ? [stage!] : []))
const loop = ['tune', 'evaluate', ...Array.from({ length: 2 }, () => ['sample', 'score', 'rank', 'pair', 'audit', 'train', 'evaluate']).flat()]

describe('one run of the ci preset, stopped on the way', () => {
  const project = join(temporaryFolder(), 'project')
  let begun: Event[]
  beforeAll(async () => {
    begun = await jsonLines<Event>(['run', '--project', project, '--preset', 'ci', '--seed', '5', '--until', 'rank', '--json'])
  })

  it('stops after the stage that --until names and says where the figures stand', () => {
    expect(stagesDone(begun)).toEqual(loop.slice(0, 5))
    expect(begun.at(-1)!.report).toMatchObject({ ended: 'stopped', models: [{ model: 'M0', judged: null }, { model: 'M1' }] })
  })

  it('shows status and history without touching the project, even while it is unfinished', async () => {
    const [first, second] = await jsonLines<{ stages?: { stage: string; status: string }[]; report?: Report }>(['status', '--project', project, '--json'])
    const [stages, report] = [first!.stages!, second!.report!]
    expect(stages.map(({ stage, status }) => `${stage} ${status}`)).toEqual(['tune done', 'evaluate done', 'sample done', 'score done', 'rank done', 'pair pending', 'audit pending', 'train pending', 'evaluate pending'])
    expect(report.ended).toBe('stopped')
    const { stdout, code } = await creamery(['status', '--project', project])
    expect(code).toBe(0)
    expect(stdout).toContain('creamery resume')
    const histories = await Promise.all([0, 1, 2, 3].map(async (position) => (await jsonLines<{ responses: { judges: { modelId: string; reward: number }[] }[] }>(['history', '--project', project, '--prompt', String(position), '--json']))[0]!))
    const sampled = histories.filter(({ responses }) => responses.length > 0)
    expect(sampled.length).toBeGreaterThan(0) // the others belong to iteration 2
    for (const { judges } of sampled.flatMap(({ responses }) => responses)) expect(judges.map(({ modelId }) => modelId).sort()).toEqual(['run1.M0', 'run1.M1'])
    await expectRefusal(['history', '--project', project, '--prompt', '99999'], /has no prompt 99999/)
  })

  it('refuses a second run in the folder, and resumes this one to its end', async () => {
    await expectRefusal(['run', '--project', project, '--preset', 'ci'], /holds a run already; go on with "resume/)
    const events = await jsonLines<Event>(['resume', '--project', project, '--json'])
    expect(stagesDone(events)).toEqual(loop.slice(5))
    const { ended, adapter, models } = events.at(-1)!.report!
    expect(ended).toBe('finished')
    expect(existsSync(join(project, adapter, 'adapter_model.safetensors'))).toBe(true)
    expect(models.map(({ model }) => model)).toEqual(['M0', 'M1', 'M2', 'M3'])
    for (const { tasks } of models) {
      expect(Object.keys(tasks)).toEqual(expect.arrayContaining(['pick', 'reverse', 'sort', 'sum', 'all']))
      const { greedy, sampled } = tasks['all']!
      expect(greedy.low).toBeLessThan(greedy.accuracy)
      expect(greedy.accuracy).toBeLessThan(greedy.high)
      expect(sampled.accuracy).toBeGreaterThan(0)
    }
    for (const { judged } of models.slice(1, 3)) {
      expect(judged!.consistency).toBeGreaterThan(judged!.chance.mean)
      expect(judged!.rewardAccuracy).toBeGreaterThan(0.5)
    }
    const { stdout } = await creamery(['status', '--project', project])
    expect(stdout).toMatch(/judge\s+C\s+chance C/)
    expect(stdout).not.toContain('creamery resume')
  })
})

it('stops before training where a person is wanted at the gate', async () => {
  const project = join(temporaryFolder(), 'project')
  const { code, stderr } = await creamery(['run', '--project', project, '--preset', 'ci', '--iterations', '1', '--gate', 'require'])
  expect(code).toBe(2)
  expect(stderr).toMatch(/wants its pairs audited by a person before training/)
  const events = await jsonLines<Event>(['resume', '--project', project, '--gate', 'skip', '--until', 'audit', '--json'])
  expect(events.find((event) => event.kind === 'stage-done')).toMatchObject({ stage: 'audit', summary: 'not audited' })
})

it('evaluates the bundled model on its tasks', async () => {
  const [figures] = await jsonLines<{ questions: number; greedy: { accuracy: number; items: number }; sampled: { samples: number } }>([
    'evaluate', '--model', fromRoot('native-models/bundled/model'), '--task', fromRoot('native-models/bundled/data/tasks.jsonl'), '--limit', '40', '--scorer', 'exact', '--samples', '2', '--max-tokens', '16', '--json',
  ])
  expect(figures).toMatchObject({ questions: 40, greedy: { items: 40 }, sampled: { samples: 80 } })
  expect(figures!.greedy.accuracy).toBeGreaterThan(0.3)
  await expectRefusal(['evaluate', '--model', fromRoot('native-models/bundled/model'), '--task', fileWith('')], /./)
})

it.skipIf(!storiesAreThere)('runs stories260K (raw text, no template) on OASST prompts like any other model', async () => {
  const project = join(temporaryFolder(), 'project')
  const data = fromRoot('../shared/assets/data/oasst1')
  const config = fileWith(JSON.stringify({
    model: stories, threads: 1,
    data: { sft: join(data, 'en_100_tree.jsonl'), sftLimit: 32, prompts: join(data, 'prompt_lottery_en_250_text.jsonl'), promptsLimit: 64 },
    method: 'cream-avg', maxLength: 512, sft: { learningRate: 1e-4, batchSize: 8 }, dpo: { learningRate: 1e-4, batchSize: 8 },
    sampling: { maxNewTokens: 32 },
  }), 'config.json')
  const events = await jsonLines<Event>(['run', '--project', project, '--config', config, '--json'])
  expect(stagesDone(events)).toEqual(loop)
  expect(events.at(-1)!.report).toMatchObject({ ended: 'finished' })
  expect(events.filter(({ kind }) => kind === 'notice').map(({ message }) => message)).toContainEqual(expect.stringMatching(/^Every response ended by length/))
})
