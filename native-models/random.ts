/** Counter-based random numbers: a value depends only on its key, never on what was drawn before. */

/** Mixes integers into 32 well-spread bits (murmur3's block step and finaliser). */
export function hash32(...key: readonly number[]): number {
  let h = 0x9e3779b9
  for (const part of key) {
    let k = Math.imul(part | 0, 0xcc9e2d51)
    k = Math.imul((k << 15) | (k >>> 17), 0x1b873593)
    h ^= k
    h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
  }
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Uniform in [0, 1) with 53 bits, for this key. */
export function uniform(...key: readonly number[]): number {
  return ((hash32(...key, 0) >>> 5) * 2 ** 26 + (hash32(...key, 1) >>> 6)) / 2 ** 53
}

/** Standard normal for this key (Box–Muller). */
export function normal(...key: readonly number[]): number {
  return Math.sqrt(-2 * Math.log(1 - uniform(...key, 2))) * Math.cos(2 * Math.PI * uniform(...key, 3))
}

/** 32 bits of a text, to key by names. */
export function hashText(text: string): number {
  return hash32(...Array.from(text, (char) => char.codePointAt(0)!))
}

/** A permutation of 0 … n−1 for this key (Fisher–Yates). */
export function permutation(n: number, ...key: readonly number[]): number[] {
  const order = Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(uniform(...key, i) * (i + 1))
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}
