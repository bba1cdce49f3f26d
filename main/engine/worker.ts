/** The engine process: a table of what it answers. Started by host.ts, never imported. */
import { probe, tryDevice } from './devices.ts'
import { type Handlers, serve } from './dispatch.ts'
import type { EngineCalls } from './protocol.ts'
import { runtimeVersion } from './sessions.ts'

const handlers: Handlers<EngineCalls> = {
  hello: () => ({ pid: process.pid, node: process.versions.node, onnxruntime: runtimeVersion }),
  probe: () => probe(),
  tryDevice: ({ device }) => tryDevice(device),
  memory: () => ({ rss: process.memoryUsage.rss(), peakRss: process.resourceUsage().maxRSS * 1024 }),
}

serve(handlers)
