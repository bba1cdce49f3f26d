/** A set of texts that remembers the row of each, in 12 bytes a text: millions of prompts are compared without being kept. */
import { hash } from 'node:crypto'
import type { PromptInput } from '../../preload/contract/domain.ts'

/** Beyond this many texts it takes no more: 200 MB. */
const mostTexts = 8_000_000

export class Fingerprints {
  /** Open addressing: 64 bits of the text's SHA-1 and the row, which is 0 in a free slot. */
  #high = new Uint32Array(1024)
  #low = new Uint32Array(1024)
  #rows = new Uint32Array(1024)
  #count = 0

  /** The row (from 1) that the text was added with first; undefined when it is new, and then it is added. */
  add(text: string, row: number): number | undefined {
    const [high, low] = digest(text)
    const slot = this.#slotOf(high, low)
    if (this.#rows[slot] !== 0) return this.#rows[slot]
    if (this.#count >= mostTexts) return undefined
    this.#put(slot, high, low, row)
    this.#count++
    if (this.#count * 2 > this.#rows.length) this.#grow()
    return undefined
  }

  rowOf(text: string): number | undefined {
    const row = this.#rows[this.#slotOf(...digest(text))]
    return row === 0 ? undefined : row
  }

  #slotOf(high: number, low: number): number {
    const mask = this.#rows.length - 1
    let slot = low & mask
    while (this.#rows[slot] !== 0 && (this.#high[slot] !== high || this.#low[slot] !== low)) slot = (slot + 1) & mask
    return slot
  }

  #put(slot: number, high: number, low: number, row: number): void {
    this.#high[slot] = high
    this.#low[slot] = low
    this.#rows[slot] = row
  }

  #grow(): void {
    const [high, low, rows] = [this.#high, this.#low, this.#rows]
    this.#high = new Uint32Array(rows.length * 2)
    this.#low = new Uint32Array(rows.length * 2)
    this.#rows = new Uint32Array(rows.length * 2)
    rows.forEach((row, i) => row !== 0 && this.#put(this.#slotOf(high[i]!, low[i]!), high[i]!, low[i]!, row))
  }
}

function digest(text: string): [number, number] {
  const bytes = hash('sha1', text, 'buffer')
  return [bytes.readUInt32LE(0), bytes.readUInt32LE(4)]
}

/** What makes two prompts the same: their texts, white space around them apart. */
export function promptText(prompt: PromptInput): string {
  return (typeof prompt === 'string' ? prompt : prompt.map(({ content }) => content).join('\n')).trim()
}
