/** Who may import whom: the table of the README, run over every import of every source file. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { relative } from 'node:path'
import { dirname, join } from 'node:path/posix'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const sources = ['main', 'native-models', 'preload', 'renderer']

interface Room {
  /** Folders and files it may import besides itself; 'type …' allows `import type` only. */
  readonly may: readonly string[]
  readonly packages: readonly string[]
  readonly builtins: readonly string[] | 'all'
}

/** The border's nouns as types; errors.ts is the one module without a dependency, so its values may go anywhere in main. */
const contractTypes = ['type preload/contract', 'preload/contract/errors.ts']
const none = { packages: [], builtins: [] }
const inMain = { packages: [], builtins: 'all' } as const
const files = ['node:fs', 'node:fs/promises', 'node:path', 'node:crypto']

const engine: Room = { ...inMain, may: ['native-models', 'main/text', ...contractTypes] }
// Main's side of the two children: the rest of each folder runs in the child alone.
const engineHost = ['main/engine/host.ts', 'main/engine/protocol.ts', 'main/engine/batches.ts']
const engineBorder: Room = { ...inMain, may: [...engineHost, 'main/engine/fork.ts', 'main/children', 'type native-models', ...contractTypes] }
const sandboxHost = ['main/sandbox/host.ts', 'main/sandbox/protocol.ts']
const sandboxBorder: Room = { ...inMain, may: [...sandboxHost, 'main/sandbox/child.ts', 'main/sandbox/chunks.ts', 'main/sandbox/supervisor.ts', 'main/children', 'type main/text', 'type main/data', 'type native-models/weights', ...contractTypes] }
const store: Room = { ...inMain, may: [...contractTypes, 'preload/contract/domain.ts'] }
const entrance: Room = { ...inMain, may: ['main', 'preload/contract'] }

/** A folder (with everything below it), a folder's own files ('main/*'), or one file. The most specific room counts. */
const rooms: Readonly<Record<string, Room>> = {
  'preload/contract': { may: [], packages: ['zod'], builtins: [] },
  'preload/*': { may: ['preload/contract'], packages: ['electron', 'zod'], builtins: [] },
  renderer: { may: ['preload/contract'], packages: ['svelte', 'd3', '@tanstack/svelte-virtual', 'diff'], builtins: [] },
  'renderer/jitless.ts': { may: [], packages: ['zod'], builtins: [] }, // zod is told to evaluate nothing

  'native-models/*': { ...none, may: [] },
  'native-models/onnx': { ...none, may: [] },
  'native-models/onnx/wire.ts': { may: ['native-models/onnx'], packages: ['protobufjs'], builtins: [] },
  'native-models/autodiff': { ...none, may: ['native-models/onnx'] },
  'native-models/families': { ...none, may: ['native-models/onnx', 'type native-models/weights'] },
  'native-models/training': { ...none, may: ['native-models/onnx', 'native-models/autodiff', 'native-models/families', 'native-models/random.ts', 'type native-models/weights'] },
  'native-models/weights': { may: ['native-models/onnx', 'native-models/random.ts'], packages: [], builtins: files },
  'native-models/interchange': { ...none, may: ['native-models/onnx', 'native-models/families', 'type native-models/weights'] },
  'native-models/bundled': { may: ['native-models'], packages: [], builtins: files }, // the recipe writes files

  'main/children': { ...inMain, may: [] },
  'main/cream': { ...none, may: contractTypes },
  'main/text': { ...inMain, may: contractTypes, packages: ['@huggingface/tokenizers', '@huggingface/jinja'] },
  'main/data': { ...inMain, may: ['main/text', 'preload/contract'], packages: ['csv-parse', 'hyparquet', 'hyparquet-compressors'] },
  'main/evaluate': { ...inMain, may: ['main/text', 'main/cream', ...engineHost, 'preload/contract'] },
  'main/export': { ...inMain, may: ['native-models', 'main/text', ...engineHost, ...sandboxHost, 'main/store', 'preload/contract'], packages: ['fflate'] },
  // Recomputes a bundle's figures from its raw rows: with the method itself, and with no database.
  'main/export/verify': { ...inMain, may: ['main/cream', 'main/evaluate/answers.ts', 'main/store/ids.ts', 'native-models/random.ts', 'native-models/training/schedule.ts', 'preload/contract'], packages: ['zod'] },
  'main/engine': engine,
  'main/engine/host.ts': engineBorder,
  'main/engine/protocol.ts': engineBorder,
  'main/engine/batches.ts': engineBorder,
  'main/engine/fork.ts': engineBorder,
  'main/engine/sessions.ts': { ...engine, may: [...engine.may, 'main/engine'], packages: ['onnxruntime-node'] },
  'main/store': store,
  'main/store/database.ts': { ...store, may: [...store.may, 'main/store'], packages: ['better-sqlite3'] },
  'main/sandbox': { ...inMain, may: ['main/text', 'main/data', 'native-models/weights', ...contractTypes] },
  'main/sandbox/host.ts': sandboxBorder,
  'main/sandbox/protocol.ts': sandboxBorder,
  'main/sandbox/child.ts': sandboxBorder,
  'main/sandbox/chunks.ts': sandboxBorder,
  'main/sandbox/supervisor.ts': sandboxBorder,
  'main/pipeline': {
    ...inMain,
    may: ['main/cream', 'main/store', ...engineHost, ...sandboxHost, 'main/evaluate', 'main/export', 'native-models/weights', 'native-models/random.ts', 'native-models/training/schedule.ts', 'preload/contract'],
  },
  'main/ipc': { ...inMain, may: ['main/pipeline', 'main/cream', 'main/store', 'main/export', ...sandboxHost, 'preload/contract'] },
  'main/hosts': entrance,
  'main/hosts/electron.ts': { ...entrance, packages: ['electron'] },
  'main/hosts/electron': { ...entrance, packages: ['electron'] },
  'main/hosts/browser.ts': { ...entrance, packages: ['ws'] },
  'main/*': { ...entrance, packages: ['commander'] },
  'main/cli': { ...entrance, may: [...entrance.may, 'native-models'], packages: ['commander', 'zod'] },
  'main/index.ts': { ...entrance, packages: ['electron'] },
}

