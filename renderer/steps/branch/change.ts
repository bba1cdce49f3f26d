/** What a person can change when going back to a step, and how an unfinished change is kept in the address. */
import type { Stage } from '../../../preload/contract/domain.ts'
import type { BackPreview, BackStage, RunSettings, SettingsChange } from '../../../preload/contract/requests/run.ts'
import { counted, duration } from '../../state/words.ts'
import { fieldsOf } from '../settings/fields.ts'

type Group = keyof RunSettings

/** The settings that each stage is the first to use. */
const groupsOf: Readonly<Record<BackStage, readonly Group[]>> = {
  tune: ['tuning', 'sft'],
  sample: ['sampling'],
  rank: ['consistency'],
  pair: ['method', 'fixedConsistency', 'pairs'],
  audit: [],
  train: ['dpo'],
}
const order = ['sample', 'rank', 'pair', 'audit', 'train'] as const satisfies readonly BackStage[]

/** The stage's own settings, and those of the stages after it in the round, which can be changed along with them. */
export function groupsFrom(stage: BackStage): { readonly own: readonly Group[]; readonly later: readonly Group[] } {
  const after = stage === 'tune' ? [] : order.slice(order.indexOf(stage) + 1)
  return { own: groupsOf[stage], later: after.flatMap((one) => groupsOf[one]) }
}

/** The change as the address holds it; what does not read as one is none. */
export function readChange(text: string | null): SettingsChange {
  try {
    const value: unknown = JSON.parse(text ?? '{}')
    const isChange = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).every((name) => known.has(name))
    return isChange ? (value as SettingsChange) : {}
  } catch {
    return {}
  }
}
const known: ReadonlySet<string> = new Set(Object.values(groupsOf).flat())

/** Takes out what is as before. @returns for the address: null when nothing is left */
export function keepChange(change: SettingsChange, before: RunSettings): string | null {
  const left = Object.entries(change).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name as Group]))
  return left.length === 0 ? null : JSON.stringify(Object.fromEntries(left))
}

/** "DPO β: 0.1 → 0.3", one a changed field. */
export function changedFields(change: SettingsChange, before: RunSettings): string[] {
  const after = { ...before, ...change } as RunSettings
  return fieldsOf(Object.keys(before) as Group[]).flatMap(({ label, read }) => {
    const [from, to] = [read(before), read(after)]
    return from === to ? [] : [`${label}: ${valueWords(from)} → ${valueWords(to)}`]
  })
}
const valueWords = (value: number | string | boolean | null): string => (value === null ? '–' : typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value))

const made: Readonly<Partial<Record<Stage, string>>> = { sample: 'responses', score: 'scores', rank: 'rankings', pair: 'pairs', audit: 'what was decided about them' }

/** What going back does, as a sentence. */
export function backSentence({ how, produces, kept }: Pick<BackPreview, 'how' | 'produces' | 'kept'>): string {
  switch (how) {
    case 'settings': return 'Nothing was done yet with these settings: they are changed for what is to come.'
    case 'in-place': return 'Nothing is trained on this step yet, so it is done again where it stands. What was ranked and decided before stays in the history.'
    case 'branch': return `This starts a branch that makes ${produces}. ${kept.length === 0 ? '' : `It shares ${kept.map((stage) => made[stage] ?? stage).join(', ')} with what is there. `}The old path stays as it is and can be made active again; nothing is deleted.`
  }
}

/** "5 stages are done again, about 3 min in all (as it took before)". */
export function priceSentence({ stale, price }: Pick<BackPreview, 'stale' | 'price'>): string {
  if (stale.length === 0) return 'Nothing has to be done again.'
  return `${counted(stale.length, 'stage')} would be done again${price ? `, about ${duration(price.seconds)} in all (${price.basis})` : ''}:`
}
