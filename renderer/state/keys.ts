/** The spot-check's keys: what each place on the keyboard does, and which ones a person may put it on. Places, not letters: `event.code`. */

export const auditActions = ['left', 'right', 'tie', 'skip', 'flag', 'undo', 'diff', 'note'] as const
export type AuditAction = (typeof auditActions)[number]

export type Bindings = Readonly<Record<AuditAction, string>>

export const defaultBindings: Bindings = { left: 'Digit1', right: 'Digit2', tie: 'Digit0', skip: 'KeyS', flag: 'KeyF', undo: 'KeyU', diff: 'KeyD', note: 'KeyN' }

export const actionNames: Readonly<Record<AuditAction, string>> = {
  left: 'A is better', right: 'B is better', tie: 'Tie', skip: 'Skip', flag: 'Flag', undo: 'Undo', diff: 'Word diff', note: 'Note',
}

/** Those that also serve in ranking mode, where digits and '=' place responses. */
const servesRankings: ReadonlySet<AuditAction> = new Set(['skip', 'undo', 'note'])

export interface Press {
  readonly code: string
  readonly repeat: boolean
  readonly ctrlKey: boolean
  readonly altKey: boolean
  readonly metaKey: boolean
  readonly isComposing: boolean
}

/** The digits beside the letters and those of the number pad are the same key. */
export const placeOf = (code: string): string => code.replace(/^Numpad(?=\d$)/, 'Digit')

/** What a key press asks for; null for a key held down, with Ctrl, Alt or Meta, or that is not bound. */
export function actionOf({ code, repeat, ctrlKey, altKey, metaKey, isComposing }: Press, bindings: Bindings): AuditAction | null {
  if (repeat || ctrlKey || altKey || metaKey || isComposing) return null
  const at = placeOf(code)
  return auditActions.find((action) => bindings[action] === at) ?? null
}

/** Whether keys pressed here belong to somebody else: a text field, a list, a menu, a dialog. */
export function isTaken(target: unknown): boolean {
  const element = target as { closest?: (selector: string) => unknown; isContentEditable?: boolean } | null
  return element?.isContentEditable === true || Boolean(element?.closest?.('input, select, textarea, [role=dialog], [role=menu], [role=listbox], [role=grid]'))
}

/** Puts an action on another key. @returns the new bindings, or the sentence that says why not */
export function rebind(bindings: Bindings, action: AuditAction, code: string): Bindings | string {
  const at = placeOf(code)
  if (!/^(Key[A-Z]|Digit\d|Numpad\w+|Minus|BracketLeft|BracketRight|Semicolon|Quote|Backquote|Backslash|IntlBackslash|Comma|Period|Slash|Equal)$/.test(at)) {
    return `${labelOf(at)} moves around on the page and cannot be bound; take a letter, a digit or a sign.`
  }
  if (servesRankings.has(action) && /^(Digit\d|Equal|NumpadEnter)$/.test(at)) return `${labelOf(at)} places responses in ranking mode; take a letter for "${actionNames[action]}".`
  const other = auditActions.find((one) => one !== action && bindings[one] === at)
  if (other) return `${labelOf(at)} is the key of "${actionNames[other]}" already; give that one another key first.`
  return { ...bindings, [action]: at }
}

export function areBindings(value: unknown): value is Bindings {
  if (typeof value !== 'object' || value === null) return false
  const codes = auditActions.map((action) => (value as Record<string, unknown>)[action])
  return codes.every((code) => typeof code === 'string') && new Set(codes).size === codes.length
}

const signs: Readonly<Record<string, string>> = {
  Minus: '-', Equal: '=', BracketLeft: '[', BracketRight: ']', Semicolon: ';', Quote: "'", Backquote: '`', Backslash: '\\', IntlBackslash: '<', Comma: ',', Period: '.', Slash: '/', Space: 'Space',
}

/** What stands on a key. @param layout what this keyboard prints there, where the system tells */
export function labelOf(code: string, layout?: ReadonlyMap<string, string> | null): string {
  const printed = layout?.get(code)
  if (printed) return printed.toUpperCase()
  return signs[code] ?? code.replace(/^(Key|Digit)/, '').replace(/^Numpad/, 'Num ').replace(/([a-z])([A-Z])/g, '$1 $2')
}
