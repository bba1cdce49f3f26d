/** Every error a person may see: a stable code, and one sentence that says what happened, where, and what to do. */
export class AppError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, sentence: string, cause?: unknown) {
    super(sentence, cause === undefined ? undefined : { cause })
    this.name = 'AppError'
    this.code = code
  }
}

export type ErrorCode =
  | 'bad-arguments' // the command line or a request is off
  | 'bad-config' // the run's configuration is missing, unreadable or invalid
  | 'bad-model' // a checkpoint folder cannot be used
  | 'bad-data' // a dataset, task or input file cannot be used
  | 'bad-text' // a tokenizer, template or text cannot be used
  | 'wrong-version' // a file was written by a newer Creamery
  | 'project-locked' // another process has the project open
  | 'no-project' // the request needs an open project
  | 'busy' // a job is running that stands in the way
  | 'refused' // the request came from where it may not, or names what may not be seen
  | 'disk-full' // not enough room for what comes next
  | 'device-unavailable' // the asked-for device is not there
  | 'engine-died' // the engine process ended while it was working
  | 'sandbox-died' // imported code hung or ran out of memory
  | 'method-stopped' // the method itself says stop (C < .5, all rewards equal, wrong reference)
  | 'cancelled' // a person stopped it
  | 'internal' // a fault of ours

/** Exit code of the command line for an error: 2 = the input is at fault, 1 = anything else, 130 = cancelled. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof AppError)) return 1
  if (error.code === 'cancelled') return 130
  return error.code === 'internal' || error.code === 'engine-died' || error.code === 'sandbox-died' ? 1 : 2
}

/** Compile-time proof that a union is exhausted. */
export function assertNever(value: never): never {
  throw new Error(`unhandled case: ${JSON.stringify(value)}`)
}
