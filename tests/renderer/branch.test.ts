import { describe, expect, it } from 'vitest'
import { RunSettings } from '../../preload/contract/requests/run.ts'
import ci from '../../main/pipeline/presets/ci.json' with { type: 'json' }
import { RunConfig } from '../../preload/contract/config.ts'
import { backSentence, changedFields, groupsFrom, keepChange, priceSentence, readChange } from '../../renderer/steps/branch/change.ts'

const { $schema: _s, model: _m, data: _d, oracle: _o, ...settings } = RunConfig.parse({ ...ci, model: 'm', data: { prompts: 'p', evaluation: [] } })
const before = RunSettings.parse(settings)

describe('a change on the way back', () => {
  it('offers the settings of the step and of those after it, and none that holds for the whole run', () => {
    expect(groupsFrom('train')).toEqual({ own: ['dpo'], later: [] })
    expect(groupsFrom('rank')).toEqual({ own: ['consistency'], later: ['method', 'fixedConsistency', 'pairs', 'dpo'] })
    expect(groupsFrom('tune')).toEqual({ own: ['tuning', 'sft'], later: [] })
    expect(['tune', 'sample', 'rank', 'pair', 'audit', 'train'].flatMap((stage) => Object.values(groupsFrom(stage as 'tune')).flat())).not.toContain('evaluation')
  })
  it('comes back from the address as it was kept; what is as before leaves none', () => {
    const change = { dpo: { ...before.dpo, beta: 0.3 }, method: before.method }
    const kept = keepChange(change, before)
    expect(readChange(kept)).toEqual({ dpo: { ...before.dpo, beta: 0.3 } })
    expect(keepChange({ dpo: { ...before.dpo } }, before)).toBeNull()
  })
  it('reads no nonsense', () => {
    for (const text of [null, '', '{', '[]', '3', 'null', '{"model":"x"}', '{"__proto__":{},"seed":1}']) expect(readChange(text)).toEqual({})
  })
  it('is told by the names of the form', () => {
    expect(changedFields({ dpo: { ...before.dpo, beta: 0.3 } }, before)).toEqual([`DPO β: ${before.dpo.beta} → 0.3`])
    expect(changedFields({ pairs: { ...before.pairs, chooseTruncated: !before.pairs.chooseTruncated } }, before)).toEqual([expect.stringMatching(/^Cut responses may be chosen: (no → yes|yes → no)$/)])
    expect(changedFields({}, before)).toEqual([])
  })
})

describe('what going back does', () => {
  it('is said with its price', () => {
    expect(backSentence({ how: 'branch', produces: 'M2·b', kept: ['sample', 'score'] })).toBe('This starts a branch that makes M2·b. It shares responses, scores with what is there. The old path stays as it is and can be made active again; nothing is deleted.')
    expect(backSentence({ how: 'in-place', produces: 'M2', kept: [] })).toMatch(/done again where it stands/)
    const one = { t: 1, stage: 'train', title: 'training', price: null } as const
    expect(priceSentence({ stale: [one, one], price: { seconds: 120, basis: 'as it took before' } })).toBe('2 stages would be done again, about 2 min in all (as it took before):')
    expect(priceSentence({ stale: [one], price: null })).toBe('1 stage would be done again:')
    expect(priceSentence({ stale: [], price: null })).toBe('Nothing has to be done again.')
  })
})
