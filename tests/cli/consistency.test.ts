import { describe, expect, test } from 'vitest'
import { tauChanceSd } from '../../main/cream/chance.ts'
import { creamery, expectRefusal, fileWith, jsonLines } from './run-cli.ts'

const measure = async (rewards: object, ...flags: string[]): Promise<Record<string, unknown>> => {
  const [result, ...rest] = await jsonLines<Record<string, unknown>>(['consistency', '--input', fileWith([rewards]), '--statistic', 'tau-b', ...flags])
  expect(rest).toEqual([])
  return result!
}

describe('consistency', () => {
  test('measures per prompt, in order, and tells chance', async () => {
    // Prompt 1: one of three pairs discordant. Prompt 2: the current judge ties all. Prompt 3: reversed.
    const result = await measure({ current: [[1, 2, 3], [1, 1, 1], [3, 2, 1]], previous: [[1, 3, 2], [1, 2, 3], [1, 2, 3]] })
    expect(result).toMatchObject({ perPrompt: [expect.closeTo(2 / 3, 12), null, 0], tau: [expect.closeTo(1 / 3, 12), null, -1], ties: 3, nulls: 1 })
    expect(result['mean']).toBeCloseTo(1 / 3, 12)
    expect(result['nullReasons']).toEqual([null, 'current-constant', null])
    expect(result['chance']).toMatchObject({ prompts: 2, meanC: 0.5, sdTau: expect.closeTo(tauChanceSd(3), 12) })
  })

  test('takes the statistic and the tolerance it is given', async () => {
    const rewards = { current: [[1, 2, 2.05, 4]], previous: [[4, 2, 3, 5]] }
    expect(await measure(rewards)).toMatchObject({ tau: [expect.closeTo(2 / 6, 12)], ties: 0 })
    // The pair (2, 2.05) ties now: S falls from 2 to 1, over √(5 · 6).
    expect(await measure(rewards, '--tie-tolerance', '0.1')).toMatchObject({ tau: [expect.closeTo(1 / Math.sqrt(30), 12)], ties: 1 })
    expect(await measure(rewards, '--statistic', 'tau-a', '--tie-tolerance', '0.1')).toMatchObject({ tau: [expect.closeTo(1 / 6, 12)] })
    expect(await measure(rewards, '--statistic', 'toporder')).toMatchObject({ perPrompt: [0] }) // one best, two worsts
    expect(await measure(rewards, '--statistic', 'spearman')).toMatchObject({ tau: [expect.closeTo(0.4, 12)] })
  })

  test.each([
    ['not JSON', 'current: 1', /is not valid JSON \(.*\); repair it\./],
    ['an empty file', '', /is not valid JSON/],
    ['another shape', '{"current": [[1, 2]]}', /"previous" is not a list with one list of numbers a prompt/],
    ['a text among the numbers', '{"current": [[1, "2"]], "previous": [[1, 2]]}', /"current" is not a list/],
    ['a null', 'null', /"current" is not a list/],
    ['no prompt', '{"current": [], "previous": []}', /"current" is not a list/],
    ['different prompts', '{"current": [[1, 2]], "previous": [[1, 2], [1, 2]]}', /has 1 prompts and the previous one 2/],
    ['different responses', '{"current": [[1, 2], [1, 2]], "previous": [[1, 2], [1]]}', /prompt 2 has 2 rewards by the current judge and 1 by the previous one/],
  ])('refuses %s', (_, text, sentence) => expectRefusal(['consistency', '--input', fileWith(text)], sentence))

  test('refuses a folder and a file that is not there', async () => {
    await expectRefusal(['consistency', '--input', '.'], /is a folder; name a file\./)
    await expectRefusal(['consistency', '--input', 'absent.json'], /absent\.json does not exist/)
  })

  test('has no errors for a program to read when all is well', async () => {
    const { stderr } = await creamery(['consistency', '--json', '--input', fileWith([{ current: [[1, 2]], previous: [[1, 2]] }])])
    expect(stderr).toBe('')
  })
})
