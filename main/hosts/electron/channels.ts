/** The preload's four channels: requests and dropped files, which answer with values, and the stream of events. */
import { existsSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import type { IpcMain, IpcMainEvent, IpcMainInvokeEvent, WebContents } from 'electron'
import { AppError } from '../../../preload/contract/errors.ts'
import { Cursor } from '../../../preload/contract/events.ts'
import type { Reply } from '../../../preload/contract/requests.ts'
import type { PlaceEntry } from '../../../preload/contract/requests/place.ts'
import { handlers } from '../../ipc/handlers.ts'
import type { Log } from '../../ipc/log.ts'
import { createRouter } from '../../ipc/router.ts'
import type { Workbench } from '../../ipc/workbench.ts'
import { streamEvents } from '../event-stream.ts'
import { isOurs } from './pages.ts'

type Sender = Pick<IpcMainInvokeEvent | IpcMainEvent, 'senderFrame'>

/** Null, or why this sender may not ask. A frame that has gone while its message was under way is null itself. */
export function distrust({ senderFrame }: Sender): string | null {
  if (senderFrame === null) return 'sender is gone'
  if (senderFrame.parent !== null) return 'sender is a frame in a page'
  return isOurs(senderFrame.url) ? null : 'sender is a foreign page'
}

export function openChannels(ipcMain: IpcMain, workbench: Workbench, log: Log): void {
  const answer = createRouter<Sender>({ workbench, handlers, distrust, log })
  ipcMain.handle('creamery:request', (event, name: unknown, params: unknown) => answer(name, params, event))

  ipcMain.handle('creamery:locate', (event, path: unknown): Reply<PlaceEntry> => {
    const fault = distrust(event) ?? (typeof path === 'string' && isAbsolute(path) && existsSync(path) ? null : 'dropped what is no file')
    if (fault === null) return { ok: true, value: workbench.places.entryOf(path as string) }
    log({ level: 'refused', message: fault })
    const { code, message: sentence } = new AppError('bad-arguments', 'What was dropped is no file or folder of this computer; drop one from the file manager, or choose it.')
    return { ok: false, error: { code, sentence } }
  })

  const streams = new Map<WebContents, Map<unknown, () => void>>()
  const endAll = (contents: WebContents): void => {
    for (const end of streams.get(contents)?.values() ?? []) end()
    streams.get(contents)?.clear()
  }
  ipcMain.on('creamery:subscribe', (event, id: unknown, from: unknown) => {
    const fault = distrust(event)
    if (fault !== null) return log({ level: 'refused', message: fault })
    const { sender } = event
    let ends = streams.get(sender)
    if (!ends) {
      streams.set(sender, (ends = new Map()))
      sender.once('destroyed', () => {
        endAll(sender)
        streams.delete(sender)
      })
      // A page that reloads is a new listener; the old one's stream would fill a pipe that nobody reads.
      sender.on('did-navigate', () => endAll(sender))
      sender.on('render-process-gone', () => endAll(sender))
    }
    ends.get(id)?.()
    const cursor = Cursor.nullable().safeParse(from)
    ends.set(id, streamEvents(workbench, cursor.success ? cursor.data : null, {
      send: (message) => {
        if (!sender.isDestroyed()) sender.send('creamery:events', id, message)
      },
      isBehind: () => false, // Electron tells nothing of its queue; progress is held to 10 a second
      close: () => {},
    }))
  })
  ipcMain.on('creamery:unsubscribe', ({ sender }, id: unknown) => {
    streams.get(sender)?.get(id)?.()
    streams.get(sender)?.delete(id)
  })
}
