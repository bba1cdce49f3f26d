/** A request whose answer is shown: fetched again when its parameters change and when an event says that it may have changed. */
import { untrack } from 'svelte'
import type { Params, RequestName, Result } from '../../preload/contract/requests.ts'
import { Refused } from '../api.ts'
import { type Heard, useWorkbench } from './workbench.svelte.ts'

export class Query<Value> {
  /** The last answer; it stays while the next one is fetched, so that nothing jumps. */
  value = $state.raw<Value | undefined>(undefined)
  /** The sentence of main's refusal. */
  problem = $state.raw<string | null>(null)
  isLoading = $state(true)
  /** Asks again now. */
  refresh: () => Promise<void> = async () => {}
}

/** Called while a component is set up. With `params` null nothing is asked. An answer that comes after a newer question is dropped. */
export function query<Name extends RequestName>(name: Name, params: () => Params<Name> | null, refreshOn: readonly Heard['kind'][] = []): Query<Result<Name>> {
  const workbench = useWorkbench()
  const held = new Query<Result<Name>>()
  let asked = 0
  const fetch = async (current: Params<Name> | null): Promise<void> => {
    const mine = ++asked
    if (current === null) {
      held.value = undefined
      held.isLoading = false
      return
    }
    held.isLoading = true
    try {
      const value = await workbench.ask(name, current)
      if (mine !== asked) return
      held.value = value
      held.problem = null
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      if (mine === asked) held.problem = error.message
    }
    if (mine === asked) held.isLoading = false
  }
  held.refresh = () => fetch(untrack(params))
  $effect(() => {
    void fetch(params())
  })
  $effect(() => workbench.listen(({ kind }) => {
    if (kind === 'reset' || refreshOn.includes(kind)) void held.refresh()
  }))
  return held
}
