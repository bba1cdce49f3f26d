import { describe, expect, it } from 'vitest'
import { type Press, actionOf, areBindings, defaultBindings, isTaken, labelOf, rebind } from '../../renderer/state/keys.ts'

const press = (code: string, with_: Partial<Press> = {}): Press => ({ code, repeat: false, ctrlKey: false, altKey: false, metaKey: false, isComposing: false, ...with_ })

describe('the keys of the spot-check', () => {
  it('are places on the keyboard, the number pad included', () => {
    const actions = ['Digit1', 'Digit2', 'Digit0', 'Numpad1', 'Numpad0', 'KeyS', 'KeyF', 'KeyU', 'KeyD', 'KeyN', 'KeyX', 'NumpadAdd'].map((code) => actionOf(press(code), defaultBindings))
    expect(actions).toEqual(['left', 'right', 'tie', 'left', 'tie', 'skip', 'flag', 'undo', 'diff', 'note', null, null])
  })

  it.each([{ repeat: true }, { ctrlKey: true }, { altKey: true }, { metaKey: true }, { isComposing: true }])('are dead with %o', (with_) => {
    expect(actionOf(press('Digit1', with_), defaultBindings)).toBeNull()
  })

  it('are dead where somebody types', () => {
    expect(isTaken({ closest: (selector: string) => (selector.includes('textarea') ? {} : null) })).toBe(true)
    expect(isTaken({ closest: () => null, isContentEditable: true })).toBe(true)
    expect(isTaken({ closest: () => null, isContentEditable: false })).toBe(false)
    expect(isTaken(null)).toBe(false)
  })

  it('can be put elsewhere, but never two actions on one key', () => {
    const moved = rebind(defaultBindings, 'flag', 'KeyX')
    expect(moved).toEqual({ ...defaultBindings, flag: 'KeyX' })
    expect(actionOf(press('KeyF'), moved as typeof defaultBindings)).toBeNull()
    expect(rebind(defaultBindings, 'flag', 'Numpad1')).toBe('1 is the key of "A is better" already; give that one another key first.')
    expect(rebind(defaultBindings, 'left', 'ArrowUp')).toContain('cannot be bound')
    expect(rebind(defaultBindings, 'left', 'Tab')).toContain('cannot be bound')
    expect(rebind(defaultBindings, 'skip', 'Digit7')).toContain('ranking mode')
    expect(rebind(defaultBindings, 'flag', 'KeyF')).toEqual(defaultBindings)
  })

  it('come back from storage only whole and without two on one key', () => {
    expect(areBindings({ ...defaultBindings })).toBe(true)
    expect(areBindings({ ...defaultBindings, tie: 'Digit1' })).toBe(false)
    expect(areBindings({ left: 'Digit1' })).toBe(false)
    expect(areBindings(null)).toBe(false)
  })

  it('are named by what is printed on them', () => {
    expect(['Digit1', 'KeyS', 'NumpadAdd', 'Equal', 'ArrowUp'].map((code) => labelOf(code))).toEqual(['1', 'S', 'Num Add', '=', 'Arrow Up'])
    expect(labelOf('KeyA', new Map([['KeyA', 'q']]))).toBe('Q')
  })
})
