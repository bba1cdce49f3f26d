/** The numbered stream: what is held back, what is kept, what whoever was away gets. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { SequencedEvent, WorkbenchEvent } from '../../../preload/contract/events.ts'
import { EventLog } from '../../../main/ipc/event-log.ts'

const notice = (message: string): WorkbenchEvent => ({ kind: 'notice', message })
const progress = (done: number, stage: 'train' | 'score' = 'train'): WorkbenchEvent => ({ kind: 'progress', iteration: 1, stage, progress: { done, total: 100, unit: 'steps', rate: null, secondsLeft: null }, steps: [{ step: done, metrics: { loss: 1 / done } }] })

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

function heard(log: EventLog): SequencedEvent[] {
  const events: SequencedEvent[] = []
  log.listen((event) => events.push(event))
  return events
}

describe('progress', () => {
  it('comes at most ten times a second, with every training step and the last figure', () => {
    const log = new EventLog()
    const events = heard(log)
    for (let step = 1; step <= 500; step++) {
      log.publish(progress(step))
      vi.advanceTimersByTime(4) // 500 steps in 2 s
    }
    vi.advanceTimersByTime(200)
    expect(events.length).toBeGreaterThan(15)
    expect(events.length).toBeLessThanOrEqual(22)
    const told = events.flatMap(({ event }) => (event.kind === 'progress' ? event.steps.map(({ step }) => step) : []))
    expect(told).toEqual(Array.from({ length: 500 }, (_, i) => i + 1))
    expect(events.at(-1)!.event).toMatchObject({ progress: { done: 500 } })
  })

  it('never comes after what ended it, nor mixes two stages', () => {
    const log = new EventLog()
    const events = heard(log)
    log.publish(progress(1))
    log.publish(progress(2))
    log.publish(progress(1, 'score'))
    log.publish(notice('done'))
    vi.advanceTimersByTime(1000)
    expect(events.map(({ sequence, event }) => [sequence, event.kind === 'progress' ? `${event.stage} ${event.progress?.done}` : event.kind])).toEqual([[1, 'train 1'], [2, 'train 2'], [3, 'score 1'], [4, 'notice']])
  })
})

describe('coming back', () => {
  it('gives what came after the cursor, and nothing after the last', () => {
    const log = new EventLog()
    for (const name of ['a', 'b', 'c']) log.publish(notice(name))
    expect(log.since({ epoch: log.epoch, sequence: 0 })!.map(({ sequence }) => sequence)).toEqual([1, 2, 3])
    expect(log.since({ epoch: log.epoch, sequence: 2 })).toEqual([{ sequence: 3, event: notice('c') }])
    expect(log.since(log.cursor)).toEqual([])
    expect(new EventLog().since({ epoch: 'x', sequence: 0 })).toBeNull()
  })

  it('says null where it would leave something out: too far back, another stream, the future', () => {
    const log = new EventLog({ kept: 3 })
    for (const name of ['a', 'b', 'c', 'd', 'e']) log.publish(notice(name))
    expect(log.since({ epoch: log.epoch, sequence: 2 })!.map(({ sequence }) => sequence)).toEqual([3, 4, 5])
    expect(log.since({ epoch: log.epoch, sequence: 1 })).toBeNull()
    expect(log.since({ epoch: 'another', sequence: 5 })).toBeNull()
    expect(log.since({ epoch: log.epoch, sequence: 6 })).toBeNull()
  })

  it('ends for a listener that left', () => {
    const log = new EventLog()
    const events: SequencedEvent[] = []
    const end = log.listen((event) => events.push(event))
    log.publish(notice('a'))
    end()
    log.publish(notice('b'))
    expect(events).toHaveLength(1)
  })
})
