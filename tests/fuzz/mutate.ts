/** Damaged files from good ones, the same at every run: mutation number i of a seed is always the same bytes. */
import { Random } from '../../native-models/bundled/random.ts'

export interface Corpus {
  readonly files: readonly Buffer[]
  /** Bytes that mean something in the format. */
  readonly tokens: readonly string[]
}

export function mutant({ files, tokens }: Corpus, seed: number, i: number): Buffer {
  const random = new Random(seed, `mutation ${i}`)
  let bytes: Buffer = Buffer.from(random.pick(files))
  for (let times = 1 + Math.floor(random.uniform() ** 3 * 12); times > 0; times--) bytes = change(bytes, random, files, tokens)
  return bytes
}

const extremes = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]

function change(bytes: Buffer, random: Random, files: readonly Buffer[], tokens: readonly string[]): Buffer {
  const at = Math.floor(random.uniform() * (bytes.length + 1))
  const to = Math.min(bytes.length, at + 1 + Math.floor(random.uniform() ** 4 * 400))
  const joined = (...parts: (Buffer | string)[]): Buffer => Buffer.concat([bytes.subarray(0, at), ...parts.map((part) => Buffer.from(part)), bytes.subarray(to)])
  switch (Math.floor(random.uniform() * 9)) {
    case 0: if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << Math.floor(random.uniform() * 8)); return bytes // one bit
    case 1: if (at < bytes.length) bytes[at] = Math.floor(random.uniform() * 256); return bytes // one byte
    case 2: return joined() // a hole
    case 3: return joined(bytes.subarray(at, to), bytes.subarray(at, to)) // a part twice
    case 4: return joined(random.pick(tokens), bytes.subarray(at, to)) // a word put in
    case 5: return joined(random.pick(tokens)) // a word over others
    case 6: return bytes.subarray(0, at) // cut off
    case 7: if (at + 4 <= bytes.length) bytes.writeUInt32LE(random.pick(extremes), at); return bytes // a number that is out of all bounds
    default: { // a part of another file
      const other = random.pick(files)
      const from = Math.floor(random.uniform() * other.length)
      return joined(other.subarray(from, from + Math.floor(random.uniform() * 300)))
    }
  }
}
