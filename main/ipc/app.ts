import { availableParallelism } from 'node:os'
import { probeDevices } from '../pipeline/devices.ts'
import type { EngineView } from '../../preload/contract/requests/app.ts'
import type { HandlersOf } from './handler.ts'
import type { Workbench } from './workbench.ts'

export const appHandlers: HandlersOf<'app'> = {
  'app/info': ({ options: { version, host }, shelf }) => ({ version, host, platform: `${process.platform}-${process.arch}`, threads: availableParallelism(), projectsFolder: shelf.folder }),
  'app/devices': (workbench, { again }) => {
    if (again || !workbench.devices) {
      const devices = Promise.all([probeDevices(), workbench.options.gpuName?.() ?? null]).then(([reports, gpu]) =>
        reports.map((report) => ({ ...report, name: report.device === 'webgpu' ? (gpu ?? report.name) : report.name, details: { ...report.details } })))
      workbench.devices = devices
      devices.catch(() => { // a failed look is not remembered
        if (workbench.devices === devices) workbench.devices = null
      })
    }
    return workbench.devices
  },
  'app/engine': async (workbench) => {
    const { job } = workbench
    const engine = job?.engine
    return { state: engine ? 'working' : job ? 'starting' : 'off', pid: engine?.pid ?? null, rssBytes: engine?.memory?.rss ?? null, device: await deviceOf(workbench) }
  },
}

/** By the name that the last look at the devices gave; asking for one would start processes. */
async function deviceOf(workbench: Workbench): Promise<EngineView['device']> {
  if (!workbench.current()) return null
  const { device } = workbench.run.config
  const found = (await workbench.devices?.catch(() => null))?.find((one) => one.device === device)
  return { device, name: found?.name ?? (device === 'cpu' ? `CPU, ${availableParallelism()} threads` : 'WebGPU adapter (name not reported)') }
}
