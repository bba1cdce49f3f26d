import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { STORAGE, type Dtype } from '../../../native-models/weights/dtype.ts'
import { ModelError } from '../../../native-models/weights/error.ts'
import { readFully } from '../../../native-models/weights/files.ts'
import { openSafetensors, writeSafetensors, type TensorToWrite } from '../../../native-models/weights/safetensors.ts'
import { bytesOf, fileOf, modelErrorOf, temporaryFolder, writeBytes } from './fixtures.ts'

const EVERY: TensorToWrite[] = [
  { name: '10', dtype: 'U8', shape: [3], data: Uint8Array.of(0, 128, 255) }, // leaves all that follow unaligned
  { name: '2', dtype: 'F32', shape: [2, 2], data: Float32Array.of(-0, NaN, Infinity, 1e-45) },
  { name: 'f64', dtype: 'F64', shape: [1, 2], data: Float64Array.of(Math.PI, -1e300) },
  { name: 'f16', dtype: 'F16', shape: [4], data: Uint16Array.of(0x3c00, 0x0001, 0x7c00, 0xc000) },
  { name: 'bf16', dtype: 'BF16', shape: [2], data: Uint16Array.of(0x3f80, 0xc000) },
  { name: 'i64', dtype: 'I64', shape: [], data: BigInt64Array.of(-(2n ** 63n)) },
  { name: 'i32', dtype: 'I32', shape: [2], data: Int32Array.of(-1, 2 ** 31 - 1) },
  { name: 'i16', dtype: 'I16', shape: [1], data: Int16Array.of(-32768) },
  { name: 'i8', dtype: 'I8', shape: [1], data: Int8Array.of(-128) },
  { name: 'bool ☕ "quoted"', dtype: 'BOOL', shape: [2], data: Uint8Array.of(1, 0) },
  { name: 'empty', dtype: 'F32', shape: [0, 7], data: new Float32Array(0) },
]

describe('round trip', () => {
  test('every dtype comes back bit for bit, in the given order', async () => {
    const path = join(temporaryFolder(), 'all.safetensors')
    const written = await writeSafetensors(path, EVERY, { format: 'pt', 'ключ': '値' })
    const file = openSafetensors(path)
    expect([...file.tensors.keys()].sort()).toEqual(EVERY.map((tensor) => tensor.name).sort())
    expect(file.metadata).toEqual({ format: 'pt', 'ключ': '値' })
    let previousEnd = 0
    for (const { name, dtype, shape, data } of EVERY) {
      const info = file.tensors.get(name)!
      expect([info.dtype, info.shape, info.begin]).toEqual([dtype, shape, previousEnd])
      expect(bytesOf(file.readTensor(name)).equals(bytesOf(data as Uint8Array))).toBe(true)
      previousEnd = info.end
    }
    file.close()

    const bytes = readFileSync(path)
    expect(written).toEqual({ path, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') })
    expect(Number(bytes.readBigUInt64LE()) % 8).toBe(0)
  })

  test('the same tensors give the same bytes, lazily made or not, over an existing file, leaving nothing beside it', async () => {
    const folder = temporaryFolder()
    const first = await writeSafetensors(join(folder, 'x.safetensors'), EVERY)
    const lazy = EVERY.map((tensor) => ({ ...tensor, data: () => tensor.data as Uint8Array }))
    const second = await writeSafetensors(join(folder, 'x.safetensors'), lazy)
    expect(second.sha256).toBe(first.sha256)
    expect(readdirSync(folder)).toEqual(['x.safetensors'])
  })

  test('a failed write keeps the file that was there', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'x.safetensors')
    const { sha256 } = await writeSafetensors(path, EVERY)
    const broken: TensorToWrite = { name: 'a', dtype: 'F32', shape: [2], data: () => Float32Array.of(1) }
    await expect(writeSafetensors(path, [broken])).rejects.toThrow('tensor a is F32 [2], but got 1 elements')
    expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(sha256)
    expect(readdirSync(folder)).toEqual(['x.safetensors'])
  })

  test('a name given twice, or the reserved one, is refused', async () => {
    const path = join(temporaryFolder(), 'x.safetensors')
    await expect(writeSafetensors(path, [EVERY[0]!, EVERY[0]!])).rejects.toThrow('used twice')
    await expect(writeSafetensors(path, [{ ...EVERY[0]!, name: '__metadata__' }])).rejects.toThrow('reserved')
  })

  test('random tensors', async () => {
    const path = join(temporaryFolder(), 'random.safetensors')
    const tensor = fc.record({
      dtype: fc.constantFrom(...(Object.keys(STORAGE) as Dtype[])),
      shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
      seed: fc.nat(255),
    })
    const names = fc.uniqueArray(fc.string().filter((name) => name !== '__metadata__'), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(names, fc.array(tensor, { minLength: 6, maxLength: 6 }), async (unique, forms) => {
        const tensors = unique.map((name, i): TensorToWrite => {
          const { dtype, shape, seed } = forms[i]!
          const data = new STORAGE[dtype](shape.reduce((a, b) => a * b, 1))
          new Uint8Array(data.buffer).forEach((_, j, bytes) => (bytes[j] = seed + 31 * j))
          return { name, dtype, shape, data }
        })
        await writeSafetensors(path, tensors)
        const file = openSafetensors(path)
        for (const { name, data } of tensors) expect(bytesOf(file.readTensor(name)).equals(bytesOf(data as Uint8Array))).toBe(true)
        file.close()
      }),
      { numRuns: 100 },
    )
  })
})

