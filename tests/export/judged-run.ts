/** A real run of two rounds with people in it: sessions of both modes, one gone on with, every kind of verdict, two decisions. About 20 s. */
import { decideGate } from '../../main/pipeline/gate.ts'
import { judgePair, judgeRanking, nextShown, undoVerdict } from '../../main/pipeline/judging.ts'
import { rankedIteration } from '../../main/pipeline/rank-view.ts'
import { soleRun } from '../../main/pipeline/session.ts'
import { changeSettings, runIn } from '../../main/pipeline/settings.ts'
import { type Audit, extendSession, sessionOf, startAudit } from '../../main/pipeline/spot-check.ts'
import type { GateChoice } from '../../preload/contract/requests/gate.ts'
import { closeAudit } from '../../main/store/audits.ts'
import type { Database } from '../../main/store/database.ts'
import { type Iteration, iterationOf } from '../../main/store/iterations.ts'
import { openProject } from '../../main/store/project.ts'
import type { ConfigOverrides } from '../../main/pipeline/config.ts'
import { resume, smallRun, start } from '../crash/fixture.ts'

const waits = async (work: Promise<string>): Promise<void> => {
  const sentence = await work.then(() => 'finished', (error: Error) => error.message)
  if (!sentence.includes('audited by a person')) throw new Error(`the run should wait at the gate: ${sentence}`)
}

export async function makeJudgedRun(folder: string, overrides: ConfigOverrides = {}): Promise<void> {
  await waits(start(folder, smallRun({ gate: 'require', iterations: 2, data: { sftLimit: 40, promptsLimit: 40 }, sampling: { maxNewTokens: 12 }, tuning: { kind: 'lora', dropout: 0.1 }, ...overrides })))
  inProject(folder, (db, run) => {
    const iteration = iterationOf(db, 'run1.i1')!
    const ranked = rankedIteration(db, iteration)!
    const first = startAudit(db, run, ranked, { key: 'pairs', mode: 'pairs', pairs: 6, annotator: 'Ana', criterion: 'which answer is right', line: 0.6 })
    judgeSome(db, first, ['left', 'right', 'tie', 'skip', 'flag', 'left', 'right'])
    undoVerdict(db, sessionOf(db, first.id), 'undo')
    const more = extendSession(db, run, ranked, sessionOf(db, first.id), { key: 'more', pairs: 4, annotator: 'Ben' })
    judgeSome(db, more, ['right', 'left', 'left', 'right', 'left', 'right'])
    closeAudit(db, more.id)
    const order = startAudit(db, run, ranked, { key: 'order', mode: 'rankings', pairs: 5, annotator: 'Ana', criterion: 'which answer is right', line: 0.6 })
    orderSome(db, order)
    closeAudit(db, order.id)
    decide(db, iteration, { kind: 'train-anyway', reason: 'a test' }, false)
  })
  await waits(resume(folder))
  inProject(folder, (db, run) => {
    const iteration = iterationOf(db, 'run1.i2')!
    const ranked = rankedIteration(db, iteration)!
    const session = startAudit(db, run, ranked, { key: 'second', mode: 'pairs', pairs: 5, annotator: 'Ana', criterion: 'which answer is right', line: 0.6 })
    judgeSome(db, session, ['left', 'left', 'right'])
    closeAudit(db, session.id)
    const margins = [...ranked.outcomes!.values()].flatMap((outcome) => (outcome.kind === 'pair' ? [outcome.margin] : [])).sort((a, b) => a - b)
    changeSettings(db, run, { dpo: { ...run.config.dpo, beta: 0.2 } })
    decide(db, iteration, { kind: 'skip' }, true)
    decide(db, iteration, { kind: 'keep-only', minMargin: margins[Math.floor(margins.length / 4)]! }, false)
  })
  await resume(folder)
}

function inProject(folder: string, work: (db: Database, run: ReturnType<typeof soleRun>) => void): void {
  const project = openProject(folder)
  try {
    work(project.db, soleRun(project))
  } finally {
    project.close()
  }
}

function decide(db: Database, iteration: Iteration, choice: GateChoice, measureOnly: boolean): void {
  decideGate(db, runIn(db, iteration).config, iteration, rankedIteration(db, iteration)!, { key: `${iteration.id} ${choice.kind}`, choice, measureOnly })
}

function judgeSome(db: Database, { id }: Audit, verdicts: readonly ('left' | 'right' | 'tie' | 'skip' | 'flag')[]): void {
  for (const [i, verdict] of verdicts.entries()) {
    const audit = sessionOf(db, id)
    const { pair } = nextShown(db, audit)
    if (audit.mode !== 'pairs' || !pair) return
    judgePair(db, audit, { key: `${id} ${i}`, pair: pair.pair, verdict, milliseconds: i === 1 ? 300 : 2000 + i, ...(i === 0 && { note: 'short' }) })
  }
}

function orderSome(db: Database, { id }: Audit): void {
  for (let i = 0; i < 4; i++) {
    const audit = sessionOf(db, id)
    const { ranking } = nextShown(db, audit)
    if (audit.mode !== 'rankings' || !ranking) return
    const places = ranking.responses.map((_, place) => place)
    judgeRanking(db, audit, { key: `${id} ${i}`, ranking: ranking.ranking, order: i === 2 ? null : i === 1 ? [places.slice(0, 2), ...places.slice(2).map((place) => [place])] : places.map((place) => [place]), milliseconds: 4000 + i })
  }
}
