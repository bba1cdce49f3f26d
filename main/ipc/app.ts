import { availableParallelism } from 'node:os'
import { probeDevices } from '../pipeline/devices.ts'
import type { HandlersOf } from './handler.ts'

export const appHandlers: HandlersOf<'app'> = {
  'app/info': ({ options: { version, host }, shelf }) => ({ version, host, platform: `${process.platform}-${process.arch}`, threads: availableParallelism(), projectsFolder: shelf.folder }),
  'app/devices': (workbench, { again }) => {
    if (again || !workbench.devices) {
      const devices = probeDevices().then((reports) => reports.map((report) => ({ ...report, details: { ...report.details } })))
      workbench.devices = devices
      devices.catch(() => { // a failed look is not remembered
        if (workbench.devices === devices) workbench.devices = null
      })
    }
    return workbench.devices
  },
}
