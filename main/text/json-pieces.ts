/** JSON.parse for texts of many megabytes: at once, 40 MB are half a second on an idle machine and six on one where eight others compute. */

/** What JSON.parse makes of it, `size` characters at a time down to `levels`, with `alive` called in between. @throws SyntaxError where it would */
export function parseInPieces(text: string, alive: () => void, size = 2 ** 20, levels = 3): unknown {
  const start = text.search(/[^ \n\r\t]/)
  const isList = text[start] === '['
  if (text.length <= size || levels === 0 || (!isList && text[start] !== '{')) return JSON.parse(text)
  const list: unknown[] = []
  const object = {}
  const inner = (part: string): unknown => parseInPieces(part, alive, size, levels - 1)
  const put = (key: string, value: unknown): unknown => Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true }) // "__proto__" is a key like others
  for (const part of piecesOf(text, start, isList ? ']' : '}', size)) {
    const colon = isList || part.length <= size ? null : endOfKey(part)
    if (isList && part.length > size) list.push(inner(part))
    else if (isList) for (const value of JSON.parse(`[${part}]`) as unknown[]) list.push(value)
    else if (colon !== null) put(JSON.parse(part.slice(0, colon)) as string, inner(part.slice(colon + 1)))
    else for (const [key, value] of Object.entries(JSON.parse(`{${part}}`) as object)) put(key, value)
    alive()
  }
  return isList ? list : object
}

/** What stands in the bracket at `start`, cut at its commas: as many members as `size` holds, a longer one by itself. */
function* piecesOf(text: string, start: number, closing: string, size: number): Generator<string> {
  const mark = /["[\]{},]/g
  mark.lastIndex = start
  let depth = 0
  let [from, comma] = [start + 1, start]
  for (let found = mark.exec(text); found !== null; found = mark.exec(text)) {
    const { 0: sign, index: at } = found
    if (sign === '"') mark.lastIndex = endOfString(text, at)
    else if (sign === '[' || sign === '{') depth++
    else if (sign !== ',') depth--
    if (depth > 1 || (depth === 1 && sign !== ',')) continue
    if (at - from > size && comma >= from) {
      const piece = text.slice(from, comma)
      if (isBlank(piece)) break
      yield piece
      from = comma + 1
    }
    comma = at
    if (depth === 1) continue
    const last = text.slice(from, at)
    if (sign !== closing || !isBlank(text.slice(at + 1)) || (isBlank(last) && from > start + 1)) break
    return yield last
  }
  throw new SyntaxError('Its brackets, quotes or commas do not match.')
}

const isBlank = (text: string): boolean => !/[^ \n\r\t]/.test(text)

/** Where the colon behind a member's key stands; null where there is none. */
function endOfKey(member: string): number | null {
  const start = member.search(/[^ \n\r\t]/)
  if (member[start] !== '"') return null
  const end = endOfString(member, start)
  const colon = end + member.slice(end).search(/[^ \n\r\t]/)
  return member[colon] === ':' ? colon : null
}

/** Behind the quote that closes the one at `start`; the text's end where none does. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0
    while (text[quote - 1 - slashes] === '\\') slashes++
    if (slashes % 2 === 0) return quote + 1
  }
  return text.length
}
