/** Every format that can be written, in the order they are offered. A new one: a file in formats/, and its name here. */
import type { ExportChoice, ExportFormat } from '../../preload/contract/requests/export.ts'
import type { Format } from './format.ts'
import { bundle } from './formats/bundle.ts'
import { cream } from './formats/cream.ts'
import { gguf } from './formats/gguf.ts'
import { merged } from './formats/merged.ts'
import { onnx } from './formats/onnx.ts'
import { peft } from './formats/peft.ts'
import { preferences } from './formats/preferences.ts'

export const formats: { readonly [Name in ExportFormat]: Format<Name> } = { merged, peft, gguf, onnx, preferences, cream, bundle }

/** As formats that take any choice: the table pairs each with its own. */
export const allFormats = Object.values(formats) as unknown as readonly Format<ExportFormat>[]
export const formatOf = ({ format }: Pick<ExportChoice, 'format'>): Format<ExportFormat> => formats[format] as unknown as Format<ExportFormat>
