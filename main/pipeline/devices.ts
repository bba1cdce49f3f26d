/** What this machine can compute on, asked of an engine that lives only for the question. */
import { EngineHost } from '../engine/host.ts'
import type { DeviceReport } from '../engine/protocol.ts'

/** Every device with its reason where it does not work. Seconds: each is tried in a process of its own. */
export async function probeDevices(): Promise<DeviceReport[]> {
  const engine = EngineHost.start()
  try {
    return await engine.call('probe', {})
  } finally {
    await engine.close()
  }
}