describe('floats', () => {
  test('F64, F16 and BF16 become F32; integers are refused by name', async () => {
    const path = join(temporaryFolder(), 'x.safetensors')
    await writeSafetensors(path, EVERY)
    const file = openSafetensors(path)
    expect([...file.readFloats('f64')]).toEqual([Math.fround(Math.PI), -Infinity])
    expect([...file.readFloats('f16')]).toEqual([1, 2 ** -24, Infinity, -2])
    expect([...file.readFloats('bf16')]).toEqual([1, -2])
    expect(file.readFloats('empty')).toHaveLength(0)
    expect(modelErrorOf(() => file.readFloats('i32')).message).toContain('"i32" holds I32')
    expect(modelErrorOf(() => file.readTensor('absent')).message).toContain('holds no tensor "absent"')
    file.close()
  })

  test('a tensor longer than one conversion step is converted whole', async () => {
    const path = join(temporaryFolder(), 'x.safetensors')
    const count = 2 ** 22 + 3
    const bits = Uint16Array.from({ length: count }, (_, i) => i % 0x7c00)
    await writeSafetensors(path, [{ name: 'long', dtype: 'F16', shape: [count], data: bits }])
    const file = openSafetensors(path)
    const values = file.readFloats('long')
    expect([values[0x3c00], values[2 ** 22], values[count - 1]]).toEqual(
      [0x3c00, 2 ** 22, count - 1].map((i) => new (globalThis as unknown as { Float16Array: typeof Float32Array }).Float16Array(Uint16Array.of(bits[i]!).buffer)[0]),
    )
    file.close()
  })

  test('reading in small pieces gives the same bytes, and a file that ends early is named', () => {
    const path = writeBytes(Uint8Array.from({ length: 1000 }, (_, i) => i))
    const fd = openSync(path, 'r')
    const target = new Uint8Array(990)
    readFully(fd, target, 10, path, 7)
    expect(bytesOf(target).equals(readFileSync(path).subarray(10))).toBe(true)
    expect(modelErrorOf(() => readFully(fd, target, 11, path, 7)).message).toContain('became shorter')
    closeSync(fd)
  })
})

