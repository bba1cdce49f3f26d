/** A project that is being planned; kept by the browser, so a reload loses nothing. Files are named by main's handles. */
import type { RunSettings, RunSources } from '../../preload/contract/requests/run.ts'

export interface Picked {
  readonly handle: string
  readonly name: string
  /** Of a model: a copy that moves into the project when that is made. */
  readonly isCopy?: boolean | undefined
}

export interface Draft {
  readonly name: string
  readonly model: Picked | null
  /** A PEFT folder on top of the model; it is part of it only when both are merged. */
  readonly adapter: Picked | null
  /** Main makes a copy of both, which takes the model's place. */
  readonly isTaking: boolean
  readonly sft: Picked | null
  readonly prompts: Picked | null
  readonly promptsLimit: number | null
  readonly tasks: Picked | null
  /** Of the method "oracle"; null = the prompts' known answers. */
  readonly rewards: Picked | null
  readonly preset: 'desktop' | 'demo' | 'paper'
  /** Null until a preset was fetched. */
  readonly settings: RunSettings | null
}

const empty: Draft = { name: '', model: null, adapter: null, isTaking: false, sft: null, prompts: null, promptsLimit: null, tasks: null, rewards: null, preset: 'desktop', settings: null }
const KEY = 'creamery-draft'

function kept(): Draft {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null')
    return value !== null && typeof value === 'object' ? { ...empty, ...value } : empty
  } catch {
    return empty
  }
}

class DraftStore {
  #value = $state.raw<Draft>(kept())

  get value(): Draft {
    return this.#value
  }

  change(change: Partial<Draft>): void {
    this.#value = { ...this.#value, ...change }
    localStorage.setItem(KEY, JSON.stringify(this.#value))
  }

  /** Changes one group of the settings. */
  set<Name extends keyof RunSettings>(name: Name, value: RunSettings[Name]): void {
    if (this.#value.settings) this.change({ settings: { ...this.#value.settings, [name]: value } })
  }

  clear(): void {
    this.#value = empty
    localStorage.removeItem(KEY)
  }

  /** What the request wants; null while something is missing. */
  get sources(): RunSources | null {
    const { model, sft, prompts, promptsLimit, tasks, rewards, settings } = this.#value
    if (!model || !prompts) return null
    return {
      model: model.handle, sft: sft?.handle ?? null, prompts: prompts.handle, ...(promptsLimit !== null && { promptsLimit }),
      evaluation: tasks ? [{ name: nameOf(tasks.name), file: tasks.handle }] : [],
      ...(rewards && settings?.method === 'oracle' && { rewards: rewards.handle }),
    }
  }
}

/** A task's name from its file's: letters, digits, dashes. */
export const nameOf = (file: string): string => file.replace(/\.[^.]+$/, '').replace(/[^\w-]+/g, '-').slice(0, 64) || 'tasks'

export const draft = new DraftStore()
