/**
 * `npx node tests/bench/import.ts [--folder DIR] [--json]` (Linux)
 * Makes a random Llama of 1.1 B parameters (TinyLlama's shape: BF16, sharded, 2.2 GB), inspects it, imports it as a copy and
 * once more with a LoRA adapter merged in (F32, 4.4 GB), and says how long each takes and how much memory the command and
 * its sandbox hold together at their most. Everything made is deleted.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeAdapter, makeModel, measure, table } from './large.ts'

const { values } = parseArgs({ options: { folder: { type: 'string', default: tmpdir() }, json: { type: 'boolean', default: false } } })
const folder = mkdtempSync(join(values.folder, 'creamery-import-'))
try {
  const [model, adapter] = [join(folder, 'model'), join(folder, 'adapter')]
  const config = await makeModel(model)
  const measured = [await measure('inspect', ['inspect', model]), await measure('import', ['import', model, '--to', join(folder, 'copy')])]
  rmSync(join(folder, 'copy'), { recursive: true })
  await makeAdapter(adapter, config)
  measured.push(await measure('import with an adapter', ['import', model, '--adapter', adapter, '--to', join(folder, 'merged')]))
  console.log(values.json ? JSON.stringify(measured) : table(measured))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
