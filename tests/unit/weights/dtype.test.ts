import { expect, test } from 'vitest'
import { decodeFloats, encodeFloats } from '../../../native-models/weights/dtype.ts'

const fromBits = (...bits: number[]) => new Float32Array(Uint32Array.from(bits).buffer)
const toBits = (values: Float32Array) => [...new Uint32Array(values.buffer, values.byteOffset, values.length)]
const hex = (numbers: Iterable<number>) => [...numbers].map((n) => n.toString(16))
/** Node's own IEEE half rounding, the oracle. */
const f16round = (Math as unknown as { f16round(x: number): number }).f16round

const HALVES: [string, number, number][] = [
  ['zero', 0x0000, 0x00000000],
  ['minus zero', 0x8000, 0x80000000],
  ['smallest subnormal 2^-24', 0x0001, 0x33800000],
  ['largest subnormal', 0x03ff, 0x387fc000],
  ['smallest normal 2^-14', 0x0400, 0x38800000],
  ['one', 0x3c00, 0x3f800000],
  ['minus two', 0xc000, 0xc0000000],
  ['largest, 65504', 0x7bff, 0x477fe000],
  ['infinity', 0x7c00, 0x7f800000],
  ['minus infinity', 0xfc00, 0xff800000],
  ['quiet NaN with payload', 0x7e2a, 0x7fc54000],
]

test.each(HALVES)('F16 %s converts both ways', (_, half, single) => {
  expect(hex(toBits(decodeFloats('F16', Uint16Array.of(half))))).toEqual(hex([single]))
  expect(hex(encodeFloats('F16', fromBits(single)) as Uint16Array)).toEqual(hex([half]))
})

test('every F16 pattern survives the way to F32 and back (signalling NaNs become quiet)', () => {
  const all = Uint16Array.from({ length: 0x10000 }, (_, i) => i)
  const back = encodeFloats('F16', decodeFloats('F16', all)) as Uint16Array
  const isNaN = (half: number) => (half & 0x7fff) > 0x7c00
  const expected = all.map((half) => (isNaN(half) ? half | 0x200 : half))
  expect(Buffer.compare(Buffer.from(back.buffer), Buffer.from(expected.buffer))).toBe(0)
})

test.each([
  ['tie at 1 + 2^-11 goes to even 1', 1 + 2 ** -11, 0x3c00],
  ['tie at 1 + 3·2^-11 goes up to even', 1 + 3 * 2 ** -11, 0x3c02],
  ['just above the tie goes up', 1 + 2 ** -11 + 2 ** -22, 0x3c01],
  ['65519.99 stays finite', 65519.996, 0x7bff],
  ['65520 becomes infinity', 65520, 0x7c00],
  ['2^-25 ties to zero', 2 ** -25, 0x0000],
  ['above 2^-25 becomes the smallest subnormal', 2 ** -25 + 2 ** -40, 0x0001],
  ['3·2^-25 ties to even 2^-23', 3 * 2 ** -25, 0x0002],
  ['the largest subnormal rounds up into the normals', 2 ** -14 - 2 ** -25, 0x0400],
  ['an F32 subnormal vanishes', 2 ** -140, 0x0000],
])('F32 → F16: %s', (_, value, half) => {
  expect(hex(encodeFloats('F16', Float32Array.of(value, -value)) as Uint16Array)).toEqual(hex([half, half | 0x8000]))
})

test('F32 → F16: every midpoint between neighbours goes to the even one, and an ulp beside it to the near one', () => {
  const lower = Uint16Array.from({ length: 0x7bff }, (_, i) => i) // all finite but the last, subnormals too
  const midpoints = Float32Array.from(lower, (half) => decodeFloats('F16', Uint16Array.of(half, half + 1)).reduce((a, b) => a + b) / 2)
  const bits = new Uint32Array(midpoints.buffer)
  const rounded = (nudge: number) => [...(encodeFloats('F16', new Float32Array(bits.map((x) => x + nudge).buffer)) as Uint16Array)]
  expect(rounded(0)).toEqual([...lower].map((half) => half + (half % 2)))
  expect(rounded(-1)).toEqual([...lower])
  expect(rounded(1)).toEqual([...lower].map((half) => half + 1))
})

test('F32 → F16 equals the platform on 400 000 bit patterns of all magnitudes', () => {
  let seed = 1
  const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0)
  // half of them in F16's own range, where rounding happens
  const values = new Float32Array(Uint32Array.from({ length: 400_000 }, (_, i) => (i % 2 ? random() : (random() % 0x15000000) + 0x33000000)).buffer)
  const halves = decodeFloats('F16', encodeFloats('F16', values))
  const off = values.findIndex((value, i) => !Object.is(halves[i], f16round(value)) && !Number.isNaN(value))
  expect(off).toBe(-1)
})

test.each([
  ['one', 0x3f800000, 0x3f80],
  ['tie to even below', 0x3f808000, 0x3f80],
  ['tie to even above', 0x3f818000, 0x3f82],
  ['above the tie', 0x3f808001, 0x3f81],
  ['carry into the exponent', 0x3fffffff, 0x4000],
  ['the largest F32 becomes infinity', 0x7f7fffff, 0x7f80],
  ['minus infinity', 0xff800000, 0xff80],
  ['a NaN whose payload lies in the lost bits stays NaN', 0x7f800001, 0x7fc0],
  ['minus NaN', 0xffc12345, 0xffc1],
  ['smallest subnormal', 0x00000001, 0x0000],
  ['subnormal BF16', 0x00010000, 0x0001],
])('F32 → BF16: %s', (_, single, bfloat) => {
  expect(hex(encodeFloats('BF16', fromBits(single)) as Uint16Array)).toEqual(hex([bfloat]))
})

test('BF16 → F32 keeps every pattern in the upper half', () => {
  const all = Uint16Array.from({ length: 0x10000 }, (_, i) => i)
  const bits = new Uint32Array(decodeFloats('BF16', all).buffer)
  expect(bits.every((single, i) => single === i * 0x10000)).toBe(true)
})

test('F64 rounds to the nearest F32, and F32 → F64 is exact', () => {
  expect(toBits(decodeFloats('F64', Float64Array.of(1 + 2 ** -24, 1e300, -0)))).toEqual([0x3f800000, 0x7f800000, 0x80000000])
  expect([...(encodeFloats('F64', Float32Array.of(0.1)) as Float64Array)]).toEqual([Math.fround(0.1)])
})

test('decoding fills a part of a larger target', () => {
  const target = new Float32Array(4)
  decodeFloats('F16', Uint16Array.of(0x3c00, 0xc000), target.subarray(1, 3))
  expect([...target]).toEqual([0, 1, -2, 0])
})
