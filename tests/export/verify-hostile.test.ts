/** Archives that nobody honest made: each is refused in one sentence, before it costs anything. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { zipSync } from 'fflate'
import { beforeAll, describe, expect, test } from 'vitest'
import { createArchive } from '../../main/export/formats/bundle-archive.ts'
import { defaultLimits } from '../../main/export/verify/limits.ts'
import { readBundle } from '../../main/export/verify/read.ts'
import { kindNames } from '../../main/export/verify/rows.ts'
import { openZip } from '../../main/export/verify/zip.ts'
import { uniform } from '../../native-models/random.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { temporaryFolder } from '../temporary.ts'

const folder = temporaryFolder('hostile')
const at = (name: string): string => join(folder, name)
const honest = at('honest.zip')
let bytes: Buffer

const run = { id: 'run1', seed: 1, baseSha256: 'a'.repeat(64), config: {} }
const environment = { creamery: '0.1.0', node: 'v24', platform: 'linux', arch: 'x64', cpu: 'a cpu', cores: 2 }
const prompt = (i: number) => ({ id: `run1.p${String(i).padStart(5, '0')}`, position: i, share: 1, sourceId: null, inputSha256: 'b'.repeat(64), tokens: i, hasAnswer: false, task: null, skipReason: null })

/** A whole bundle as far as reading goes; its rows follow from nothing. */
beforeAll(async () => {
  const archive = createArchive(honest)
  await archive.add('run.json', [run])
  await archive.add('environment.json', [environment])
  for (const name of kindNames) await archive.add(`${name}.jsonl`, name === 'prompts' ? Array.from({ length: 400 }, (_, i) => prompt(i)) : [])
  await archive.finish({ creamery: '0.1.0', texts: false, model: null })
  bytes = readFileSync(honest)
})

/** The sentence that it is refused with. */
async function refusal(content: Uint8Array, limits = defaultLimits): Promise<string> {
  const path = at('hostile.zip')
  writeFileSync(path, content)
  const error = await readBundle(path, { limits }).then(() => null, (reason: unknown) => reason)
  expect(error).toBeInstanceOf(AppError)
  expect((error as AppError).code).toBe('bad-data')
  return (error as AppError).message
}

const text = (content: string): Uint8Array => new TextEncoder().encode(content)

/** Offsets of the records of the table of contents. */
function centrals(buffer: Buffer): number[] {
  const found: number[] = []
  for (let i = buffer.readUInt32LE(buffer.length - 6); buffer.readUInt32LE(i) === 0x02014b50; i += 46 + buffer.readUInt16LE(i + 28) + buffer.readUInt16LE(i + 30) + buffer.readUInt16LE(i + 32)) found.push(i)
  return found
}
const patched = (change: (buffer: Buffer) => void): Buffer => {
  const copy = Buffer.from(bytes)
  change(copy)
  return copy
}

