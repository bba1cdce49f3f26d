/**
 * `npx node tests/bench/export.ts [--folder DIR] [--json] [format[:precision] …]` (Linux)
 * Makes a random Llama of 1.1 B parameters with an adapter, as a project whose M1 it is, exports that in the formats named
 * (merged:f32, unless others are), each proved, and says how long each took, and how much memory main and its children held
 * at their most. Everything made is deleted.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { hashCheckpoint } from '../../native-models/weights/hash.ts'
import { loadConfig } from '../../main/pipeline/config.ts'
import { storeRun } from '../../main/pipeline/plan-run.ts'
import { modelId } from '../../main/store/ids.ts'
import { iterationsOf, setProducedModel } from '../../main/store/iterations.ts'
import { insertModel } from '../../main/store/models.ts'
import { openProject } from '../../main/store/project.ts'
import { makeAdapter, makeModel, measure, table } from './large.ts'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { folder: { type: 'string', default: tmpdir() }, json: { type: 'boolean', default: false } } })
const folder = mkdtempSync(join(values.folder, 'creamery-export-'))
try {
  const project = await makeProject(join(folder, 'project'), join(folder, 'model'))
  const measured = []
  for (const [i, choice] of (positionals.length > 0 ? positionals : ['merged:f32']).entries()) {
    const [format, precision] = choice.split(':') as [string, string?]
    const target = join(folder, `export-${i}`)
    measured.push(await measure(choice, ['export', '--project', project, '--model', 'M1', '--format', format, ...(precision ? ['--precision', precision] : []), '--out', target]))
    rmSync(target, { recursive: true })
  }
  console.log(values.json ? JSON.stringify(measured) : table(measured))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function makeProject(to: string, model: string): Promise<string> {
  const config = await makeModel(model)
  const adapter = join('adapters', 'run1.M1')
  mkdirSync(to)
  const { db, folder, close } = openProject(to)
  await makeAdapter(join(folder, adapter), config)
  const { sha256 } = await hashCheckpoint(model)
  const run = storeRun(db, { config: { ...loadConfig({ preset: 'demo' }), model }, baseSha256: sha256, prompts: [] }, 1)
  const made = modelId(run.id, 'M1')
  insertModel(db, { id: made, runId: run.id, name: 'M1', parentId: modelId(run.id, 'M0'), kind: 'adapter', path: adapter, sha256: '0'.repeat(64) })
  setProducedModel(db, iterationsOf(db, run.id)[0]!.id, made)
  close()
  return to
}
