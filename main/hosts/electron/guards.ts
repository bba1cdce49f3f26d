/** What no page may do, ours included: leave, open windows, load anything from elsewhere, or use the machine's senses. */
import type { App, Session, WebContents } from 'electron'
import type { Log } from '../../ipc/log.ts'
import { quoted } from '../../ipc/log.ts'
import { isOurs } from './pages.ts'

/** Every page that will ever be, whoever opens it. */
export function guardContents(app: App, log: Log): void {
  app.on('web-contents-created', (_, contents) => guard(contents, log))
}

function guard(contents: WebContents, log: Log): void {
  const refuse = (what: string, url: string): void => log({ level: 'refused', message: what, details: { url: quoted(url.split('?', 1)[0]) } })
  const stay = (what: string) => (event: { preventDefault(): void; readonly url: string }): void => {
    if (isOurs(event.url)) return // a reload
    event.preventDefault()
    refuse(what, event.url)
  }
  contents.on('will-navigate', stay('navigation'))
  contents.on('will-frame-navigate', stay('navigation of a frame'))
  contents.on('will-redirect', stay('redirect'))
  contents.on('will-attach-webview', (event) => {
    event.preventDefault()
    refuse('webview', '')
  })
  contents.setWindowOpenHandler(({ url }) => {
    refuse('new window', url)
    return { action: 'deny' }
  })
}

/** Copying a text is all that is permitted; an export is a download of our own making. */
export function guardSession(session: Session, log: Log): void {
  session.setPermissionRequestHandler((_, permission, answer) => answer(permission === 'clipboard-sanitized-write'))
  session.setPermissionCheckHandler((_, permission) => permission === 'clipboard-sanitized-write')
  session.setDevicePermissionHandler(() => false)
  session.webRequest.onBeforeRequest(({ url }, answer) => {
    const cancel = !isOurs(url.replace(/^blob:/, ''))
    if (cancel) log({ level: 'refused', message: 'request to elsewhere', details: { url: quoted(url.split('?', 1)[0]) } })
    answer({ cancel })
  })
}
