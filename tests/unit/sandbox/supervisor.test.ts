/** Children that die slowly: what they still say, and who comes next. */
import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import type { Child } from '../../../main/children/start.ts'
import type { Reply, Request } from '../../../main/sandbox/protocol.ts'
import { type Supervisor, supervise } from '../../../main/sandbox/supervisor.ts'

/** Answers as the test says, and ends when the test lets it, however early it is killed. */
class SlowChild extends EventEmitter {
  readonly connected = true
  readonly stdout = null
  readonly stderr = null
  readonly pid: number
  readonly asked: Request[] = []
  isKilled = false

  constructor(pid: number) {
    super()
    this.pid = pid
    queueMicrotask(() => this.say({ ready: true }))
  }

  say(reply: Reply): void {
    this.emit('message', reply)
  }

  send(request: Request): boolean {
    this.asked.push(request)
    return true
  }

  kill(): boolean {
    this.isKilled = true
    return true
  }

  end(): void {
    this.emit('exit', null, 'SIGKILL')
  }

  disconnect(): void {}
}

function supervised(call: number): { supervisor: Supervisor; children: SlowChild[] } {
  const children: SlowChild[] = []
  const start = (): Child => {
    const child = new SlowChild(children.length + 1)
    children.push(child)
    return child as unknown as Child
  }
  return { supervisor: supervise(start, { call, start: 1000 }), children }
}

const preview = (supervisor: Supervisor, signal?: AbortSignal) => supervisor.turn((line) => line.ask('inspectModel', { folder: '/m', adapter: null }, { doing: 'looking', signal }))
const card = { folder: '/m' } as never

it.each(['stopped on request', 'silent for too long'])('a child that is %s and answers before it is gone has no part in the next call', async (why) => {
  const { supervisor, children } = supervised(why === 'silent for too long' ? 50 : 60_000)
  const stop = new AbortController()
  const first = preview(supervisor, stop.signal)
  await expect.poll(() => children[0]?.asked.length).toBe(1)
  const next = preview(supervisor)
  if (why === 'stopped on request') stop.abort()
  await expect.poll(() => children[0]!.isKilled).toBe(true)

  children[0]!.say({ id: children[0]!.asked[0]!.id, result: card }) // it lay in the pipe
  expect(await first).toBe(card)
  await expect.poll(() => children[1]?.asked.length).toBe(1)
  children[0]!.end()
  children[1]!.say({ id: children[1]!.asked[0]!.id, result: card })
  expect(await next).toBe(card)
})
