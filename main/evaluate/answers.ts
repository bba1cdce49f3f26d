/**
 * Which answer does a response give? Two rules for real tasks that are never compared with each other (METHOD §5), and
 * `exact` for tasks whose whole answer is checkable.
 */
import type { EvaluationScorer } from '../../preload/contract/config.ts'
import { assertNever } from '../../preload/contract/errors.ts'
import { answerKindOf, type AnswerKind, type TaskItem } from './tasks.ts'

export interface Verdict {
  /** The normalised answer found in the response; null when there is none. */
  answer: string | null
  correct: boolean
}

/** Judges one response to an item. A response without an answer is wrong. */
export function judgeResponse(response: string, item: TaskItem, scorer: EvaluationScorer): Verdict {
  const answer = scorer === 'exact' ? extractExact(response) : extractAnswer(response, answerKindOf(item), scorer)
  return { answer, correct: answer !== null && answer === normaliseGold(item, scorer) }
}

/** The answer a response gives under one of the paper's two rules, normalised; null when there is none. */
export function extractAnswer(response: string, kind: AnswerKind, scorer: 'cream' | 'strict'): string | null {
  switch (kind) {
    case 'choice':
      return scorer === 'cream' ? creamChoice(response) : strictChoice(response)
    case 'number':
      return scorer === 'cream' ? creamNumber(response) : strictNumber(response)
    default:
      return assertNever(kind)
  }
}

/** As released: the letter A–D after the first `Answer:`, else the last A–D standing alone (so an article "a" counts). */
function creamChoice(response: string): string | null {
  const stated = /\banswer:\s*([a-d])\b/i.exec(response)
  const letter = stated?.[1] ?? response.match(/\b[a-d]\b/gi)?.at(-1)
  return letter?.toUpperCase() ?? null
}

/** Most specific first: a response that has `####` is not searched for the others. */
const creamNumberMarkers = ['####', 'answer:', 'answer is']

/** As released: the first number behind the marker, else (no marker at all) the last number of the response. */
function creamNumber(response: string): string | null {
  const text = response.toLowerCase()
  const marker = creamNumberMarkers.find((candidate) => text.includes(candidate))
  if (marker === undefined) return numbersIn(text).at(-1) ?? null
  for (const part of text.split(marker).slice(1)) {
    const first = numbersIn(part)[0]
    if (first !== undefined) return first
  }
  return null
}

/** A label A–E or 1–4 right behind the last `Answer:`; brackets, quotes and Markdown around it do not matter. */
function strictChoice(response: string): string | null {
  const label = behindLast(/\banswer\s*:/gi, response)?.match(/^[\s*_`"'([]*([a-e]|[1-4](?![\d.,]*\d))(?![\w'’]|-\w)/i)?.[1]
  return label?.toUpperCase() ?? null
}

/** A number right behind the last `Answer:` or `####`; spaces, a currency sign and Markdown may stand between. */
function strictNumber(response: string): string | null {
  const number = behindLast(/\banswer\s*:|####/gi, response)?.match(/^[\s*_`$€£(]*(-?[\s$€£]*\d[\d,]*(?:\.\d+)?|-?\.\d+)/)?.[1]
  return number === undefined ? null : normaliseNumber(number)
}

function behindLast(marker: RegExp, text: string): string | null {
  const last = [...text.matchAll(marker)].at(-1)
  return last === undefined ? null : text.slice(last.index + last[0].length)
}

/** Numbers as the released rule sees them: commas are dropped first; a minus counts even in `10-5`. */
function numbersIn(text: string): string[] {
  return (text.replaceAll(',', '').match(/-?\d+(?:\.\d+)?/g) ?? []).map(normaliseNumber)
}

/**
 * `$1,234.00` → `1234`, `007` → `7`, `-0` → `0`. Digits are kept as text: a Number would round those beyond 2^53.
 * @returns the text without spaces when it is no number.
 */
export function normaliseNumber(text: string): string {
  const bare = text.replace(/[\s,$€£]/g, '')
  const parts = /^([-+]?)(\d*)(?:\.(\d*))?$/.exec(bare)
  if (!parts || (!parts[2] && !parts[3])) return bare
  const whole = (parts[2] ?? '').replace(/^0+(?=\d)/, '') || '0'
  const decimals = (parts[3] ?? '').replace(/0+$/, '')
  const size = decimals === '' ? whole : `${whole}.${decimals}`
  return parts[1] === '-' && size !== '0' ? `-${size}` : size
}

/** The whole answer behind the last `Answer:` (the whole response without one): case, spacing and closing marks aside. */
export function extractExact(response: string): string | null {
  return normaliseText(behindLast(/\banswer\s*:/gi, response) ?? response) || null
}

function normaliseText(text: string): string {
  return text
    .toLowerCase()
    .replace(/\s+/g, ' ')
    .replace(/[\s.!?]+$/, '')
    .trim()
}

function normaliseGold(item: TaskItem, scorer: EvaluationScorer): string | null {
  if (scorer === 'exact') return extractExact(item.answer)
  const gold = item.answer.trim()
  // GSM8K's own files carry the worked solution, with the answer behind ####.
  return answerKindOf(item) === 'choice' ? gold.toUpperCase() : normaliseNumber(behindLast(/####/g, gold) ?? gold)
}