describe('who may import whom', () => {
  const all = sources.filter((folder) => existsSync(join(root, folder))).flatMap(sourceFiles)

  it(`holds for ${all.length} files`, () => {
    expect(all.length).toBeGreaterThan(20)
    expect(all.flatMap((file) => violations(file, readFileSync(join(root, file), 'utf8')))).toEqual([])
  })

  it('gives every file a room', () => {
    expect(all.filter((file) => roomOf(file) === undefined)).toEqual([])
  })

  it('names only rooms that are rooms', () => {
    const known = (place: string) => place in rooms || roomOf(place) !== undefined || sources.includes(place)
    const named = Object.values(rooms).flatMap(({ may }) => may.map((allowed) => allowed.replace(/^type /, '')))
    expect(named.filter((place) => !known(place))).toEqual([])
  })
})

describe('the test itself', () => {
  it.each([
    ['main/cream/x.ts', "import { all } from '../store/database.ts'", 'main/store/database.ts'],
    ['main/cream/x.ts', "import { Stage } from '../../preload/contract/domain.ts'", 'preload/contract/domain.ts'],
    ['main/cream/x.ts', "import { type Stage } from '../../preload/contract/domain.ts'", 'preload/contract/domain.ts'], // loads the module all the same
    ['main/cream/x.ts', "import { readFileSync } from 'node:fs'", 'node:fs'],
    ['main/cream/x.ts', "import { readFileSync } from 'fs'", 'node:fs'],
    ['main/cream/x.ts', "export * from '../engine/host.ts'", 'main/engine/host.ts'],
    ['main/cream/x.ts', "export type { A } from '../engine/host.ts'", 'main/engine/host.ts'],
    ['main/cream/x.ts', "import '../text/model.ts'", 'main/text/model.ts'],
    ['main/cream/x.ts', "const a = await import('../store/database.ts')", 'main/store/database.ts'],
    ['main/cream/x.ts', 'const a = await import(`../store/database.ts`)', 'main/store/database.ts'],
    ['main/cream/x.ts', "const a = require('../store/database.ts')", 'main/store/database.ts'],
    ['main/cream/x.ts', "let a: import('../store/database.ts').Database", 'main/store/database.ts'],
    ['main/cream/x.ts', 'const a = await import(name)', 'a computed name'],
    ['main/engine/trainer.ts', "import type { Tensor } from 'onnxruntime-node'", 'onnxruntime-node'],
    ['main/engine/host.ts', "import { train } from './trainer.ts'", 'main/engine/trainer.ts'],
    ['main/store/runs.ts', "import Sqlite from 'better-sqlite3'", 'better-sqlite3'],
    ['main/pipeline/train.ts', "import { train } from '../engine/trainer.ts'", 'main/engine/trainer.ts'],
    ['main/pipeline/train.ts', "import { runConfig } from '../cli.ts'", 'main/cli.ts'],
    ['native-models/onnx/builder.ts', "import { rules } from '../autodiff/registry.ts'", 'native-models/autodiff/registry.ts'],
    ['native-models/training/lora.ts', "import { readFileSync } from 'node:fs'", 'node:fs'],
    ['native-models/weights/files.ts', "import { fork } from 'node:child_process'", 'node:child_process'],
    ['native-models/random.ts', "import { AppError } from '../preload/contract/errors.ts'", 'preload/contract/errors.ts'],
    ['preload/contract/domain.ts', "import { all } from '../../main/store/database.ts'", 'main/store/database.ts'],
    ['main/text/model.ts', "import { x } from '../../tests/x.ts'", 'tests/x.ts'],
    ['renderer/App.svelte', "<p>import</p>\n<script lang=\"ts\">\nimport { all } from '../main/store/database.ts'\n</script>", 'main/store/database.ts'],
  ])('catches in %s: %s', (file, source, target) => {
    const found = violations(file, source)
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(`${file}:${file.endsWith('.svelte') ? 3 : 1} → ${target}: `)
  })

  it.each([
    ['main/cream/x.ts', "import type { Stage } from '../../preload/contract/domain.ts'"],
    ['main/cream/x.ts', "import { AppError } from '../../preload/contract/errors.ts'"],
    ['main/cream/x.ts', "import { ranking } from './rankings.ts'"],
    ['main/cream/x.ts', "// import '../store/database.ts'\nconst s = \"import '../store/database.ts'\""],
    ['main/engine/sessions.ts', "import * as ort from 'onnxruntime-node'\nimport { pool } from './pool.ts'"],
    ['main/cli.ts', "import { Command } from 'commander'\nimport { run } from './pipeline/runner.ts'"],
    ['renderer/charts/Tau.svelte', "<script lang=\"ts\">import { scaleLinear } from 'd3'; import Axis from './Axis.svelte'</script>"],
    ['native-models/onnx/wire.ts', "import protobuf from 'protobufjs/light.js'"],
  ])('lets pass in %s: %s', (file, source) => {
    expect(violations(file, source)).toEqual([])
  })

  it('knows no room for a new folder', () => {
    expect(roomOf('main/newcomer/x.ts')).toBeUndefined()
    expect(roomOf('native-models/newcomer/x.ts')).toBeUndefined()
    expect(violations('main/newcomer/x.ts', '')).toEqual(['main/newcomer/x.ts: no room of the table covers it'])
  })
})

