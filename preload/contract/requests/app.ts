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
  /** Why weights cannot be fp16 there, as a sentence; null where they can. */
  fp16: z.string().nullable(),
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

/** The process that computes. It lives as long as a job (or a probe) does. */
export const EngineView = z.strictObject({
  state: z.enum(['off', 'starting', 'working']),
  pid: count.nullable(),
  /** Resident memory of its process; null when off, or where the system does not tell. */
  rssBytes: count.nullable(),
  /** What the open project computes on, by its name; null without a project. */
  device: z.strictObject({ device: Device, name: z.string() }).nullable(),
})
export type EngineView = z.infer<typeof EngineView>

export const appRequests = {
  'app/info': { params: nothing, result: AppInfo },
  /** Tries every device once, each in a process of its own: seconds the first time, then remembered unless `again`. */
  'app/devices': { params: z.strictObject({ again: z.boolean().default(false) }), result: z.array(DeviceView) },
  /** For the top bar; cheap, may be asked every few seconds. */
  'app/engine': { params: nothing, result: EngineView },
}
