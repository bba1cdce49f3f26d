/** A run's settings while a person changes them: each change is shown at once, and once main has answered them all, what main holds. */
import type { RunSettings, SettingsChange, SettingsView } from '../../preload/contract/requests/run.ts'
import type { Query } from './query.svelte.ts'
import type { Workbench } from './workbench.svelte.ts'

export class SettingsInChange {
  readonly #workbench: Workbench
  readonly #held: Query<SettingsView>
  #changes = 0
  #unanswered = $state.raw<SettingsChange>({})

  constructor(workbench: Workbench, held: Query<SettingsView>) {
    this.#workbench = workbench
    this.#held = held
  }

  /** What main was last heard to hold, and over it what was changed since: the next change of a group is made from this. */
  shown(held: RunSettings): RunSettings {
    return { ...held, ...this.#unanswered } as RunSettings
  }

  async change<Name extends keyof RunSettings>(name: Name, value: RunSettings[Name]): Promise<void> {
    const mine = ++this.#changes
    this.#unanswered = { ...this.#unanswered, [name]: value }
    await this.#workbench.changeSetting(name, value)
    do {
      if (mine !== this.#changes) return // the newer change sees to it
      await this.#held.refresh()
    } while (this.#held.isLoading) // a newer question overtook this one, whose answer was dropped
    if (mine === this.#changes) this.#unanswered = {}
  }
}
