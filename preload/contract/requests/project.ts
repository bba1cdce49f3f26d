/** Projects: one folder each; one is open at a time. */
import { z } from 'zod'
import { Handle, Id, count, fraction, moment, nothing } from './shapes.ts'
import { RunSettings, RunSources, SettingsChange } from './run.ts'

export const ProjectSummary = z.strictObject({
  /** Names the project in every request. */
  handle: Handle,
  name: z.string(),
  /** Its folder, for a person to read. */
  folder: z.string(),
  /** Of the last opening; null when it was never opened here. */
  openedAt: moment.nullable(),
  /** The folder is gone or holds no project any more. */
  missing: z.boolean(),
})
export type ProjectSummary = z.infer<typeof ProjectSummary>

export const OpenedProject = ProjectSummary.extend({
  /** Another process has it open: everything can be seen, nothing changed. The sentence says who. */
  readOnly: z.string().nullable(),
  model: z.string(),
  /** The base model's folder is not where it was; the sentence says where that was. `project/locate` links it again. */
  modelMissing: z.string().nullable(),
  /** It lies in the project's folder: nothing outside is needed. Else it is linked. */
  modelIsOwn: z.boolean(),
  /** Files that stages still to come read, and that are not where they were. */
  filesMissing: z.array(z.strictObject({ what: z.enum(['sft', 'evaluation']), name: z.string(), path: z.string() })),
  prompts: count,
  /** Share of the run's stages that are done, a hint for a list. */
  done: fraction,
})
export type OpenedProject = z.infer<typeof OpenedProject>

export const DiskUse = z.strictObject({
  bytes: count,
  parts: z.array(z.strictObject({
    what: z.enum(['database', 'backups', 'model', 'adapters', 'checkpoints', 'exports', 'other']),
    bytes: count,
    /** May be freed: it can be made again, or nothing names it. */
    freeable: count,
  })),
  /** What each iteration's model and checkpoints take, branches included; part of the above. */
  iterations: z.array(z.strictObject({ iterationId: Id, model: z.string(), bytes: count })),
  /** Left on the disk. */
  freeBytes: count,
})
export type DiskUse = z.infer<typeof DiskUse>

const name = z.string().trim().min(1).max(80)
/** Where to put it; the projects' own folder when left out. */
const where = Handle.optional()

export const projectRequests = {
  /** Every project of the projects' folder and every other one opened before, newest first. */
  'project/list': { params: nothing, result: z.array(ProjectSummary) },
  /** The open one. */
  'project/current': { params: nothing, result: OpenedProject.nullable() },
  /** Checks model and data first, then makes the folder, plans the run and opens it. A few seconds. */
  'project/create': {
    params: z.strictObject({
      name,
      where,
      from: z.discriminatedUnion('kind', [
        /** `demo` runs in a few minutes; `ci` is the same in seconds. */
        z.strictObject({ kind: z.literal('preset'), preset: z.enum(['demo', 'ci']), settings: SettingsChange.optional() }),
        z.strictObject({ kind: z.literal('settings'), settings: RunSettings, sources: RunSources }),
        /** A configuration file as the command line takes it. */
        z.strictObject({ kind: z.literal('file'), file: Handle }),
      ]),
    }),
    result: OpenedProject,
  },
  /** A project of the list, or a folder of a project that was picked. Closes the one that was open. */
  'project/open': { params: z.strictObject({ project: Handle }), result: OpenedProject },
  'project/close': { params: nothing, result: nothing },
  /** The default settings, to start a form from. */
  'project/preset': { params: z.strictObject({ preset: z.enum(['demo', 'ci', 'desktop', 'paper']) }), result: RunSettings },
  /** Links the open project's base model where it is now; refused when its weights are not the same. */
  'project/locate': { params: z.strictObject({ folder: Handle }), result: OpenedProject },
  /** Copies the open project's linked base model into its folder; `model/importing` and `model/stopImport` are of it too. */
  'project/ownModel': { params: nothing, result: OpenedProject },
  /** `project/locate` for a file of `filesMissing`, by its name there; refused when it cannot be read as what it is. */
  'project/locateFile': { params: z.strictObject({ what: z.enum(['sft', 'evaluation']), name: z.string(), file: Handle }), result: OpenedProject },
  'project/duplicate': { params: z.strictObject({ project: Handle, name, where }), result: ProjectSummary },
  /** Also renames it: without `where` it stays in its parent folder. */
  'project/move': { params: z.strictObject({ project: Handle, name, where }), result: ProjectSummary },
  /** Takes the project off the disk; `name` must be its name, typed by a person. */
  'project/delete': { params: z.strictObject({ project: Handle, name: z.string() }), result: nothing },
  /** Takes it off the list only. */
  'project/forget': { params: z.strictObject({ project: Handle }), result: nothing },
  'project/disk': { params: z.strictObject({ project: Handle }), result: DiskUse },
  /** Frees what can be made again of the open project. */
  'project/free': { params: nothing, result: DiskUse },
}
