/** Imported before anything that makes a schema: zod would otherwise try `new Function`, which the page's policy forbids. */
import { z } from 'zod'

z.config({ jitless: true })
