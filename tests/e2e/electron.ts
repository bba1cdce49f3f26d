import { join } from 'node:path'
import { whatOpens } from '../../main/cli/electron.ts'

export const root = join(import.meta.dirname, '../..')
/** The specs run in a window as well where there is one to open. */
export const electronBinary = whatOpens(join(root, 'node_modules/electron'), process.env)