describe('refused in a sentence', () => {
  test('the honest one is read', async () => {
    const { evidence, unlike } = await readBundle(honest)
    expect(unlike).toBeNull()
    expect(evidence.rows.prompts.size).toBe(400)
  })

  test.each(['../evil.jsonl', '/etc/passwd.json', 'a/b.jsonl', '..\\evil.jsonl', 'C:evil.json', 'run.json\u0000.jsonl', 'RUN.JSON', 'con'])('a name that leads elsewhere: %j', async (name) => {
    expect(await refusal(zipSync({ [name]: text('{}\n') }))).toMatch(/holds a file named .*, which no bundle has/)
  })

  test('a bomb by ratio, before it is unpacked', async () => {
    const began = performance.now()
    expect(await refusal(zipSync({ 'responses.jsonl': new Uint8Array(2 ** 26) }))).toMatch(/unpacks to \d+ times its size: a zip bomb/)
    expect(performance.now() - began).toBeLessThan(5000)
  })

  test('a bomb that lies about its size, at the first byte too many', async () => {
    const bomb = Buffer.from(zipSync({ 'manifest.json': new Uint8Array(2 ** 26) }))
    const [central] = centrals(bomb)
    bomb.writeUInt32LE(1000, central! + 24)
    expect(await refusal(bomb)).toMatch(/unpacks to more than the 1000 bytes it promises/)
  })

  test('files too large alone and together', async () => {
    const noise = Uint8Array.from({ length: 5000 }, (_, i) => 256 * uniform(3, i))
    expect(await refusal(zipSync({ 'manifest.json': noise }), { ...defaultLimits, entryBytes: 4999 })).toMatch(/of 5000 bytes, more than the 4999/)
    expect(await refusal(zipSync({ 'manifest.json': noise, 'run.json': noise }), { ...defaultLimits, totalBytes: 9999 })).toMatch(/unpacks to 10000 bytes/)
  })

  test('two files of one name, and two in the same bytes', async () => {
    const twins = Buffer.from(zipSync({ 'run.json': text('{}\n'), 'rum.json': text('{}\n') }))
    for (let i = twins.indexOf('rum.json'); i >= 0; i = twins.indexOf('rum.json')) twins.write('run.json', i)
    expect(await refusal(twins)).toMatch(/holds "run.json" twice/)
    const shared = patched((buffer) => {
      const [one, two] = centrals(buffer)
      buffer.writeUInt32LE(buffer.readUInt32LE(one! + 42), two! + 42)
    })
    expect(await refusal(shared)).toMatch(/in the same bytes as another file|not where its table of contents says|differently inside/)
  })

  test('counts, methods, encryption and sizes that cannot be', async () => {
    const end = bytes.length - 22
    expect(await refusal(patched((b) => { b.writeUInt16LE(65535, end + 8); b.writeUInt16LE(65535, end + 10) }))).toMatch(/says it holds 65535 files/)
    expect(await refusal(patched((b) => b.writeUInt16LE(3, end + 10)))).toMatch(/split archive/)
    expect(await refusal(patched((b) => b.writeUInt32LE(0xffffffff, end + 16)))).toMatch(/table of contents that is not where its end says/)
    expect(await refusal(patched((b) => b.writeUInt16LE(99, centrals(b)[0]! + 10)))).toMatch(/packed in a way \(99\)/)
    expect(await refusal(patched((b) => b.writeUInt16LE(1, centrals(b)[0]! + 8)))).toMatch(/encrypted/)
    expect(await refusal(patched((b) => b.writeUInt32LE(0xfffffff0, centrals(b)[1]! + 42)))).toMatch(/same bytes|ends too early|not where/)
    expect(await refusal(patched((b) => b.writeUInt32LE(7, centrals(b).at(-1)! + 16)))).toMatch(/checksum differs/)
  })

  test('cut anywhere', async () => {
    for (let length = 0; length < bytes.length; length += Math.max(1, Math.floor(bytes.length / 200))) expect(await refusal(bytes.subarray(0, length))).toMatch(/no whole zip archive|ends too early|table of contents|split archive/)
  })

  const manifest = (files: readonly unknown[]): string => `{"creamery":"0.1.0","files":${JSON.stringify(files)},"format":"creamery-evidence","model":null,"texts":false,"version":1}\n`
  test.each([
    ['no manifest', {}, /has no manifest.json/],
    ['a manifest of another format', { 'manifest.json': '{"format":"other"}\n' }, /has a row that no bundle has \(manifest.json, line 1/],
    ['a newer version', { 'manifest.json': manifest([]).replace('"version":1', '"version":2') }, /manifest.json, line 1, version/],
    ['two manifests', { 'manifest.json': manifest([]) + manifest([]) }, /2 values in manifest.json/],
    ['another spelling', { 'manifest.json': manifest([]).replace(':null', ': null') }, /not written in the canonical form/],
    ['a key twice', { 'manifest.json': manifest([]).replace('{"creamery"', '{"version":1,"creamery"') }, /not written in the canonical form/],
    ['no last line feed', { 'manifest.json': manifest([]).trimEnd() }, /last line that does not end/],
    ['no JSON', { 'manifest.json': '{]\n' }, /not JSON/],
    ['files missing', { 'manifest.json': manifest([]), 'run.json': `${JSON.stringify(run)}\n`.replace('{"id":"run1","seed":1,"baseSha256":"' + 'a'.repeat(64) + '","config":{}}', `{"baseSha256":"${'a'.repeat(64)}","config":{},"id":"run1","seed":1}`), 'environment.json': '{"arch":"x64","cores":2,"cpu":"c","creamery":"0.1.0","node":"v24","platform":"linux"}\n' }, /no whole evidence bundle: its manifest names "run.json" 0 times/],
    ['levels without end', { 'manifest.json': manifest([]), 'run.json': `{"baseSha256":"${'a'.repeat(64)}","config":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}},"id":"run1","seed":1}\n` }, /too many levels/],
    ['a prototype', { 'manifest.json': '{"__proto__":{"a":1}}\n' }, /no bundle has/],
  ])('%s', async (_, files, sentence) => {
    expect(await refusal(zipSync(Object.fromEntries(Object.entries(files).map(([name, content]) => [name, text(content as string)]))))).toMatch(sentence)
  })

  test('bytes that are no UTF-8, a line without end, more rows than are held', async () => {
    expect(await refusal(zipSync({ 'manifest.json': Uint8Array.of(0x22, 0xff, 0x22, 0x0a) }))).toMatch(/not UTF-8/)
    expect(await refusal(zipSync({ 'manifest.json': text('x'.repeat(3000)) }), { ...defaultLimits, lineBytes: 2000 })).toMatch(/line of more than 2000 characters/)
    expect(await refusal(bytes, { ...defaultLimits, heldBytes: 20_000 })).toMatch(/more rows than are read at once/)
  })
})

test('5 000 damaged archives, seed fixed: read as they were, or refused in a sentence; never anything else', async () => {
  const path = at('fuzzed.zip')
  let [read, refused] = [0, 0]
  for (let i = 0; i < 5000; i++) {
    const draw = (...key: number[]): number => uniform(11, i, ...key)
    const copy = Buffer.from(bytes)
    const count = 1 + Math.floor(4 * draw(0))
    // Half of them where it hurts: the table of contents and the end.
    const from = draw(1) < 0.5 ? bytes.readUInt32LE(bytes.length - 6) : 0
    for (let k = 0; k < count; k++) copy[from + Math.floor(draw(2, k) * (copy.length - from))] = Math.floor(256 * draw(3, k))
    const cut = draw(4) < 0.1 ? copy.subarray(0, Math.floor(draw(5) * copy.length)) : copy
    writeFileSync(path, cut)
    const began = performance.now()
    try {
      const zip = await openZip(path)
      try {
        for (const entry of zip.entries.values()) for await (const _ of zip.read(entry));
        read++
      } finally {
        await zip.close()
      }
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      expect(error.code).toBe('bad-data')
      refused++
    }
    expect(performance.now() - began).toBeLessThan(5000)
  }
  expect(refused).toBeGreaterThan(2500)
  expect(read + refused).toBe(5000)
  expect(process.memoryUsage().rss).toBeLessThan(2 ** 30)
}, 300_000)

test('5 000 damaged rows in whole archives: refused in a sentence, or read', async () => {
  const rows = Array.from({ length: 3 }, (_, i) => prompt(i))
  const line = (value: object): string => `${JSON.stringify(Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))))}\n`
  const whole = Buffer.from(rows.map(line).join(''))
  const others = Object.fromEntries(kindNames.map((name) => [`${name}.jsonl`, new Uint8Array()]))
  const files = [...Object.keys(others), 'run.json', 'environment.json'].map((name) => ({ bytes: 0, name, rows: 0, sha256: 'a'.repeat(64) }))
  const frame = { ...others, 'run.json': text(line(run)), 'environment.json': text(line(environment)), 'manifest.json': text(line({ format: 'creamery-evidence', version: 1, creamery: '0.1.0', texts: false, model: null, files })) }
  const path = at('rows.zip')
  let [read, refused] = [0, 0]
  for (let i = 0; i < 5000; i++) {
    const draw = (...key: number[]): number => uniform(12, i, ...key)
    const copy = [...whole]
    for (let k = 0; k < 1 + Math.floor(3 * draw(0)); k++) {
      const place = Math.floor(draw(1, k) * copy.length)
      const byte = draw(2, k) < 0.5 ? '{}[]",:0-9eE\\n'.charCodeAt(Math.floor(13 * draw(3, k))) : Math.floor(256 * draw(3, k))
      copy.splice(place, draw(4, k) < 0.6 ? 1 : 0, ...(draw(5, k) < 0.8 ? [byte] : []))
    }
    writeFileSync(path, zipSync({ ...frame, 'prompts.jsonl': Uint8Array.from(copy) }, { level: 0 }))
    await readBundle(path).then(() => read++, (error: unknown) => {
      if (!(error instanceof AppError && error.code === 'bad-data')) throw error
      refused++
    })
  }
  expect(refused).toBeGreaterThan(3500)
  expect(read).toBeGreaterThan(0)
}, 300_000)
