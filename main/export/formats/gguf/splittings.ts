/** llama.cpp's names for the ways byte-level tokenizers split a text before merging; each is code there, found by its exact pattern here. */

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const rest = '| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
const words = '|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+'

/** By the regex of its one Split step. */
const byPattern: Readonly<Record<string, string>> = {
  [`${contractions}${words}|\\p{N}{1,3}${rest}`]: 'llama-bpe',
  [`${contractions}${words}|\\p{N}${rest}`]: 'qwen2',
  ['[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+']: 'tekken',
}

interface Step {
  readonly type?: string
  readonly pattern?: { readonly Regex?: string }
  readonly behavior?: string
  readonly invert?: boolean
  readonly add_prefix_space?: boolean
  readonly use_regex?: boolean
  readonly individual_digits?: boolean
  readonly pretokenizers?: readonly Step[]
}

/** Of these llama.cpp takes a word that is a token whole, whatever the merges would make of it. */
const wholeWords: readonly string[] = ['llama-bpe', 'tekken']

/** The name for `tokenizer.ggml.pre`; null when llama.cpp has none that splits alike. */
export function splittingOf(tokenizer: Readonly<Record<string, unknown>>): string | null {
  const name = patternOf(tokenizer)
  const ignoresMerges = (tokenizer['model'] as { ignore_merges?: boolean }).ignore_merges === true
  return name !== null && ignoresMerges === wholeWords.includes(name) ? name : null
}

/** The same, backwards: what tokenizer.json says for a name. */
export function stepsOf(name: string): { readonly pre_tokenizer: unknown; readonly ignore_merges: boolean } {
  const level = (usesRegex: boolean) => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: usesRegex })
  const sequence = (...steps: unknown[]) => ({ type: 'Sequence', pretokenizers: steps })
  const ignore_merges = wholeWords.includes(name)
  if (name === 'gpt-2') return { pre_tokenizer: level(true), ignore_merges }
  if (name === 'smollm') return { pre_tokenizer: sequence({ type: 'Digits', individual_digits: true }, level(true)), ignore_merges }
  const pattern = Object.keys(byPattern).find((one) => byPattern[one] === name)
  if (pattern === undefined) throw new Error(`gguf: no splitting is called ${name}`)
  return { pre_tokenizer: sequence({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }, level(false)), ignore_merges }
}

function patternOf(tokenizer: Readonly<Record<string, unknown>>): string | null {
  const normalizer = tokenizer['normalizer'] as { type?: string } | null | undefined
  if (normalizer && normalizer.type !== 'NFC') return null
  const first = tokenizer['pre_tokenizer'] as Step | null | undefined
  const steps = first?.type === 'Sequence' ? (first.pretokenizers ?? []) : first ? [first] : []
  const last = steps.at(-1)
  if (last?.type !== 'ByteLevel' || last.add_prefix_space === true) return null
  const before = steps.slice(0, -1)
  const usesRegex = last.use_regex !== false // GPT-2's own pattern
  if (before.length === 0) return usesRegex ? 'gpt-2' : null
  if (usesRegex) return before.length === 1 && before[0]!.type === 'Digits' && before[0]!.individual_digits === true ? 'smollm' : null
  const [only] = before
  const isSplit = before.length === 1 && only!.type === 'Split' && only!.behavior === 'Isolated' && only!.invert !== true
  return isSplit ? (byPattern[only!.pattern?.Regex ?? ''] ?? null) : null
}
