/**
 * WebGPU without a GPU: SwiftShader's Vulkan driver from @sparticuz/chromium (Linux x64), unpacked once per test process.
 * The dynamic loader reads LD_LIBRARY_PATH only when a process starts, so tests give this environment to a child.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'

export const swiftshaderRuns = process.platform === 'linux' && process.arch === 'x64'

let unpacked: string | undefined

/** The variables that make Dawn find SwiftShader, and nothing but SwiftShader. */
export function swiftshaderEnv(): Record<string, string> {
  unpacked ??= unpack()
  return { LD_LIBRARY_PATH: unpacked, VK_ICD_FILENAMES: join(unpacked, 'vk_swiftshader_icd.json'), XDG_RUNTIME_DIR: unpacked }
}

function unpack(): string {
  const folder = mkdtempSync(join(tmpdir(), 'swiftshader-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const chromium = dirname(createRequire(new URL('e2e/package.json', import.meta.url)).resolve('@sparticuz/chromium'))
  const archive = brotliDecompressSync(readFileSync(join(chromium, '../bin/swiftshader.tar.br')))
  for (const { name, content } of entriesOf(archive)) writeFileSync(join(folder, name), content)
  return folder
}

/** Plain files of a tar archive: 512-byte headers (POSIX ustar: name at 0, octal size at 124), content padded to 512. */
function* entriesOf(archive: Buffer): Generator<{ name: string; content: Buffer }> {
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0; ) {
    const name = archive.toString('latin1', at, at + 100).replace(/\0.*$/s, '')
    const size = Number.parseInt(archive.toString('latin1', at + 124, at + 136), 8)
    yield { name, content: archive.subarray(at + 512, at + 512 + size) }
    at += 512 + Math.ceil(size / 512) * 512
  }
}
