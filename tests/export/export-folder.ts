/** Exports a model that belongs to no project, as tests and the goldens' maker want it. */
import type { EngineHost } from '../../main/engine/host.ts'
import type { ModelRef } from '../../main/engine/protocol.ts'
import { type ExportOptions, type Exported, exportModel } from '../../main/export/export.ts'
import { type ExportSource, openSource } from '../../main/export/source.ts'
import type { Sandbox } from '../../main/sandbox/host.ts'
import type { ExportChoice } from '../../preload/contract/requests/export.ts'
import { bundled } from './random-model.ts'

export interface Tools {
  readonly engine: EngineHost
  readonly sandbox: Sandbox
}

/** A model without history; `textFolder` is where its tokenizer lies. */
export function sourceOf(ref: ModelRef, textFolder = bundled): ExportSource {
  const nothing = '0'.repeat(64)
  return openSource({
    ref, run: { basePath: textFolder }, model: { id: 'run1.M2', name: 'M2', kind: ref.adapter === null ? 'full' : 'adapter', sha256: nothing },
    lineage: { project: 'tests', runId: 'run1', seed: 1, base: { name: 'base', sha256: nothing }, rounds: [], figures: [] },
  } as unknown as Parameters<typeof openSource>[0])
}

export async function exportFolder({ engine, sandbox }: Tools, ref: ModelRef, choice: ExportChoice, target: string, { textFolder = bundled, ...options }: Partial<ExportOptions> & { readonly textFolder?: string } = {}): Promise<Exported> {
  const source = sourceOf(ref, textFolder)
  const text = await sandbox.openText(textFolder)
  try {
    return await exportModel(source, choice, target, { engine, place: { device: 'cpu', weights: 'fp32', threads: 1 }, text, openText: (folder) => sandbox.openText(folder), signal: new AbortController().signal, onPhase: () => {}, ...options })
  } finally {
    source.close()
    await text.close()
  }
}
