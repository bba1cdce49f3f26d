/** While a job runs the machine does not sleep; when one ends and nobody looks, it says so. */
import { type BrowserWindow, Notification, powerSaveBlocker } from 'electron'
import { assertNever } from '../../../preload/contract/errors.ts'
import type { JobEnd } from '../../../preload/contract/requests/run.ts'
import type { Workbench } from '../../ipc/workbench.ts'

export function watchJobs(workbench: Workbench, window: () => BrowserWindow | null): void {
  let blocker: number | null = null
  workbench.events.listen(({ event }) => {
    if (event.kind === 'job-changed') blocker ??= powerSaveBlocker.start('prevent-app-suspension')
    if (event.kind !== 'job-ended') return
    if (blocker !== null) powerSaveBlocker.stop(blocker)
    blocker = null
    if (window()?.isFocused() || !Notification.isSupported()) return
    const notification = new Notification({ title: `Creamery: ${workbench.current()?.name ?? 'project'}`, body: told(event.end) })
    notification.on('click', () => {
      window()?.show()
      window()?.focus()
    })
    notification.show()
  })
}

function told({ how, error }: JobEnd): string {
  switch (how) {
    case 'finished': return 'The run is finished.'
    case 'stopped': return 'The step is done; the next one waits for you.'
    case 'waiting': return 'The spot-check waits for you.'
    case 'paused': return error?.sentence ?? 'The run is paused; it resumes where it stands.'
    case 'failed': return error?.sentence ?? 'The run has failed.'
    default: return assertNever(how)
  }
}
