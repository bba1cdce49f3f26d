import { beforeEach, describe, expect, it } from 'vitest'
import { DraftBook, Stopwatch } from '../../renderer/state/audit-draft.ts'

describe('drafts of a spot-check', () => {
  const kept = new Map<string, string>()
  const storage = { getItem: (name: string) => kept.get(name) ?? null, setItem: (name: string, value: string) => void kept.set(name, value), removeItem: (name: string) => void kept.delete(name) }
  const open = (): DraftBook => new DraftBook('/a/project/run1.i1.a1', storage)
  beforeEach(() => kept.clear())

  it('survive a reload, each part by itself', () => {
    open().write(3, { note: 'both are wr' })
    open().write(3, { looked: 4200 })
    expect(open().read(3)).toEqual({ at: 3, note: 'both are wr', looked: 4200 })
  })

  it('are never taken for another item’s', () => {
    open().write(3, { note: 'of the fourth' })
    expect(open().read(4)).toEqual({ at: 4 })
    open().write(4, { looked: 10 })
    expect(open().read(4)).toEqual({ at: 4, looked: 10 })
  })

  it('keep an answer that was not confirmed, with its key', () => {
    const unsent = { key: 'key-00000001', session: 's', pair: 'pair-x', verdict: 'tie' as const, milliseconds: 900 }
    open().write(0, { unsent })
    expect(open().unsent()).toEqual(unsent)
    open().write(0, { note: 'kept' })
    open().drop('unsent')
    expect(open().read(0)).toEqual({ at: 0, note: 'kept' })
    open().write(0, { unsent })
    open().clear()
    expect(open().unsent()).toBeUndefined()
  })

  it('are none when what is stored is broken', () => {
    kept.set('creamery-audit-/a/project/run1.i1.a1', '{"at":')
    expect(open().read(0)).toEqual({ at: 0 })
  })
})

describe('a stopwatch', () => {
  it('leaves out the time while it does not run', () => {
    const watch = new Stopwatch(100)
    expect(watch.read(50)).toBe(100)
    watch.run(1000)
    watch.run(1400) // runs already
    watch.halt(1500)
    expect(watch.read(9000)).toBe(600)
    watch.run(9000)
    expect(watch.read(9250)).toBe(850)
  })
})
