/** The program itself: which it is, what it runs on, and what this machine can compute on. */
import { z } from 'zod'
import { Device } from '../domain.ts'
import { count, nothing } from './shapes.ts'

export const HostKind = z.enum(['electron', 'browser'])
export type HostKind = z.infer<typeof HostKind>

export const DeviceView = z.strictObject({
  device: Device,
  name: z.string(),
  available: z.boolean(),
  /** Why it is not available, as a sentence. */
  reason: z.string().nullable(),
  /** What the device says of itself: threads, vectors, memoryBytes … */
  details: z.record(z.string(), z.union([z.string(), z.number()])),
})
export type DeviceView = z.infer<typeof DeviceView>

export const AppInfo = z.strictObject({
  version: z.string(),
  host: HostKind,
  platform: z.string(),
  threads: count,
  /** Where new projects go, as a person reads it. */
  projectsFolder: z.string(),
})
export type AppInfo = z.infer<typeof AppInfo>

export const appRequests = {
  'app/info': { params: nothing, result: AppInfo },
  /** Tries every device once, each in a process of its own: seconds the first time, then remembered unless `again`. */
  'app/devices': { params: z.strictObject({ again: z.boolean().default(false) }), result: z.array(DeviceView) },
}
