/** How repetitive texts are, over words: a word is a run of letters or digits, every other sign is one by itself. */

export const wordsOf = (text: string): string[] => text.match(/[\p{L}\p{M}]+|\p{N}+|[^\s\p{L}\p{M}\p{N}]/gu) ?? []

const gramsOf = (words: readonly string[], n: number): string[] => Array.from({ length: Math.max(0, words.length - n + 1) }, (_, i) => words.slice(i, i + n).join(' '))

/**
 * Distinct n-grams ÷ n-grams over all texts together (Li et al. 2016, distinct-n): "a b a b" has 2 of 3 for n = 2.
 * It falls with the amount of text, so compare only collections of about one size. Null without an n-gram.
 */
export function distinctN(texts: readonly string[], n: number): number | null {
  const seen = new Set<string>()
  let total = 0
  for (const text of texts) {
    const grams = gramsOf(wordsOf(text), n)
    total += grams.length
    for (const gram of grams) seen.add(gram)
  }
  return total === 0 ? null : seen.size / total
}

/** The share of one text's n-grams that repeat an earlier one of it: "a b a b a b" has 3 of 5 for n = 2. Null without an n-gram. */
export function repeatedShare(text: string, n = 4): number | null {
  const grams = gramsOf(wordsOf(text), n)
  return grams.length === 0 ? null : 1 - new Set(grams).size / grams.length
}

/** Mean over the texts that have an n-gram. */
export function meanRepeated(texts: readonly string[], n = 4): number | null {
  const shares = texts.flatMap((text) => repeatedShare(text, n) ?? [])
  return shares.length === 0 ? null : shares.reduce((sum, share) => sum + share, 0) / shares.length
}

/** How alike two texts are: words in common ÷ words in either (Jaccard over distinct words), in [0, 1]; two empty texts are alike. */
export function similarity(a: string, b: string): number {
  const [first, second] = [new Set(wordsOf(a)), new Set(wordsOf(b))]
  const common = [...first].filter((word) => second.has(word)).length
  const either = first.size + second.size - common
  return either === 0 ? 1 : common / either
}
