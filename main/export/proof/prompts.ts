/** What every proof looks at: the same texts, conversation and token ids each time, so that two proofs can be compared. */
import { uniform } from '../../../native-models/random.ts'
import type { Message } from '../../../preload/contract/domain.ts'
import { AppError } from '../../../preload/contract/errors.ts'
import type { SandboxText } from '../../sandbox/host.ts'
import type { ExportSource } from '../source.ts'

/** Words, figures, spaces, lines, code, accents, scripts, an emoji: where tokenizers differ. */
export const texts: readonly string[] = [
  'What is 12 + 30?', 'Once upon a time, there was a little girl named Lily.', "It's 3.14159, isn't it?", 'a  b   c\td', 'line one\nline two\n\nline four', '  leading and trailing  ',
  'def f(x):\n    return x ** 2  # square', 'Zoë naïvely façade — “quoted” … 50 %', 'Привет, мир! 你好，世界。 مرحبا こんにちは 안녕', '😀🎉 1234567890 1,000,000', 'HTTPRequest camelCase snake_case kebab-case', 'x',
]

export const conversation: readonly Message[] = [{ role: 'user', content: 'What is 2 + 3?' }, { role: 'assistant', content: '5' }, { role: 'user', content: 'And 4 + 4?' }]

/** Texts that the tokenizer can write, as ids; what it refuses it refuses on both sides. */
export async function encodeTexts(text: SandboxText, special: boolean): Promise<(readonly number[] | null)[]> {
  const encoded: (readonly number[] | null)[] = []
  for (const one of texts) {
    try {
      encoded.push((await text.encode([one], { special }))[0]!)
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'bad-text') throw error
      encoded.push(null)
    }
  }
  return encoded
}

const LONGEST = 64 // tokens: whole rows of logits come back for each

/** Two texts as they tokenise, and ids from all over the vocabulary. Each has a token at least. */
export async function sequencesFor({ config: { vocabSize, maxPositions } }: Pick<ExportSource, 'config'>, text: SandboxText): Promise<Int32Array[]> {
  const most = Math.min(LONGEST, maxPositions)
  const written = (await encodeTexts(text, true)).flatMap((ids) => (ids && ids.length > 0 ? [Int32Array.from(ids.slice(0, most))] : []))
  const spread = Int32Array.from({ length: Math.min(32, most) }, (_, i) => Math.floor(uniform(20241014, i) * vocabSize))
  return [spread, ...written.slice(0, 3)]
}
