/** What passes between main and a utility process: the program's own messages, and those of a child that it asked main for. */
import type { StartOptions } from '../../children/start.ts'

/** A utility process cannot start another one, so main does it in its stead; `child` is the asker's number for it. */
export type FromUtility =
  | { readonly own: unknown }
  | { readonly child: number; readonly start: Pick<StartOptions, 'program' | 'env' | 'execArgv'> }
  | { readonly child: number; readonly message: unknown }
  | { readonly child: number; readonly kill: true }

export type ToUtility =
  | { readonly own: unknown }
  | { readonly child: number; readonly message: unknown }
  | { readonly child: number; readonly output: string }
  | { readonly child: number; readonly exit: number | null; readonly signal: NodeJS.Signals | null }
