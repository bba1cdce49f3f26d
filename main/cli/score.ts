/** `score`: log-probabilities of given completions, one line out for every line in. */
import { resolve } from 'node:path'
import { PromptInput } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { planScoring } from '../engine/batches.ts'
import type { Sequence } from '../engine/protocol.ts'
import { checkModel, openModel, requireDevice } from '../pipeline/open-model.ts'
import type { SandboxText } from '../sandbox/host.ts'
import { type InputLine, readJsonLines } from './input.ts'
import { type ModelOptions, addModelOptions } from './options.ts'
import { type AddCommand, type Shell, withEngine, withSandbox } from './shell.ts'

interface Options extends ModelOptions {
  readonly input: string
  readonly perToken?: true
}

export const addScore: AddCommand = (program, act) => {
  addModelOptions(program.command('score').description('Log-probabilities of completions: {"logps", "meanLogps", "tokens"} a line, in the input\'s order (nats).'))
    .requiredOption('--input <file>', 'JSON Lines: {"prompt": text or messages, "response": text} or {"prompt_ids": […], "completion_ids": […]}')
    .option('--per-token', 'also print "perTokenLogps"')
    .action(act<Options>(async (options, shell) => {
      const lines = readJsonLines(options.input).map((line) => readScoreLine(line, options.input))
      const sequences = await encodeLines(lines, options)
      await scoreSequences(sequences, options, shell)
    }))
}

type ScoreLine = { readonly where: string } & (
  | { readonly kind: 'text'; readonly prompt: PromptInput; readonly response: string }
  | { readonly kind: 'ids'; readonly promptIds: readonly number[]; readonly completionIds: readonly number[] }
)

const isIds = (value: unknown): value is number[] => Array.isArray(value) && value.every((id) => Number.isSafeInteger(id) && id >= 0)

function readScoreLine({ number, value }: InputLine, file: string): ScoreLine {
  const where = `${file}: line ${number}`
  const { prompt_ids: promptIds, completion_ids: completionIds, prompt, response } = (value ?? {}) as Record<string, unknown>
  if (isIds(promptIds) && isIds(completionIds)) return { where, kind: 'ids', promptIds, completionIds }
  const { success, data } = PromptInput.safeParse(prompt)
  if (success && typeof response === 'string') return { where, kind: 'text', prompt: data, response }
  throw new AppError('bad-data', `${where} is neither {"prompt": text or messages, "response": text} nor {"prompt_ids": […], "completion_ids": […]} with whole numbers; repair it.`)
}

/** Lines as tokens, checked one by one. The tokenizer is opened only if a line needs it. */
async function encodeLines(lines: readonly ScoreLine[], { model }: Options): Promise<Sequence[]> {
  const folder = resolve(model)
  const texts = lines.filter((line) => line.kind === 'text')
  const config = checkModel(folder)
  const encoded = texts.length === 0 ? [] : await withSandbox(async (sandbox) => encodeTexts((await openModel(sandbox, folder)).text, texts))
  const ofText = new Map(texts.map((line, i) => [line, encoded[i]!]))
  return lines.map((line) => checkSequence(line.where, line.kind === 'ids' ? line : ofText.get(line)!, config))
}

type Encoded = { readonly promptIds: readonly number[]; readonly completionIds: readonly number[] }

async function encodeTexts(text: SandboxText, lines: readonly Extract<ScoreLine, { kind: 'text' }>[]): Promise<Encoded[]> {
  const examples = await text.encodeExamples(lines.map(({ prompt, response }) => ({ prompt, response })))
  return examples.map((example, i) => {
    if ('rejected' in example) throw new AppError('bad-data', `${lines[i]!.where}: ${example.rejected}`)
    return { promptIds: example.ids.slice(0, example.completionStart), completionIds: example.ids.slice(example.completionStart) }
  })
}

/** Nothing is cut or skipped silently: the line at fault is named. */
function checkSequence(where: string, { promptIds, completionIds }: Encoded, { vocabSize, maxPositions }: ReturnType<typeof checkModel>): Sequence {
  const refuse = (sentence: string): never => {
    throw new AppError('bad-data', `${where} ${sentence}`)
  }
  if (promptIds.length === 0) refuse('has an empty prompt; give at least one token (the BOS) to predict from.')
  if (completionIds.length === 0) refuse('has an empty completion; leave it out.')
  const stranger = [...promptIds, ...completionIds].find((id) => id >= vocabSize)
  if (stranger !== undefined) refuse(`holds the token id ${stranger}, but the model's ids end at ${vocabSize - 1}; use ids of this model's tokenizer.`)
  const length = promptIds.length + completionIds.length
  if (length > maxPositions) refuse(`has ${length} tokens, but the model's context holds ${maxPositions}; shorten it.`)
  return { promptIds: Int32Array.from(promptIds), completionIds: Int32Array.from(completionIds) }
}

async function scoreSequences(sequences: readonly Sequence[], { model, adapter, device, weights, threads, perToken }: Options, { terminal, signal }: Shell): Promise<void> {
  const ref = { folder: resolve(model), adapter: adapter === undefined ? null : resolve(adapter) }
  const plan = planScoring(sequences.map(({ promptIds, completionIds }) => ({ promptTokens: promptIds.length, completionTokens: completionIds.length })))
  const scored: Float32Array[] = []
  const tokensOf = (members: readonly number[]): number => members.reduce((sum, i) => sum + sequences[i]!.promptIds.length + sequences[i]!.completionIds.length, 0)
  const progress = terminal.progress('scoring', tokensOf(sequences.map((_, i) => i)), 'tokens')
  let done = 0
  await withEngine(async (engine) => {
    await requireDevice(engine, { device, weights })
    for (const { members, shape } of plan) {
      const { perTokenLogps } = await engine.call('score', { models: [ref], sequences: members.map((i) => sequences[i]!), shape, device, weights, threads }, { signal })
      members.forEach((member, row) => (scored[member] = perTokenLogps[0]![row]!))
      progress.reach((done += tokensOf(members)))
    }
  }).finally(() => progress.finish())
  for (const logps of scored) terminal.object(summarise(logps, perToken))
}

function summarise(perTokenLogps: Float32Array, perToken: true | undefined) {
  const logps = perTokenLogps.reduce((sum, logp) => sum + logp, 0) // float64: Float32Array.reduce adds numbers
  const tokens = perTokenLogps.length
  return { logps, meanLogps: logps / tokens, tokens, ...(perToken && { perTokenLogps: [...perTokenLogps] }) }
}
