/** The README.md of an export: what it is, the proof, how it came to be, and what is known of its quality. Markdown with a YAML head. */
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { ExportChoice, Proof } from '../../preload/contract/requests/export.ts'
import { type ExportSource, type LineageRound, titleOf } from './source.ts'
import { trlOf } from './trl.ts'

/** `proof` null: a preview, nothing is written yet. */
export function modelCard(source: ExportSource, choice: ExportChoice, { proof, notes }: { readonly proof: Proof | null; readonly notes: readonly string[] }): string {
  const { lineage } = source
  const sections = [
    `# ${titleOf(source)}`,
    summaryOf(source, choice),
    notes.length > 0 ? `## About this copy\n\n${listOf(notes)}` : null,
    `## Proof\n\n${proofOf(proof)}`,
    `## How it was made\n\n${historyOf(source)}`,
    lineage.rounds.some(({ t }) => t > 0) ? `## Consistency\n\n${consistencyOf(lineage.rounds)}` : null,
    `## Spot-check by people\n\n${auditOf(lineage.rounds)}`,
    `## Evaluation\n\n${evaluationOf(source)}`,
    lineage.rounds.length > 0 ? `## The same in TRL\n\n${inTrl(lineage.rounds)}` : null,
    lineage.rounds.length > 0 ? `## Configuration\n\n${configurationOf(lineage.rounds)}` : null,
  ]
  return `${headOf(source, choice)}\n${sections.filter((one) => one !== null).join('\n\n')}\n`
}

function headOf({ lineage, textFolder, model }: ExportSource, { format }: ExportChoice): string {
  const license = licenceIn(textFolder)
  const relation = { merged: 'finetune', peft: 'adapter', gguf: 'quantized', onnx: 'quantized', preferences: null, cream: null, bundle: null }[format]
  const library = { merged: 'transformers', peft: 'peft', gguf: 'llama.cpp', onnx: 'transformers.js', preferences: null, cream: null, bundle: null }[format]
  const { data } = lineage.rounds.at(-1)?.config ?? { data: null }
  const datasets = data ? [...new Set([data.sft, data.prompts].flatMap((file) => (file === undefined ? [] : [fileName(file)])))] : []
  const yaml = (key: string, value: string | readonly string[] | null): string[] => {
    if (value === null || value.length === 0) return []
    return typeof value === 'string' ? [`${key}: ${JSON.stringify(value)}`] : [`${key}:`, ...value.map((one) => `- ${JSON.stringify(one)}`)]
  }
  return ['---', ...yaml('base_model', lineage.base.name), ...yaml('base_model_relation', relation), ...yaml('library_name', library), ...yaml('license', license), ...yaml('pipeline_tag', 'text-generation'),
    ...yaml('tags', ['creamery', 'cream', ...(model.kind === 'base' ? [] : ['self-rewarding', 'dpo'])]), ...yaml('datasets', datasets), '---'].join('\n')
}

