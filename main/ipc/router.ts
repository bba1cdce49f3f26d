/** Every request comes through here: known channel, trusted sender, checked params; errors leave as values. */
import { AppError } from '../../preload/contract/errors.ts'
import { type Reply, type RequestName, requests } from '../../preload/contract/requests.ts'
import type { Handlers } from './handler.ts'
import { type Log, noteFault, quoted } from './log.ts'
import type { Workbench } from './workbench.ts'

export interface RouterOptions<Sender> {
  readonly workbench: Workbench
  readonly handlers: Handlers
  /** Null, or why this sender may not ask (as a phrase for the log). */
  readonly distrust: (sender: Sender) => string | null
  readonly log: Log
}

/** Answers one request; never rejects. `name` and `params` are whatever arrived. */
export type Answer<Sender> = (name: unknown, params: unknown, sender: Sender) => Promise<Reply<unknown>>

export function createRouter<Sender>({ workbench, handlers, distrust, log }: RouterOptions<Sender>): Answer<Sender> {
  return async (name, params, sender) => {
    const refuse = (why: string, error: AppError): Reply<never> => {
      log({ level: 'refused', message: why, details: { channel: quoted(name) } })
      return failed(error)
    }
    const reason = distrust(sender)
    if (reason !== null) return refuse(reason, new AppError('refused', 'This page may not talk to Creamery; open it again from where it was started.'))
    if (!isRequestName(name)) return refuse('unknown channel', new AppError('bad-arguments', 'This version of Creamery does not know that request; reload the page.'))
    const checked = requests[name].params.safeParse(params)
    if (!checked.success) return refuse('malformed params', new AppError('bad-arguments', `The request ${name} is malformed: ${describeIssue(checked.error.issues[0])}.`))
    try {
      const handle = handlers[name] as (workbench: Workbench, params: unknown) => unknown
      const value: unknown = await handle(workbench, checked.data)
      // Strict on the way out as well: what the contract does not name never leaves.
      return { ok: true, value: requests[name].result.parse(value) }
    } catch (error) {
      return failed(error instanceof AppError && error.code !== 'internal' ? error : noteFault(error, name, log))
    }
  }
}

const isRequestName = (name: unknown): name is RequestName => typeof name === 'string' && Object.hasOwn(requests, name)
const failed = ({ code, message: sentence }: AppError): Reply<never> => ({ ok: false, error: { code, sentence } })

/** Where and what, without the value: that may be a prompt. */
function describeIssue(issue: { readonly path: readonly PropertyKey[]; readonly code?: string | undefined } | undefined): string {
  const at = issue && issue.path.length > 0 ? `"${issue.path.map(String).join('.').slice(0, 100)}"` : 'it'
  return `${at} is not what the contract says (${issue?.code ?? 'unknown'})`
}
