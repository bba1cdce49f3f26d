/** What takes too long for the loop that also answers everything else; each is answered from a connection that only reads. */
import type { ComparedRun } from '../../preload/contract/requests/history.ts'
import type { RankChoice, RankPreview } from '../../preload/contract/requests/rank.ts'
import { AppError } from '../../preload/contract/errors.ts'
import type { Database } from '../store/database.ts'
import { iterationOf } from '../store/iterations.ts'
import { type FlatSettings, figuresOfRun } from './compare-runs.ts'
import { previewRanks, rankedIteration } from './rank-view.ts'
import { runIn } from './settings.ts'

interface Questions {
  previewRanks: { params: { iterationId: string; choice: RankChoice }; result: RankPreview }
  figuresOfRun: { params: Record<never, never>; result: { figures: Omit<ComparedRun, 'project' | 'name'>; settings: FlatSettings } }
}
export type Question = keyof Questions
export type AsideParams<Name extends Question> = Questions[Name]['params']
export type AsideResult<Name extends Question> = Questions[Name]['result']

interface Answer<Name extends Question> {
  readonly answer: (db: Database, params: AsideParams<Name>) => AsideResult<Name>
  /** The project stays open for the next question, with what was read of it. */
  readonly keepsOpen: boolean
}

export const questions: { readonly [Name in Question]: Answer<Name> } = {
  previewRanks: {
    keepsOpen: true,
    answer: (db, { iterationId, choice }) => {
      const iteration = iterationOf(db, iterationId)!
      const ranked = rankedIteration(db, iteration)
      if (!ranked) throw new AppError('bad-arguments', `Iteration ${iteration.t} is not ranked yet; carry the run on through its stage "rank".`)
      return previewRanks(db, runIn(db, iteration), iteration, ranked, choice)
    },
  },
  figuresOfRun: { keepsOpen: false, answer: (db) => figuresOfRun(db) },
}