/** The licence that the base's own card names. */
function licenceIn(folder: string): string | null {
  try {
    const head = /^---\n([\s\S]*?)\n---/.exec(readFileSync(join(folder, 'README.md'), 'utf8'))?.[1] ?? ''
    return /^license:\s*["']?([\w.-]+)["']?\s*$/m.exec(head)?.[1] ?? null
  } catch {
    return null // the base has no card, which the text below says
  }
}

function summaryOf({ lineage, textFolder, model, config }: ExportSource, choice: ExportChoice): string {
  const kind = model.kind === 'base' ? `the unchanged base model ${lineage.base.name}` : `${lineage.base.name} aligned with itself by CREAM (consistency-regularised self-rewarding, arXiv 2410.12735)`
  const terms = licenceIn(textFolder) === null ? ' The base names no licence in its folder; the terms of the base model apply.' : ''
  return `${model.name} of the project "${lineage.project}": ${kind}, written by Creamery as ${describe(choice)}. Architecture ${config.architecture}, ${config.layers} layers, hidden size ${config.hiddenSize}, vocabulary ${config.vocabSize}.${terms}`
}

export function describe(choice: ExportChoice): string {
  switch (choice.format) {
    case 'merged': return `a Hugging Face folder (${choice.dtype})`
    case 'peft': return 'a PEFT adapter'
    case 'gguf': return `GGUF (${choice.precision})`
    case 'onnx': return `ONNX for transformers.js (${choice.precisions.join(', ')})`
    case 'preferences': return `preference data (${choice.form})`
    case 'cream': return "CREAM's own files"
    case 'bundle': return `an evidence bundle (${choice.texts ? 'with' : 'without'} texts)`
  }
}

function proofOf(proof: Proof | null): string {
  if (proof === null) return 'Every export is opened again and held against its source before it is called done; the findings will stand here.'
  const delta = proof.maxLogitDelta === null ? '' : `\n\nLargest difference of a logit on fixed prompts: **${proof.maxLogitDelta.toExponential(2)}** (at most ${proof.bound!.toExponential(2)} is taken for this precision).`
  const verdict = proof.passed ? 'Opened again after writing and held against its source: every check passed.' : '**THE PROOF FAILED: do not use this copy.**'
  return `${verdict}${delta}\n\n${tableOf(['check', 'result', 'finding'], proof.checks.map(({ name, passed, finding }) => [name, passed ? 'passed' : '**failed**', finding]))}`
}

function historyOf({ lineage, model, ref }: ExportSource): string {
  const rounds = lineage.rounds.map(({ t, makes, labels, training, sha256, config }) => [makes, t === 0 ? 'SFT' : `DPO, ${config.method}`, labels ? `${labels.judge + labels.person} (${labels.person} by people, ${labels.dropped} dropped)` : '–', training ? `${training.steps}` : '–', training ? `${fixed(training.firstLoss)} → ${fixed(training.lastLoss)}` : '–', `\`${sha256}\``])
  return [
    tableOf(['model', 'by', 'pairs', 'steps', 'loss', 'sha256 of its weights'], [[`M0 (${lineage.base.name})`, 'imported', '–', '–', '–', `\`${lineage.base.sha256}\``], ...rounds]),
    `Seed ${lineage.seed}; ${model.kind === 'adapter' ? 'a LoRA adapter over M0 throughout' : model.kind === 'full' ? 'all weights trained' : 'not trained'}.${ref.adapter === null ? '' : ' The base\'s sha256 is over its files, as `sha256sum` lists them.'}${environmentOf(lineage.rounds)}`,
  ].join('\n\n')
}

/** What the rounds were computed on. */
function environmentOf(rounds: readonly LineageRound[]): string {
  const devices = [...new Set(rounds.map(({ config: { device } }) => device))]
  if (devices.length === 0) return ''
  const isRounded = rounds.some(({ config: { weights } }) => weights === 'fp16')
  return ` Computed on ${devices.join(' and ')}, the weights of M0 ${isRounded ? 'rounded to fp16 in memory (not yet verified on a real graphics card); what is written here is made from the original files' : 'in fp32'}.`
}

function consistencyOf(rounds: readonly LineageRound[]): string {
  const rows = rounds.filter(({ t }) => t > 0).map(({ t, judged, trainedC }) => [String(t), fixed(judged?.consistency ?? null), judged?.chance ? `${fixed(judged.chance.mean)} ± ${fixed(judged.chance.sd)}` : '–', percent(judged?.belowHalf ?? null), fixed(judged?.rewardAccuracy ?? null), fixed(trainedC)])
  return `${tableOf(['iteration', 'mean C', 'chance', 'C < 0.5', 'reward accuracy', 'C trained with'], rows)}\n\nC says how far two judges agree; it is not accuracy.`
}

function auditOf(rounds: readonly LineageRound[]): string {
  const audited = rounds.filter(({ t }) => t > 0)
  if (audited.length === 0) return 'Not audited: no pair was trained on.'
  return listOf(audited.map(({ t, audit, gate }) => {
    const decision = gate === null ? 'no decision' : gate.choice === 'train-anyway' ? `trained anyway: “${gate.reason}”` : gate.choice === 'keep-only' ? `kept only pairs with ${[gate.minConsistency !== null && `C ≥ ${gate.minConsistency}`, gate.minMargin !== null && `margin ≥ ${gate.minMargin}`].filter(Boolean).join(' and ')}` : gate.choice
    if (audit === null) return `Iteration ${t}: **not audited** (gate: ${decision}).`
    const { agreement, control, kappa, selfAgreement, planned, population, outcomes } = audit
    const share = (one: typeof agreement): string => (one === null ? 'none' : `${percent(one.rate)} [${percent(one.low)}, ${percent(one.high)}], n = ${one.n}`)
    return `Iteration ${t}: ${planned} of ${population} pairs (${outcomes.agree} agree, ${outcomes.disagree} disagree, ${outcomes.tie} ties, ${outcomes.skip} skipped, ${outcomes.flag} flagged). Agreement, weighted: ${share(agreement)}; random control: ${share(control)}; κ ${fixed(kappa)}; self-agreement: ${share(selfAgreement)}. Gate: ${decision}${gate?.measureOnly ? ', verdicts measured only' : ''}.`
  }))
}

function evaluationOf({ lineage }: ExportSource): string {
  const tasks = [...new Set(lineage.figures.flatMap((one) => Object.keys(one.tasks)))]
  if (tasks.length === 0) return 'Not evaluated.'
  const cell = ({ greedy, sampled }: ExportSource['lineage']['figures'][number]['tasks'][string] = {}): string =>
    [greedy && `${percent(greedy.accuracy)} [${percent(greedy.low)}, ${percent(greedy.high)}] of ${greedy.items}`, sampled && `sampled ${percent(sampled.accuracy)}`].filter(Boolean).join(', ') || '–'
  const scorer = lineage.rounds.at(-1)?.config.evaluation.scorer
  return `${tableOf(['model', ...tasks], lineage.figures.map(({ model, tasks: measured }) => [model, ...tasks.map((task) => cell(measured[task]))]))}\n\nHeld-out accuracy, greedy with 95 % intervals${scorer ? `; scorer "${scorer}"` : ''}.`
}

function inTrl(rounds: readonly LineageRound[]): string {
  const { python, missing } = trlOf(rounds)
  return `\`\`\`python\n${python}\n\`\`\`${missing.length > 0 ? `\n\nWhat TRL cannot say:\n\n${listOf(missing)}` : ''}`
}

/** Files by their names only: a path says something of the machine it was made on. */
function configurationOf(rounds: readonly LineageRound[]): string {
  const { model, data, oracle, ...rest } = rounds.at(-1)!.config
  const named = {
    model: fileName(model), ...rest, oracle: { ...oracle, rewards: fileName(oracle.rewards) },
    data: { ...data, ...(data.sft !== undefined && { sft: fileName(data.sft) }), prompts: fileName(data.prompts), evaluation: data.evaluation.map((one) => ({ ...one, file: fileName(one.file) })) },
  }
  return `As of the last iteration:\n\n\`\`\`json\n${JSON.stringify(named, null, 2)}\n\`\`\``
}

const fileName = (path: string): string => basename(path.replaceAll('\\', '/'))
const listOf = (sentences: readonly string[]): string => sentences.map((one) => `- ${one}`).join('\n')
const tableOf = (head: readonly string[], rows: readonly (readonly string[])[]): string => [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`).join('\n')
const fixed = (value: number | null): string => (value === null ? '–' : value.toFixed(3))
const percent = (share: number | null): string => (share === null ? '–' : `${(100 * share).toFixed(1)} %`)
