/** A main process to be killed: starts an engine, gives it work, prints its pid, stays. */
import { EngineHost } from '../../../main/engine/host.ts'
import type { TestCalls } from './fixture-engine.ts'

const host = EngineHost.start<TestCalls>({ entry: new URL('./fixture-engine.ts', import.meta.url) })
await host.call('echo', 'up')
void host.call('linger', { milliseconds: 60_000 })
console.log(host.pid)
