/** The spot-check's key bindings as a person set them on this computer. */
import { Preference } from './preferences.svelte.ts'
import { type AuditAction, type Bindings, areBindings, defaultBindings, labelOf, rebind } from './keys.ts'

class AuditKeys {
  readonly #kept = new Preference<Bindings>('audit-keys', defaultBindings, areBindings)
  #layout = $state.raw<ReadonlyMap<string, string> | null>(null)

  constructor() {
    const { keyboard } = navigator as { keyboard?: { getLayoutMap(): Promise<ReadonlyMap<string, string>> } }
    keyboard?.getLayoutMap().then((layout) => (this.#layout = layout), () => {}) // only a label: without it keys are named by the US layout
  }

  get bindings(): Bindings {
    return this.#kept.value
  }

  /** What stands on the key of an action. */
  label(action: AuditAction): string {
    return labelOf(this.bindings[action], this.#layout)
  }

  /** @returns why not, or null */
  set(action: AuditAction, code: string): string | null {
    const next = rebind(this.bindings, action, code)
    if (typeof next === 'string') return next
    this.#kept.value = next
    return null
  }

  restore(): void {
    this.#kept.value = defaultBindings
  }
}

export const auditKeys = new AuditKeys()
