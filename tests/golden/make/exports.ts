/** Exports every golden model that has an adapter, merged and as PEFT, into a folder: what exports.py loads. Run: node exports.ts FOLDER */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EngineHost } from '../../../main/engine/host.ts'
import { startSandbox } from '../../../main/sandbox/host.ts'
import { exportFolder } from '../../export/export-folder.ts'
import { writeTinyText } from '../../export/random-model.ts'

const out = process.argv[2]!
const goldens = join(import.meta.dirname, '..')
const tools = { engine: EngineHost.start(), sandbox: startSandbox() }
mkdirSync(out, { recursive: true })
const textFolder = join(out, 'text')
writeTinyText(textFolder)
const made: Record<string, string> = {}
for (const name of ['llama', 'families'].flatMap((kind) => readdirSync(join(goldens, kind)).map((model) => `${kind}/${model}`)).filter((model) => existsSync(join(goldens, model, 'adapter'))).sort()) {
  const ref = { folder: join(goldens, name), adapter: join(goldens, name, 'adapter') }
  const at = (format: string): string => join(out, `${name.replace('/', '-')}-${format}`)
  const { files } = await exportFolder(tools, ref, { format: 'merged', dtype: 'f32' }, at('merged'), { textFolder })
  made[name] = files.find((file) => file.name === 'model.safetensors')!.sha256
  if (!name.includes('phi3')) await exportFolder(tools, ref, { format: 'peft' }, at('peft'), { textFolder })
}
writeFileSync(join(out, 'made.json'), JSON.stringify(made))
await Promise.all([tools.engine.close(), tools.sandbox.close()])
