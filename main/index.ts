/** The way in for Electron. What must come before the app is ready is here; the rest is hosts/electron.ts. */
import { parseArgs } from 'node:util'
import { resolve } from 'node:path'
import { app, dialog, protocol } from 'electron'
import { openElectronHost } from './hosts/electron.ts'
import { scheme } from './hosts/electron/pages.ts'

protocol.registerSchemesAsPrivileged([scheme])
app.enableSandbox() // every renderer, whatever its window asks for
// Chromium's own errands: updates of components, field trials, pings.
for (const errand of ['disable-background-networking', 'disable-component-update', 'no-pings']) app.commandLine.appendSwitch(errand)
if (process.platform === 'win32') app.setAppUserModelId('app.creamery.workbench') // or its notifications have no name

if (app.requestSingleInstanceLock()) {
  const { values } = parseArgs({ args: process.argv.slice(1), options: { projects: { type: 'string' } }, strict: false })
  // Not awaited: the app is ready only after this module has run to its end.
  openElectronHost(typeof values.projects === 'string' ? { projects: resolve(values.projects) } : {}).catch((error: unknown) => {
    dialog.showErrorBox('Creamery could not start', error instanceof Error ? error.message : String(error))
    app.exit(1)
  })
} else app.quit()
