/** From M0 to the last model: who was trained from whom, and by which settings. */
import { RunConfig } from '../../../preload/contract/config.ts'
import { iterationId, modelId, modelName, producedModelId } from '../../store/ids.ts'
import { type Evidence, expectRow, expectSame, refuseRow, type Settled } from './evidence.ts'
import type { RowOf } from './rows.ts'

/** @returns the iterations, SFT first @throws Differs */
export function checkLineage(evidence: Evidence): Settled[] {
  const { run, rows } = evidence
  const settled = [...rows.iterations.values()].map((iteration): Settled => ({ ...iteration, config: settingsOf(evidence, iteration) }))
  if (settled.length === 0) refuseRow('iterations', run.id, '', undefined, 'iteration 0 at least')
  const base = modelId(run.id, 'M0')
  expectSame('iterations', settled[0]!.id, run.seed, settled[0]!.config.seed, 'settings.seed')
  expectRow(evidence, 'models', base, { id: base, name: 'M0', parentId: null, kind: 'base', sha256: run.baseSha256 })

  settled.forEach((iteration, t) => {
    const parent = settled[t - 1]
    const { id } = iteration
    const own = iterationOwn(run.id, t, id)
    expectSame('iterations', id, pick(iteration), {
      id: own, t, parentId: parent?.id ?? null, policyModelId: parent ? parent.producedModelId : base, previousModelId: parent ? parent.policyModelId : null, baseModelId: base,
      producedModelId: iteration.producedModelId === null && t === settled.length - 1 ? null : producedModelId(id),
    })
    iterationOwn(run.id, t, iteration.samplesId, 'samplesId', id)
    if (iteration.producedModelId === null) return
    const { sha256 = '' } = rows.models.get(iteration.producedModelId) ?? {}
    expectRow(evidence, 'models', iteration.producedModelId, {
      id: iteration.producedModelId, name: modelName(iteration.producedModelId), parentId: iteration.policyModelId, kind: iteration.config.tuning.kind === 'lora' ? 'adapter' : 'full', sha256,
    })
  })
  const known = new Set([base, ...settled.map(({ producedModelId: id }) => id)])
  for (const id of rows.models.keys()) if (!known.has(id)) expectRow(evidence, 'models', id, undefined)
  if (evidence.model !== null) expectSame('iterations', settled.at(-1)!.id, settled.at(-1)!.producedModelId, modelOfName(evidence, evidence.model), 'producedModelId')
  return settled
}

const pick = ({ id, t, parentId, policyModelId, previousModelId, baseModelId, producedModelId: produced }: Settled) => ({ id, t, parentId, policyModelId, previousModelId, baseModelId, producedModelId: produced })

const modelOfName = ({ rows }: Evidence, name: string): string | undefined => [...rows.models.values()].find((model) => model.name === name)?.id

/** The id, if it is one of this t; a branch has a number. */
function iterationOwn(runId: string, t: number, id: string, field = 'id', row = id): string {
  const plain = iterationId(runId, t)
  if (id !== plain && !(id.startsWith(`${plain}b`) && /^[1-9]\d*$/.test(id.slice(plain.length + 1)))) refuseRow('iterations', row, field, id, `${plain}, or a branch of it`)
  return id
}

function settingsOf({ run }: Evidence, { id, settings }: RowOf<'iterations'>): RunConfig {
  const parsed = RunConfig.safeParse({ ...run.config, ...settings })
  if (!parsed.success) refuseRow('iterations', id, `settings.${parsed.error.issues[0]!.path.join('.')}`, settings, 'settings that a run can have')
  return parsed.data
}
