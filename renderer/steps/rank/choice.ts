/** Another way of ranking, as it is kept in the address: a reload comes back to the same preview. */
import type { RankChoice } from '../../../preload/contract/requests/rank.ts'
import { firstRuleTerms, methodTerms, statisticTerms } from '../../state/terms.ts'

/** How the iteration is ranked and labelled now. */
export interface Stored {
  readonly statistic: RankChoice['statistic'] & string
  readonly firstIterationRule: NonNullable<RankChoice['firstIterationRule']> | null
  readonly method: string
  readonly fixedConsistency: number
  readonly clamp: boolean
  readonly whenNull: 'skip' | 'mean'
}

type Names = { readonly [Name in keyof RankChoice]-?: string }
const names: Names = { statistic: 'statistic', tieTolerance: 'tolerance', firstIterationRule: 'rule', method: 'labels', fixedConsistency: 'fixed', clamp: 'clamp', whenNull: 'null' }

const oneOf = <T extends string>(terms: Readonly<Record<T, unknown>>, value: string | null): T | undefined => (value !== null && Object.hasOwn(terms, value) ? (value as T) : undefined)
const numberIn = (value: string | null, most: number): number | undefined => {
  const number = value === null || value === '' ? NaN : Number(value)
  return number >= 0 && number <= most ? number : undefined
}

/** What the address says, without what does not fit. */
export function readChoice(query: URLSearchParams): RankChoice {
  const at = (name: keyof RankChoice): string | null => query.get(names[name])
  const method = oneOf(methodTerms, at('method'))
  const clamp = at('clamp')
  const choice: RankChoice = {
    statistic: oneOf(statisticTerms, at('statistic')),
    tieTolerance: numberIn(at('tieTolerance'), Number.MAX_VALUE),
    firstIterationRule: oneOf(firstRuleTerms, at('firstIterationRule')),
    method: method === 'oracle' ? undefined : method,
    fixedConsistency: numberIn(at('fixedConsistency'), 1),
    clamp: clamp === 'yes' ? true : clamp === 'no' ? false : undefined,
    whenNull: oneOf({ skip: 0, mean: 0 }, at('whenNull')),
  }
  return Object.fromEntries(Object.entries(choice).filter(([, value]) => value !== undefined))
}

/** A change of the choice as changes of the address: what is as stored leaves it. */
export function keepChoice(change: RankChoice, stored: Stored): Record<string, string | null> {
  return Object.fromEntries(Object.entries(change).map(([name, value]) => {
    const same = value === undefined || value === 'stored' || (stored as unknown as Record<string, unknown>)[name] === value
    return [names[name as keyof RankChoice], same ? null : typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value)]
  }))
}

/** Back to what is stored. */
export const noChoice: Readonly<Record<string, null>> = Object.fromEntries(Object.values(names).map((name) => [name, null]))
