/** What a format's file provides, and what it is given to work with. */
import type { WrittenFile } from '../../native-models/weights/files.ts'
import type { ExportChoice, ExportFormat, ExportJob, Proof } from '../../preload/contract/requests/export.ts'
import type { EngineHost } from '../engine/host.ts'
import type { Place } from '../engine/protocol.ts'
import type { SandboxText } from '../sandbox/host.ts'
import type { ExportSource } from './source.ts'

export type ChoiceOf<Format extends ExportFormat> = Extract<ExportChoice, { format: Format }>

export interface ExportTools {
  readonly engine: EngineHost
  readonly place: Place
  /** The tokenizer and template of the source; `openText` opens those of what was written. */
  readonly text: SandboxText
  openText(folder: string): Promise<SandboxText>
  readonly signal: AbortSignal
  progress(done: number, total: number, unit: string): void
}

export interface Written {
  readonly files: readonly WrittenFile[]
  /** What the card has to say of this copy: "3 tensors stay f16, their rows do not divide by 32". */
  readonly notes: readonly string[]
}

export interface Format<Name extends ExportFormat> {
  /** 'file': `target` is the file itself; 'folder': an empty folder, which gets a model card as README.md. */
  readonly kind: 'folder' | 'file'
  readonly title: string
  /** Whom it is for, in one line. */
  readonly use: string
  /** Every choice it offers, with a label. */
  readonly variants: readonly { readonly choice: ChoiceOf<Name>; readonly label: string }[]
  /** About how many bytes it will take. */
  estimate(source: ExportSource, choice: ChoiceOf<Name>): number
  /** Bytes that its proof needs beside it for a while, where it makes files. */
  readonly scratch?: (source: ExportSource, choice: ChoiceOf<Name>) => number
  /** Why this model cannot be written so, as a sentence; null where it can. */
  refuse(source: ExportSource): string | null
  /** @throws AppError */
  write(source: ExportSource, target: string, choice: ChoiceOf<Name>, tools: ExportTools): Promise<Written>
  /** Opens what was written and holds it against the source. A difference is a finding, never an exception. */
  prove(source: ExportSource, target: string, choice: ChoiceOf<Name>, tools: ExportTools): Promise<Proof>
}

/** A format's phase as events tell it. */
export type Phase = Pick<ExportJob, 'phase' | 'done' | 'total' | 'unit'>
