/** Cuts a batch into pieces of at most `items` members and, where a member alone is not larger, `size` in sum. */
export function* chunksOf<T>(all: readonly T[], sizeOf: (item: T) => number, most = { items: 256, size: 100_000 }): Generator<T[]> {
  let chunk: T[] = []
  let size = 0
  for (const item of all) {
    const own = sizeOf(item)
    if (chunk.length > 0 && (chunk.length === most.items || size + own > most.size)) {
      yield chunk
      chunk = []
      size = 0
    }
    chunk.push(item)
    size += own
  }
  if (chunk.length > 0) yield chunk
}