const one = (entry: object) => ({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...entry } })
const HOSTILE: [string, Uint8Array, string][] = [
  ['an empty file', new Uint8Array(0), 'it has only 0 bytes'],
  ['seven bytes', new Uint8Array(7), 'it has only 7 bytes'],
  ['a header length of 2^64 - 1', fileOf({}, 0, 2n ** 64n - 1n), '18446744073709551615 bytes, more than'],
  ['a header length over the cap', fileOf({}, 0, 100_000_001n), 'more than the 100000000 allowed'],
  ['a header longer than the file', fileOf({}, 0, 100n), 'but the file has 10'],
  ['a header of no length', fileOf('', 0), 'does not begin with "{"'],
  ['leading spaces', fileOf(' {}', 0), 'does not begin with "{"'],
  ['a list as header', fileOf([], 0), 'does not begin with "{"'],
  ['half a JSON', fileOf('{"a":', 0), 'is not a JSON object'],
  ['JSON with a tail', fileOf('{}x', 0), 'is not a JSON object'],
  ['bytes that are no UTF-8', fileOf('{"a', 0).fill(0xff, 9), 'is not a JSON object'],
  ['an unknown dtype', fileOf(one({ dtype: 'F8_E4M3' }), 8), 'stored as "F8_E4M3", which is not supported'],
  ['a dtype from the prototype', fileOf(one({ dtype: 'constructor' }), 8), 'stored as "constructor"'],
  ['a dtype that cannot become text', fileOf(one({ dtype: { toString: 1 } }), 8), 'stored as an object'],
  ['an entry that is null', fileOf({ a: null }, 0), '"a" is not described by an object'],
  ['no shape', fileOf(one({ shape: undefined }), 8), 'the shape of tensor "a"'],
  ['a negative size', fileOf(one({ shape: [-2] }), 8), 'the shape of tensor "a"'],
  ['a fractional size', fileOf(one({ shape: [0.5, 4] }), 8), 'the shape of tensor "a"'],
  ['a size as text', fileOf(one({ shape: ['2'] }), 8), 'the shape of tensor "a"'],
  ['a size over 2^53', fileOf(one({ shape: [2 ** 53] }), 8), 'the shape of tensor "a"'],
  ['a product over 2^53', fileOf(one({ shape: [2 ** 40, 2 ** 40] }), 8), 'too large'],
  ['a wrong product', fileOf(one({ shape: [3] }), 8), 'occupies 8 bytes, but its shape and type need 12'],
  ['one offset', fileOf(one({ data_offsets: [8] }), 8), 'no two whole data_offsets'],
  ['three offsets', fileOf(one({ data_offsets: [0, 8, 16] }), 8), 'no two whole data_offsets'],
  ['a negative offset', fileOf(one({ data_offsets: [-8, 0] }), 8), 'no two whole data_offsets'],
  ['a fractional offset', fileOf(one({ data_offsets: [0.5, 8.5] }), 8), 'no two whole data_offsets'],
  ['offsets backwards', fileOf(one({ data_offsets: [8, 0] }), 8), 'occupies -8 bytes'],
  ['data cut off', fileOf(one({}), 7), 'ends at data byte 8, but the file holds only 7'],
  ['bytes that belong to none', fileOf(one({}), 9), '1 bytes after the last tensor'],
  ['a hole before the first tensor', fileOf(one({ data_offsets: [4, 12] }), 12), '4 unused bytes before tensor "a"'],
  ['overlapping tensors', fileOf({ ...one({}), b: { dtype: 'F32', shape: [2], data_offsets: [4, 12] } }, 12), '"b" overlaps'],
  ['the same bytes twice', fileOf({ ...one({}), b: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, 8), '"b" overlaps'],
  ['an empty tensor inside another', fileOf({ ...one({}), b: { dtype: 'F32', shape: [0], data_offsets: [4, 4] } }, 8), 'overlaps'],
  ['metadata with a number', fileOf({ __metadata__: { n: 1 } }, 0), '__metadata__ is not a list of texts'],
  ['metadata that is a text', fileOf({ __metadata__: 'pt' }, 0), '__metadata__ is not a list of texts'],
  ['a Git LFS pointer', new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\noid sha256:00\n'), 'run "git lfs pull"'],
  ['a pickle', Uint8Array.of(0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9), 'more than the 100000000 allowed'],
]

describe('hostile headers', () => {
  test.each(HOSTILE)('%s', (_, bytes, sentence) => {
    const path = writeBytes(bytes)
    const { message } = modelErrorOf(() => openSafetensors(path))
    expect(message).toContain(sentence)
    expect(message).toContain(path)
    expect(message).toMatch(/[.]$/)
  })

  test('deeply nested JSON is an error, not a crash', () => {
    const deep = '['.repeat(300_000) + ']'.repeat(300_000)
    expect(modelErrorOf(() => openSafetensors(writeBytes(fileOf(`{"a":${deep}}`)))).message).toContain('not described by an object')
    expect(modelErrorOf(() => openSafetensors(writeBytes(fileOf(`{"a":{"dtype":${deep}}}`)))).message).toContain('stored as a list')
  })

  test('a tensor named __proto__ is a tensor like any other', () => {
    const header = '{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    const file = openSafetensors(writeBytes(fileOf(header, 1)))
    expect([...file.tensors.keys()]).toEqual(['__proto__'])
    file.close()
  })

  test('a missing file, a folder and a named pipe', () => {
    const folder = temporaryFolder()
    expect(modelErrorOf(() => openSafetensors(join(folder, 'none.safetensors'))).message).toContain('does not exist')
    expect(modelErrorOf(() => openSafetensors(folder)).message).toContain('is not a file')
    if (process.platform === 'win32') return
    execFileSync('mkfifo', [join(folder, 'pipe.safetensors')])
    expect(modelErrorOf(() => openSafetensors(join(folder, 'pipe.safetensors'))).message).toContain('is not a file')
  })
})

describe('fuzz', () => {
  const valid = fileOf(
    {
      __metadata__: { format: 'pt' },
      a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
      b: { dtype: 'BF16', shape: [5], data_offsets: [24, 34] },
    },
    34,
  )
  /** Opens and reads everything: whole, or a ModelError. Anything else escapes and fails the test. */
  const survives = (path: string, bytes: Uint8Array): 'read' | 'refused' => {
    writeFileSync(path, bytes)
    try {
      const file = openSafetensors(path)
      for (const [name, { shape }] of file.tensors) expect(file.readTensor(name)).toHaveLength(shape.reduce((a, b) => a * b, 1))
      file.close()
      return 'read'
    } catch (error) {
      if (error instanceof ModelError) return 'refused'
      throw error
    }
  }

  test('flipped, cut, inserted and repeated bytes', () => {
    const path = join(temporaryFolder(), 'fuzz.safetensors')
    expect(survives(path, valid)).toBe('read')
    const mutation = fc.record({
      kind: fc.constantFrom('set', 'cut', 'insert', 'remove', 'repeat'),
      at: fc.nat(valid.length - 1),
      byte: fc.nat(255),
      length: fc.integer({ min: 1, max: 40 }),
    })
    let refused = 0
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
        let bytes: number[] = [...valid]
        for (const { kind, at, byte, length } of mutations) {
          if (kind === 'set') bytes[Math.min(at, bytes.length)] = byte
          else if (kind === 'cut') bytes = bytes.slice(0, at)
          else if (kind === 'insert') bytes.splice(at, 0, byte)
          else if (kind === 'remove') bytes.splice(at, length)
          else bytes.splice(at, 0, ...bytes.slice(at, at + length))
        }
        if (survives(path, Uint8Array.from(bytes)) === 'refused') refused++
      }),
      { numRuns: 600 },
    )
    expect(refused).toBeGreaterThan(300)
  })

  test('any JSON as header', () => {
    const path = join(temporaryFolder(), 'fuzz.safetensors')
    const entry = fc.oneof(
      fc.jsonValue(),
      fc.record({
        dtype: fc.oneof(fc.constantFrom('F32', 'U8', 'BOOL', 'F4', 'toString'), fc.jsonValue()),
        shape: fc.oneof(fc.array(fc.oneof(fc.integer({ min: -1, max: 5 }), fc.double()), { maxLength: 3 }), fc.jsonValue()),
        data_offsets: fc.oneof(fc.tuple(fc.integer({ min: -1, max: 70 }), fc.integer({ min: -1, max: 70 })), fc.jsonValue()),
      }),
    )
    const header = fc.dictionary(fc.oneof(fc.constant('__metadata__'), fc.string({ maxLength: 4 })), entry, { maxKeys: 4 })
    fc.assert(fc.property(fc.oneof(header, fc.jsonValue()), fc.nat(64), (json, dataBytes) => void survives(path, fileOf(json, dataBytes))), {
      numRuns: 600,
    })
  })
})

const GOLDEN = join(import.meta.dirname, '../../../../shared/assets/golden/safetensors')
describe.skipIf(!existsSync(GOLDEN))('files written by the reference implementation (skipped: shared/assets is absent)', () => {
  test.each([
    ['tensor-1d-int32', 'I32', [3]],
    ['tensor-2d-float64', 'F64', [2, 3]],
    ['tensor-3d-float32', 'F32', [2, 2, 3]],
    ['tensor-4d-float32', 'F32', [2, 3, 1, 3]],
  ])('%s is read, and written back to the same bytes', async (name, dtype, shape) => {
    const source = join(GOLDEN, `${name}.safetensors`)
    const file = openSafetensors(source)
    expect([...file.tensors]).toEqual([['embedding', expect.objectContaining({ dtype, shape })]])
    const data = file.readTensor('embedding')
    file.close()
    expect([...data].every((value) => Number.isFinite(Number(value)))).toBe(true)

    const folder = join(temporaryFolder(), 'copy')
    mkdirSync(folder)
    const copy = join(folder, 'copy.safetensors')
    await writeSafetensors(copy, [{ name: 'embedding', dtype: dtype as Dtype, shape, data }])
    expect(readFileSync(copy).equals(readFileSync(source))).toBe(true)
  })
})
