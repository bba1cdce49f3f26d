/** Where Node keeps the compiled sources between the many processes that tests start: NODE_COMPILE_CACHE of theirs. Half a start's time. */
import { join } from 'node:path'

export const compileCache = { NODE_COMPILE_CACHE: join(import.meta.dirname, '../out/compile-cache') }
