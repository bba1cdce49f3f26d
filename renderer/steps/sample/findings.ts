/** What Sample's figures say in words. */
import type { PromptInput } from '../../../preload/contract/domain.ts'
import type { SampleSummary, SampledPrompt } from '../../../preload/contract/requests/sample.ts'
import { counted, percent, whole } from '../../state/words.ts'

export function sampleTitle(policy: string, summary: SampleSummary | undefined, responses: number | null, how: 'planned' | 'at-work' | 'begun' | 'done'): string {
  if (!summary) return `${policy} answers the prompts of this iteration`
  const wanted = responses === null ? '' : `${whole(responses)} responses to each of `
  switch (how) {
    case 'planned': return `${policy} will write ${wanted}${counted(summary.prompts, 'prompt')}`
    case 'at-work': return `${policy} is answering: ${counted(summary.sampled, 'prompt')} of ${whole(summary.prompts)} done`
    case 'begun': return `Stopped at ${counted(summary.sampled, 'prompt')} of ${whole(summary.prompts)}; it goes on from there`
    case 'done': return `${counted(summary.responses, 'response')} to ${counted(summary.sampled, 'prompt')}${summary.meanDistinct === null ? '' : `: ${summary.meanDistinct.toFixed(1)} distinct a prompt`}${summary.accuracy === null ? '' : `, ${percent(summary.accuracy)} right`}`
  }
}

/** How many different answers a prompt has decides how much a ranking can tell. */
export function distinctNote({ meanDistinct, responses, sampled }: SampleSummary): string {
  if (meanDistinct === null || sampled === 0) return 'of each prompt'
  const each = responses / sampled
  return `of ${each.toFixed(each % 1 === 0 ? 0 : 1)} a prompt${meanDistinct < 2 ? '; too alike to rank: raise the temperature' : ''}`
}

/** More than this share cut short deserves a second look. */
const MANY_TRUNCATED = 0.1

export function truncatedNote({ truncated, responses }: SampleSummary): { note: string; tone: 'plain' | 'warn' } {
  const many = responses > 0 && truncated / responses > MANY_TRUNCATED
  return { note: many ? 'half answers: allow more new tokens' : 'ended by length, not by themselves', tone: many ? 'warn' : 'plain' }
}

/** The prompt in a line: its last turn. */
export const lastTurn = (input: PromptInput): string => (typeof input === 'string' ? input : (input.at(-1)?.content ?? '')).replace(/\s+/g, ' ').trim()

export const distinctTexts = ({ responses }: SampledPrompt): number => new Set(responses.map(({ text }) => text)).size

/** '3/5 right', or null without a known answer. */
export function rightOf({ responses }: SampledPrompt): string | null {
  const known = responses.flatMap(({ isCorrect }) => (isCorrect === null ? [] : [isCorrect]))
  return known.length === 0 ? null : `${known.filter(Boolean).length}/${known.length}`
}

/** For each response the number, from 1, of the first one with the same text; null for the first itself. */
export function repeatsOf({ responses }: SampledPrompt): (number | null)[] {
  return responses.map(({ text }, i) => {
    const first = responses.findIndex((other) => other.text === text)
    return first === i ? null : first + 1
  })
}
