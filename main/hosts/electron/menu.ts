/** The menu: every item with its key. What belongs to a page goes there by its address, as a link does. */
import { type BrowserWindow, Menu, type MenuItemConstructorOptions, app, dialog, shell } from 'electron'
import { randomUUID } from 'node:crypto'
import type { Workbench } from '../../ipc/workbench.ts'
import { origin } from './pages.ts'

export interface MenuOptions {
  readonly workbench: Workbench
  readonly logFile: string
  readonly window: () => BrowserWindow | null
}

export function setMenu({ workbench, logFile, window }: MenuOptions): void {
  const show = (place: string) => () => void window()?.loadURL(`${origin}/#/${place}`)
  const attempt = (work: () => unknown) => () => {
    try {
      work()
    } catch (error) {
      dialog.showErrorBox('Creamery', error instanceof Error ? error.message : String(error))
    }
  }
  const isMac = process.platform === 'darwin'
  const settings: MenuItemConstructorOptions = { label: 'Settings…', accelerator: 'CmdOrCtrl+,', click: show('settings') }
  const mac: MenuItemConstructorOptions = { label: app.name, submenu: [{ role: 'about' }, { type: 'separator' }, settings, { type: 'separator' }, { role: 'hide' }, { role: 'hideOthers' }, { role: 'unhide' }, { type: 'separator' }, { role: 'quit' }] }
  const file: MenuItemConstructorOptions = {
    label: '&File',
    submenu: [
      { label: 'New project…', accelerator: 'CmdOrCtrl+N', click: show('new/model') },
      { label: 'Projects…', accelerator: 'CmdOrCtrl+O', click: show('') },
      { label: 'Show projects folder', accelerator: 'CmdOrCtrl+Shift+O', click: () => void shell.openPath(workbench.options.projectsFolder) },
      ...(isMac ? [] : [{ type: 'separator' } as const, settings, { type: 'separator' } as const, { role: 'quit', accelerator: 'CmdOrCtrl+Q' } as const]),
    ],
  }
  const job: MenuItemConstructorOptions = {
    label: '&Job',
    submenu: [
      { label: 'Pause', accelerator: 'CmdOrCtrl+.', click: attempt(() => workbench.job?.pause()) },
      { label: 'Resume', accelerator: 'CmdOrCtrl+Shift+.', click: attempt(() => workbench.resumeJob(randomUUID())) },
      { label: 'History', accelerator: 'CmdOrCtrl+Y', click: show('history') },
    ],
  }
  const view: MenuItemConstructorOptions = {
    label: '&View',
    submenu: [{ role: 'reload' }, ...(app.isPackaged ? [] : [{ role: 'toggleDevTools' } as const]), { type: 'separator' }, { role: 'resetZoom' }, { role: 'zoomIn' }, { role: 'zoomOut' }, { type: 'separator' }, { role: 'togglefullscreen' }],
  }
  const help: MenuItemConstructorOptions = { role: 'help', submenu: [{ label: 'Show log', accelerator: 'CmdOrCtrl+Shift+L', click: () => shell.showItemInFolder(logFile) }, ...(isMac ? [] : [{ role: 'about' } as const])] }
  Menu.setApplicationMenu(Menu.buildFromTemplate([...(isMac ? [mac] : []), file, { role: 'editMenu' }, job, view, { role: 'windowMenu' }, help]))
}
