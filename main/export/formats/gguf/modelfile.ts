/** Ollama's Modelfile beside a GGUF: how turns are written, where a response ends, how long a context is. */
import type { Message } from '../../../../preload/contract/domain.ts'

export interface Turns {
  /** Before anything. */
  readonly start: string
  readonly around: Readonly<Partial<Record<Message['role'], readonly [before: string, after: string]>>>
  /** What calls for a response. */
  readonly call: string
}

export type Render = (messages: readonly Message[], addGenerationPrompt: boolean) => Promise<string | null>

const marks = { system: 'SYSTEM@@1', user: 'USER@@2', assistant: 'ASSISTANT@@3' } as const
const said = (role: Message['role'], content: string = marks[role]): Message => ({ role, content })

/**
 * A chat template as text around each turn, found by rendering and proven by rendering more: null where a template does
 * what a text around each turn cannot say (dates, tools, trimming, a default system message).
 * @param bos the BOS's text: where a conversation begins with it, it is the start and no part of a turn
 */
export async function findTurns(render: Render, bos: string | null): Promise<Turns | null> {
  const [one, called, two] = [await render([said('user')], false), await render([said('user')], true), await render([said('user'), said('assistant'), said('user', 'AGAIN@@4')], false)]
  if (one === null || called === null || two === null || !called.startsWith(one)) return null
  const [first, afterUser] = cut(one, marks.user)
  const [, rest] = cut(two, marks.user)
  const [beforeAssistant, tail] = cut(rest, marks.assistant)
  const [between, end] = cut(tail, 'AGAIN@@4')
  if (end !== afterUser || !beforeAssistant.startsWith(afterUser)) return null
  // What stands before the second user's turn ends the assistant's and begins the user's; how much of it, the first turn tells but for the start.
  const opening = bos !== null && first.startsWith(bos) ? bos.length : 0
  const starts = [opening, ...Array.from({ length: first.length + 1 }, (_, length) => length)]
  for (const length of starts) {
    const [start, before] = [first.slice(0, length), first.slice(length)]
    if (!between.endsWith(before)) continue
    const after = between.slice(0, between.length - before.length)
    const turns: Turns = { start, around: { user: [before, afterUser], assistant: [beforeAssistant.slice(afterUser.length), after], ...(await systemTurn(render, start, before)) }, call: called.slice(one.length) }
    if (await reproduces(turns, render)) return turns
  }
  return null
}

async function systemTurn(render: Render, start: string, beforeUser: string): Promise<Turns['around']> {
  const whole = await render([said('system'), said('user')], false)
  if (whole === null || !whole.includes(marks.system)) return {}
  const [before, rest] = cut(whole, marks.system)
  const [after] = cut(rest, marks.user)
  return before.startsWith(start) && after.endsWith(beforeUser) ? { system: [before.slice(start.length), after.slice(0, after.length - beforeUser.length)] } : {}
}

export function write({ start, around, call }: Turns, messages: readonly Message[], addGenerationPrompt: boolean): string | null {
  const turns = messages.map(({ role, content }) => around[role] && `${around[role][0]}${content}${around[role][1]}`)
  return turns.includes(undefined) ? null : `${start}${turns.join('')}${addGenerationPrompt ? call : ''}`
}

async function reproduces(turns: Turns, render: Render): Promise<boolean> {
  const long = [said('user', 'What?'), said('assistant', 'This, "so".'), said('user', 'a\nb'), said('assistant', 'c'), said('user', 'd')]
  const conversations = [[said('user', 'x')], long, ...(turns.around.system ? [[said('system', 'Be brief.'), ...long]] : [])]
  for (const messages of conversations) {
    for (const call of [true, false]) if ((await render(messages, call)) !== write(turns, messages, call)) return false
  }
  return true
}

/** @param turns null = no template, or one that only llama.cpp's own reading of it can follow */
export function modelfile(file: string, { turns, hasTemplate, stops, context, bos }: { readonly turns: Turns | null; readonly hasTemplate: boolean; readonly stops: readonly string[]; readonly context: number; /** The BOS's text where the runner adds one by itself. */ readonly bos: string | null }): string {
  const parameters = [`PARAMETER num_ctx ${context}`, ...stops.map((stop) => `PARAMETER stop ${JSON.stringify(stop)}`)]
  const template = turns ? [`TEMPLATE """${goTemplate(turns, bos)}"""`] : hasTemplate ? ['# The chat template does more than text around each turn can say; Ollama reads it from the GGUF where it knows it.'] : ['TEMPLATE """{{ .Prompt }}"""']
  return [`FROM ./${file}`, ...template, ...parameters, ''].join('\n')
}

function goTemplate({ start, around, call }: Turns, bos: string | null): string {
  const opening = bos !== null && start.startsWith(bos) ? start.slice(bos.length) : start // never twice
  const turns = Object.entries(around).map(([role, [before, after]], i) => `{{ ${i === 0 ? 'if' : 'else if'} eq .Role "${role}" }}${literal(before)}{{ .Content }}${literal(after)}`)
  return `${literal(opening)}{{ range .Messages }}${turns.join('')}{{ end }}{{ end }}${literal(call)}`
}

const literal = (text: string): string => text.replaceAll('{{', '{{ "{{" }}')

/** In two at the first `mark`; all of it and nothing where it is not there. */
function cut(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + mark.length)]
}
