/**
 * The one thing of main that a window can reach: `creamery`, the contract's bridge. No channel, no event object and no
 * path gets to the page; what passes is copied by the context bridge, without prototypes.
 */
import { contextBridge, ipcRenderer, webUtils } from 'electron'
import type { Cursor, EventMessage } from './contract/events.ts'
import type { Bridge, Reply } from './contract/requests.ts'

const listeners = new Map<number, (message: EventMessage) => void>()
let lastId = 0
ipcRenderer.on('creamery:events', (_, id: number, message: EventMessage) => listeners.get(id)?.(message))

/** Main answers with values, also where it refuses; what is thrown here is the way to it that broke. */
async function invoke(channel: string, ...args: unknown[]): Promise<Reply<never>> {
  try {
    return (await ipcRenderer.invoke(channel, ...args)) as Reply<never>
  } catch {
    return { ok: false, error: { code: 'internal', sentence: 'Creamery did not take this request; nothing committed is lost. Reload the window (View › Reload) and try again.' } }
  }
}

const bridge: Bridge = {
  request: (name, params) => invoke('creamery:request', name, params),
  subscribe(from: Cursor | null, listener: (message: EventMessage) => void) {
    const id = ++lastId
    listeners.set(id, listener)
    ipcRenderer.send('creamery:subscribe', id, from)
    return () => {
      listeners.delete(id)
      ipcRenderer.send('creamery:unsubscribe', id)
    }
  },
  locate: (file) => invoke('creamery:locate', webUtils.getPathForFile(file)),
}
contextBridge.exposeInMainWorld('creamery', bridge)
