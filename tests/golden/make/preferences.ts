/**
 * `npx node tests/golden/make/preferences.ts FOLDER` writes a few pairs in TRL's two forms, by the product's own writer, for
 * preferences.py to load with TRL itself. The same every time.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inForm, type PreferenceForm } from '../../../main/export/formats/preferences.ts'
import type { Message, PromptInput } from '../../../preload/contract/domain.ts'

const prompts: readonly PromptInput[] = [
  'What is 12 + 30?',
  [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'Sort: d b a' }],
  [{ role: 'user', content: 'Größer: 3 oder 7?' }, { role: 'assistant', content: '7' }, { role: 'user', content: 'Und "kleiner"?\nSag es. 🙂' }],
]

const pairs = prompts.map((prompt, i) => ({
  prompt, chosen: ['Answer: 42', 'a b d', '3'][i]!, rejected: ['Answer: 43.', 'd b a', 'Sieben, \\ oder?'][i]!,
  consistency: [0.95, 0.7333333333333334, 1][i]!, score_chosen: [-0.25, 1.5, 3e-7][i]!, score_rejected: [1.125, -2, -1e-9][i]!,
  pair_id: `run1.i1.set0/run1.p0000${i}`, human_verdict: ([null, 'chosen', 'tie'] as const)[i]!,
}))

/** ChatML: preferences.py gives TRL the same template. */
const render = async (messages: readonly Message[]): Promise<string> => `${messages.map(({ role, content }) => `<|im_start|>${role}\n${content}<|im_end|>\n`).join('')}<|im_start|>assistant\n`

/** By file name. */
export async function preferenceFiles(): Promise<Record<string, string>> {
  const linesIn = async (form: PreferenceForm): Promise<string> => (await Promise.all(pairs.map((pair) => inForm(pair, form, render)))).map((row) => `${JSON.stringify(row)}\n`).join('')
  return { 'standard.jsonl': await linesIn('standard'), 'conversational.jsonl': await linesIn('conversational') }
}

if (import.meta.main) {
  const folder = process.argv[2]!
  mkdirSync(folder, { recursive: true })
  for (const [name, content] of Object.entries(await preferenceFiles())) writeFileSync(join(folder, name), content)
}
