/** Exports every golden model that has an adapter, merged and as PEFT, into a folder: what exports.py loads. Run: node exports.ts FOLDER */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EngineHost } from '../../../main/engine/host.ts'
import type { Exported } from '../../../main/export/export.ts'
import { startSandbox } from '../../../main/sandbox/host.ts'
import { exportFolder } from '../../export/export-folder.ts'
import { writeTinyText } from '../../export/random-model.ts'

const sha256Of = ({ files }: Exported, file: string): string => files.find(({ name }) => name === file)!.sha256
const out = process.argv[2]!
const goldens = join(import.meta.dirname, '..')
const tools = { engine: EngineHost.start(), sandbox: startSandbox() }
mkdirSync(out, { recursive: true })
const textFolder = join(out, 'text')
writeTinyText(textFolder)
const made: Record<string, { sha256: string; adapterSha256: string }> = {}
for (const name of ['llama', 'families'].flatMap((kind) => readdirSync(join(goldens, kind)).map((model) => `${kind}/${model}`)).filter((model) => existsSync(join(goldens, model, 'adapter'))).sort()) {
  const ref = { folder: join(goldens, name), adapter: join(goldens, name, 'adapter') }
  const at = (format: string): string => join(out, `${name.replace('/', '-')}-${format}`)
  const merged = await exportFolder(tools, ref, { format: 'merged', dtype: 'f32' }, at('merged'), { textFolder })
  const peft = await exportFolder(tools, ref, { format: 'peft' }, at('peft'), { textFolder })
  made[name] = { sha256: sha256Of(merged, 'model.safetensors'), adapterSha256: sha256Of(peft, 'adapter_model.safetensors') }
}
writeFileSync(join(out, 'made.json'), JSON.stringify(made))
await Promise.all([tools.engine.close(), tools.sandbox.close()])