interface Import {
  readonly line: number
  /** Undefined when the name is computed. */
  readonly specifier: string | undefined
  /** Vanishes when the types are stripped. */
  readonly typeOnly: boolean
}

/** One sentence for each import that the table forbids: file:line → target: the rule. */
function violations(file: string, source: string): string[] {
  const name = roomOf(file)
  if (name === undefined) return [`${file}: no room of the table covers it`]
  const room = rooms[name]!
  return importsOf(file, source).flatMap(({ line, specifier, typeOnly }) => {
    const fault = (target: string, rule: string) => [`${file}:${line} → ${target}: ${name} ${rule}`]
    if (specifier === undefined) return fault('a computed name', 'may import only by a literal name, so that it can be checked')
    if (specifier.startsWith('.')) {
      const target = join(dirname(file), specifier.replace(/\?.*$/, ''))
      const allowed = [name, ...room.may].some((place) => covers(place.replace(/^type /, ''), target) && (typeOnly || !place.startsWith('type ')))
      return allowed ? [] : fault(target, `may import ${list([...room.may, 'itself'])}`)
    }
    if (isBuiltin(specifier)) {
      const builtin = specifier.startsWith('node:') ? specifier : `node:${specifier}`
      return room.builtins === 'all' || room.builtins.includes(builtin) ? [] : fault(builtin, `may use of Node ${list(room.builtins)}`)
    }
    const packageName = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
    return room.packages.includes(packageName) ? [] : fault(packageName, `may use the packages ${list(room.packages)}`)
  })
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ')
}

/** The most specific room that covers a file: one file before a folder's own files, a deep folder before a shallow one. */
function roomOf(file: string): string | undefined {
  return Object.keys(rooms).filter((place) => covers(place, file)).sort((a, b) => b.length - a.length)[0]
}

function covers(place: string, file: string): boolean {
  if (place.endsWith('/*')) return dirname(file) === place.slice(0, -2)
  return file === place || file.startsWith(`${place}/`)
}

function importsOf(file: string, source: string): Import[] {
  const script = file.endsWith('.svelte') ? scriptOf(source) : source
  const tree = ts.createSourceFile(file, script, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS)
  const found: Import[] = []
  const add = (node: ts.Node, name: ts.Node | undefined, typeOnly: boolean) => {
    const line = tree.getLineAndCharacterOfPosition(node.getStart()).line + 1
    found.push({ line, specifier: name && ts.isStringLiteralLike(name) ? name.text : undefined, typeOnly })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword)
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier) add(node, node.moduleSpecifier, node.isTypeOnly)
    else if (ts.isImportTypeNode(node)) add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true)
    else if (ts.isCallExpression(node) && isImportCall(node.expression)) add(node, node.arguments[0], false)
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

function isImportCall(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require')
}

/** A Svelte component's scripts, everything else blanked so that line numbers stay. */
function scriptOf(component: string): string {
  let script = ''
  let end = 0
  for (const match of component.matchAll(/<script\b[^>]*>([\s\S]*?)<\/script>/g)) {
    const start = match.index + match[0].indexOf('>') + 1
    script += component.slice(end, start).replace(/[^\n]/g, ' ') + match[1]!
    end = start + match[1]!.length
  }
  return script
}

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|svelte)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
}
