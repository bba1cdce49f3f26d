/** What people say trains: verdicts swap the labels that a run trains on, and a kill in the middle of training changes none of them. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { gateDecision } from '../../main/pipeline/audit.ts'
import { goBack } from '../../main/pipeline/branch.ts'
import { decideGate, viewEffect, viewGate } from '../../main/pipeline/gate.ts'
import { judgePair, nextShown } from '../../main/pipeline/judging.ts'
import { rankedIteration } from '../../main/pipeline/rank-view.ts'
import { soleRun } from '../../main/pipeline/session.ts'
import { type PairAudit, sessionsOf, startAudit } from '../../main/pipeline/spot-check.ts'
import { auditOf, closeAudit } from '../../main/store/audits.ts'
import { gateOn, labelCounts, labelsOf } from '../../main/store/gates.ts'
import { iterationOf } from '../../main/store/iterations.ts'
import { pairsOf } from '../../main/store/pairs.ts'
import { openProject, type Project } from '../../main/store/project.ts'
import { trainingStepsOf } from '../../main/store/training.ts'
import { holdingsOf, leftProcesses, resume, runChild, scratch, smallRun, start, writeConfig } from './fixture.ts'

const config = smallRun({ gate: 'require', checkpointSeconds: 0.001, evaluation: { samples: 0 }, dpo: { batchSize: 4 } })
const folderOf = (name: string): string => join(scratch, name)
const iterationId = 'run1.i1'

function inProject<T>(name: string, work: (project: Project) => T): T {
  const project = openProject(folderOf(name))
  try {
    return work(project)
  } finally {
    project.close()
  }
}

/** A copy of the run that waits at the gate. */
function copyOf(name: string): string {
  cpSync(folderOf('waiting'), folderOf(name), { recursive: true })
  return folderOf(name)
}

function decide({ db }: Project, measureOnly: boolean): void {
  const iteration = iterationOf(db, iterationId)!
  const { config: labelling } = soleRun({ db } as Project)
  decideGate(db, labelling, iteration, rankedIteration(db, iteration)!, { key: `decide-${measureOnly}`, choice: { kind: 'train-anyway', reason: 'a test' }, measureOnly })
}

