/** Rewards from a file that `data import --as preferences` wrote: prompts go by the ids of the file that they came from. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { oracleRewards } from '../../main/pipeline/oracle.ts'
import { insertPrompt } from '../../main/store/prompts.ts'
import { insertResponse } from '../../main/store/responses.ts'
import { ids, insertPlan, newPrompt, newResponse, temporaryDatabase, temporaryFolder } from './fixture.ts'

it('finds responses by the id of their prompt, here or in its file, and their text', async () => {
  const db = temporaryDatabase()
  insertPlan(db)
  for (const p of [0, 1]) {
    insertPrompt(db, { ...newPrompt(p), sourceId: `train:${p + 1}` })
    for (const r of [0, 1]) insertResponse(db, newResponse(p, r))
  }
  const rewards = join(temporaryFolder(), 'rewards.jsonl')
  const lines = [
    { prompt_id: 'train:1', text: 'It is 0.', reward: 0.25 },
    { prompt_id: ids.prompt(1), text: 'It is 1.', reward: 0.5 },
    { prompt_id: 'train:2', text: 'It is 2.', reward: 0.75 },
    { prompt_id: 'train:2', text: 'It is 0.', reward: 9 }, // said to the other prompt
    { prompt_id: 'train:9', text: 'It is 0.', reward: 9 },
  ]
  writeFileSync(rewards, lines.map((line) => JSON.stringify(line)).join('\n'))
  expect([...(await oracleRewards(db, ids.i1, { rewards, negate: false })).rewards]).toEqual([[ids.response(0, 0), 0.25], [ids.response(1, 0), 0.5], [ids.response(1, 1), 0.75]])
})
