/** The workbench in a window: pages from our own scheme, requests over the preload, children as utility processes. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type BrowserWindow, app, dialog, ipcMain, session } from 'electron'
import { creameryVersion } from '../cli/version.ts'
import { startChildrenBy } from '../children/start.ts'
import { Workbench } from '../ipc/workbench.ts'
import { watchJobs } from './electron/attention.ts'
import { openChannels } from './electron/channels.ts'
import { startUtility } from './electron/children.ts'
import { gpuName } from './electron/gpu.ts'
import { guardContents, guardSession } from './electron/guards.ts'
import { setMenu } from './electron/menu.ts'
import { servePages } from './electron/pages.ts'
import { openWindow } from './electron/window.ts'
import { projectsFolder, stateFolder } from './folders.ts'
import { logTo } from './log-file.ts'
import { builtPages } from './pages.ts'

export interface ElectronHostOptions {
  /** Where new projects go; the person's own folder when left out. */
  readonly projects?: string
}

export async function openElectronHost({ projects = projectsFolder() }: ElectronHostOptions = {}): Promise<void> {
  const state = stateFolder()
  const logFile = join(state, 'creamery.log')
  const log = logTo(logFile)
  guardContents(app, log)
  await app.whenReady()

  startChildrenBy(startUtility)
  mkdirSync(projects, { recursive: true })
  let window: BrowserWindow | null = null
  const theWindow = (): BrowserWindow | null => (window?.isDestroyed() ? null : window)
  const choose = async (what: 'folder' | 'file', title: string): Promise<string | null> => {
    const options = { title, properties: [what === 'folder' ? ('openDirectory' as const) : ('openFile' as const)] }
    const parent = theWindow()
    const { canceled, filePaths } = await (parent ? dialog.showOpenDialog(parent, options) : dialog.showOpenDialog(options))
    return canceled ? null : (filePaths[0] ?? null)
  }
  const workbench = new Workbench({ version: creameryVersion, host: 'electron', projectsFolder: projects, stateFolder: state, roots: [], choose, gpuName: () => gpuName(app), log })
  const own = session.defaultSession
  servePages(own, builtPages)
  guardSession(own, log)
  openChannels(ipcMain, workbench, log)
  setMenu({ workbench, logFile, window: theWindow })
  watchJobs(workbench, theWindow)

  const show = (): void => {
    const open = theWindow()
    if (open?.isMinimized()) open.restore()
    if (open) return open.focus()
    window = openWindow({ stateFile: join(state, 'window.json'), session: own })
    window.on('close', (event) => {
      if (closed || !workbench.job) return
      event.preventDefault() // the question comes first
      void leave()
    })
  }

  let leaving = false
  let closed = false
  /** Asks while a job runs, stops it at its next safe point, closes the project, and only then quits. */
  async function leave(): Promise<void> {
    if (leaving) return
    leaving = true
    if (workbench.job && !(await mayPause(theWindow()))) {
      leaving = false
      return
    }
    await workbench.close()
    closed = true
    app.quit()
  }
  app.on('before-quit', (event) => {
    if (closed) return
    event.preventDefault()
    void leave()
  })
  app.on('window-all-closed', () => app.quit())
  app.on('second-instance', show)
  app.on('activate', show)
  show()
}

async function mayPause(window: BrowserWindow | null): Promise<boolean> {
  const question = {
    type: 'question' as const, buttons: ['Keep working', 'Pause and quit'], defaultId: 1, cancelId: 0, noLink: true,
    message: 'A run is at work.', detail: 'It stops at its next safe point, which can take a few seconds, and resumes there when you open the project again. Nothing is lost.',
  }
  const { response } = await (window ? dialog.showMessageBox(window, question) : dialog.showMessageBox(question))
  return response === 1
}
