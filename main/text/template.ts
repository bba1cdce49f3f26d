/** Chat templates: Jinja as transformers renders it, with one difference: the date is given, so that a rendering repeats. */
import { Environment, Interpreter, Template } from '@huggingface/jinja'
import { AppError } from '../../preload/contract/errors.ts'
import type { Message } from '../../preload/contract/domain.ts'
import type { SpecialTokens } from './folder.ts'

export interface ChatTemplate {
  render(messages: readonly Message[], options: { addGenerationPrompt: boolean }): string
}

/**
 * Compiles a chat template.
 * @param today the date templates print through `strftime_now`
 * @throws AppError('bad-text') here when the template does not parse, and from `render` when it refuses the conversation
 */
export function compileTemplate(source: string, specials: SpecialTokens, today: Date): ChatTemplate {
  let template: Template
  try {
    template = new Template(source)
  } catch (cause) {
    throw new AppError('bad-text', `The chat template cannot be read: ${messageOf(cause)}. Repair chat_template.jinja (or chat_template in tokenizer_config.json).`, cause)
  }
  return {
    render(messages, { addGenerationPrompt }) {
      const environment = new Environment()
      const variables = {
        ...globals(today),
        ...specials,
        messages,
        add_generation_prompt: addGenerationPrompt,
        tools: null,
        documents: null,
      }
      for (const [name, value] of Object.entries(variables)) environment.set(name, value)
      try {
        const result = new Interpreter(environment).run(template.parsed)
        return String(result.value)
      } catch (cause) {
        throw new AppError('bad-text', `The chat template refuses this conversation: ${messageOf(cause)}. Change the messages (some templates take no system message) or the template.`, cause)
      }
    },
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).replace(/\.+$/, '')

/** The library's own globals cannot be overridden, and its `strftime_now` reads the clock; so these stand in for them. */
function globals(today: Date): Record<string, unknown> {
  return {
    true: true, false: false, none: null, True: true, False: false, None: null,
    raise_exception: (reason: string) => { throw new Error(reason) },
    range: (first: number, second?: number, step = 1) => range(second === undefined ? 0 : first, second ?? first, step),
    strftime_now: (format: string) => formatDate(today, format),
  }
}

function range(start: number, stop: number, step: number): number[] {
  if (step === 0) throw new Error('range() step must not be zero')
  const length = Math.max(0, Math.ceil((stop - start) / step))
  return Array.from({ length }, (_, i) => start + i * step)
}

/** Python's strftime for the codes chat templates use, in English and UTC whatever the machine's locale. */
export function formatDate(date: Date, format: string): string {
  const part = (options: Intl.DateTimeFormatOptions): string => new Intl.DateTimeFormat('en-US', { timeZone: 'UTC', ...options }).format(date)
  const two = (value: number): string => String(value).padStart(2, '0')
  const codes: Record<string, () => string> = {
    '%Y': () => String(date.getUTCFullYear()),
    '%y': () => two(date.getUTCFullYear() % 100),
    '%m': () => two(date.getUTCMonth() + 1),
    '%B': () => part({ month: 'long' }),
    '%b': () => part({ month: 'short' }),
    '%d': () => two(date.getUTCDate()),
    '%A': () => part({ weekday: 'long' }),
    '%a': () => part({ weekday: 'short' }),
    '%H': () => two(date.getUTCHours()),
    '%M': () => two(date.getUTCMinutes()),
    '%S': () => two(date.getUTCSeconds()),
    '%%': () => '%',
  }
  return format.replace(/%./g, (code) => codes[code]?.() ?? code)
}