describe('a run with a person at the gate', () => {
  let pairs: number

  beforeAll(async () => {
    await expect(start(folderOf('waiting'), config)).rejects.toMatchObject({ code: 'method-stopped', message: expect.stringContaining('audited by a person') as string })
    // She says of every pair that the other response is the better one.
    pairs = inProject('waiting', (project) => {
      const { db } = project
      const iteration = iterationOf(db, iterationId)!
      const ranked = rankedIteration(db, iteration)!
      const { id } = startAudit(db, soleRun(project), ranked, { key: 'start', mode: 'pairs', pairs: 1000, annotator: 'Ana', criterion: 'correct', line: 0.6 })
      const audit = auditOf(db, id) as PairAudit
      for (let { pair } = nextShown(db, audit), i = 0; pair; { pair } = nextShown(db, audit), i++) {
        judgePair(db, audit, { key: `verdict-${i}`, pair: pair.pair, verdict: audit.plan.showings[i]!.chosenSide === 'a' ? 'right' : 'left', milliseconds: 1500 })
      }
      closeAudit(db, id)
      return pairsOf(db, ranked.set.id).length
    })
    expect(pairs).toBeGreaterThan(8)
  }, 300_000)

  test('trains on the swapped pairs; measured only, on the judge’s', async () => {
    for (const [name, measureOnly] of [['swapped', false], ['measured', true]] as const) {
      copyOf(name)
      inProject(name, (project) => decide(project, measureOnly))
      await resume(folderOf(name), { until: 'train' })
    }
    const read = (name: string) => inProject(name, ({ db }) => {
      const set = iterationOf(db, iterationId)!.setId!
      const gate = gateOn(db, iterationId, set)!
      return { sources: labelCounts(db, gate.id), labels: labelsOf(db, gate.id), pairs: pairsOf(db, set), steps: trainingStepsOf(db, `${iterationId}.train`) }
    })
    const [swapped, measured] = [read('swapped'), read('measured')]
    expect(swapped.sources).toEqual({ judge: 0, person: pairs, dropped: 0 })
    expect(measured.sources).toEqual({ judge: pairs, person: 0, dropped: 0 })
    expect(swapped.labels.map(({ chosenId, rejectedId, consistency }) => [chosenId, rejectedId, consistency])).toEqual(swapped.pairs.map(({ chosenId, rejectedId }) => [rejectedId, chosenId, 0.95]))
    // Before the first update both train the same sequences, with the sides exchanged.
    const [first, other] = [swapped.steps[0]!.metrics, measured.steps[0]!.metrics]
    expect(first['logps/chosen']).toBeCloseTo(other['logps/rejected']!, 5)
    expect(first['logps/rejected']).toBeCloseTo(other['logps/chosen']!, 5)
    expect(first['logps/chosen']).not.toBeCloseTo(other['logps/chosen']!, 3)
    expect(first['loss_floor']).toBeCloseTo(-(0.95 * Math.log(0.95) + 0.05 * Math.log(0.05)), 12)
    const margin = (steps: typeof swapped.steps): number => steps.at(-1)!.metrics['rewards/margins']!
    expect(margin(swapped.steps)).toBeGreaterThan(0) // it learns what she said
  }, 300_000)

  test.runIf(process.platform === 'linux')('killed in the middle of training, it ends with the same labels and the same bytes', async () => {
    copyOf('killed')
    inProject('killed', (project) => decide(project, false))
    const file = writeConfig('gate', config)
    const temporary = join(scratch, 'gate-tmp')
    const end = await runChild(folderOf('killed'), file, temporary, [{ iteration: 1, stage: 'train', moment: { kind: 'progress', count: 2 }, target: 'main' }])
    expect(end.signal).toBe('SIGKILL')
    expect(await leftProcesses(temporary)).toEqual([])
    inProject('killed', (project) => expect(() => decide(project, true)).toThrow(/Training has begun/))
    await resume(folderOf('killed'), { until: 'train' })
    const [whole, killed] = [holdingsOf(folderOf('swapped')), holdingsOf(folderOf('killed'))]
    expect(killed.rows.labels).toHaveLength(pairs)
    expect(killed.rows.labels).toEqual(whole.rows.labels)
    expect(killed.rows.training_steps).toEqual(whole.rows.training_steps)
    const adapters = Object.keys(whole.files).filter((path) => path.startsWith('adapters/run1.M2/'))
    expect(adapters.length).toBeGreaterThan(0)
    for (const path of adapters) expect(killed.files[path], path).toBe(whole.files[path])
  }, 300_000)

  test('in a branch, sessions and verdicts on the same pairs hold, and are decided on anew', () => {
    inProject('swapped', ({ db }) => {
      const origin = iterationOf(db, iterationId)!
      const branch = goBack(db, origin, 'audit', {})
      expect(branch).toMatchObject({ originId: iterationId, originStage: 'audit' })
      const ranked = rankedIteration(db, branch)!
      expect(gateDecision(db, branch)).toBeNull()
      expect(viewGate(db, branch)).toMatchObject({ waiting: true, decision: null, fixed: null })
      expect(sessionsOf(db, ranked).map(({ id }) => id)).toEqual([`${origin.setId}.audit1`])
      const labelling = soleRun({ db } as Project).config
      expect(viewEffect(db, labelling, ranked, { kind: 'skip' }, false).labels).toEqual({ judge: 0, person: pairs, dropped: 0 })
      const decided = decideGate(db, labelling, branch, ranked, { key: 'decide-branch', choice: { kind: 'skip' }, measureOnly: true })
      expect(decided).toMatchObject({ id: `${branch.id}.gate1`, auditId: `${origin.setId}.audit1` })
      expect(labelCounts(db, decided.id)).toEqual({ judge: pairs, person: 0, dropped: 0 })
      expect(gateDecision(db, origin)).toMatchObject({ choice: 'train-anyway' })
    })
  })
})
