/** The one window. */
import { fileURLToPath } from 'node:url'
import { BrowserWindow, type Session, app, screen } from 'electron'
import { origin } from './pages.ts'
import { keep, recall, smallest } from './window-state.ts'

const preload = fileURLToPath(new URL('../../../preload/index.cjs', import.meta.url)) // of the build: Electron runs no other

export function openWindow({ stateFile, session }: { stateFile: string; session: Session }): BrowserWindow {
  const { bounds, maximized } = recall(stateFile, screen.getAllDisplays().map(({ workArea }) => workArea))
  const { workAreaSize } = screen.getPrimaryDisplay()
  const window = new BrowserWindow({
    ...(bounds ?? { width: Math.min(1440, workAreaSize.width), height: Math.min(900, workAreaSize.height) }),
    minWidth: Math.min(smallest.width, workAreaSize.width),
    minHeight: Math.min(smallest.height, workAreaSize.height),
    show: false, // until there is something to see
    title: 'Creamery',
    webPreferences: { preload, session, contextIsolation: true, sandbox: true, nodeIntegration: false, webviewTag: false, spellcheck: false, devTools: !app.isPackaged },
  })
  if (maximized) window.maximize()
  window.once('ready-to-show', () => window.show())
  window.on('close', () => keep(stateFile, { bounds: window.getNormalBounds(), maximized: window.isMaximized() }))
  void window.loadURL(`${origin}/`)
  return window
}
