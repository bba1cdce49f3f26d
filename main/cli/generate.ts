/** `generate`: responses to one prompt. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { FinishReason } from '../../preload/contract/domain.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { roundLength } from '../engine/batches.ts'
import type { EngineHost } from '../engine/host.ts'
import type { SampleEvent, SampleParams } from '../engine/protocol.ts'
import { checkModel, openModel, requireDevice } from '../pipeline/open-model.ts'
import type { Sandbox, SandboxText } from '../sandbox/host.ts'
import { type ModelOptions, addModelOptions, decimal, integer, tokenIds } from './options.ts'
import { type AddCommand, type Shell, withEngine, withSandbox } from './shell.ts'
import type { Terminal } from './terminal.ts'

interface Options extends ModelOptions {
  readonly prompt?: string
  readonly raw?: true
  readonly ids?: readonly number[]
  readonly maxTokens?: number
  readonly temperature: number
  readonly topP: number
  readonly topK: number
  readonly seed: number
  readonly n: number
}

const DEFAULT_MAX_TOKENS = 256
/** Responses sampled together; which ones those are changes no response. */
const ROWS = 32

export const addGenerate: AddCommand = (program, act) => {
  addModelOptions(program.command('generate').description('Responses to one prompt: {"text", "ids", "finishReason"} a line; text is null where the folder has no tokenizer.'))
    .option('--prompt <text>', 'the prompt; the model\'s chat template is put around it, if there is one')
    .option('--raw', 'no chat template around --prompt')
    .option('--ids <list>', 'the prompt as token ids, e.g. 1,2,3, instead of --prompt', tokenIds('--ids'))
    .option('--max-tokens <n>', `new tokens at most (default: ${DEFAULT_MAX_TOKENS}, or what the context leaves)`, integer('--max-tokens', { min: 1 }))
    .option('--temperature <x>', 'sampling temperature; 0 = greedy', decimal('--temperature', { min: 0 }), 0.8)
    .option('--top-p <p>', 'smallest set of likeliest tokens with this probability', decimal('--top-p', { above: 0, max: 1 }), 0.95)
    .option('--top-k <k>', 'at most so many likeliest tokens; 0 = no limit', integer('--top-k', { min: 0 }), 0)
    .option('--seed <n>', 'same seed, same responses', integer('--seed', { min: 0, max: 2 ** 32 - 1 }), 42)
    .option('-n <n>', 'how many responses', integer('-n', { min: 1, max: 10_000 }), 1)
    .action(act<Options>((options, shell) => withSandbox((sandbox) => generate(options, sandbox, shell))))
}

async function generate(options: Options, sandbox: Sandbox, { terminal, signal }: Shell): Promise<void> {
  if ((options.prompt === undefined) === (options.ids === undefined)) throw new AppError('bad-arguments', 'Give the prompt either as --prompt TEXT or as --ids 1,2,3.')
  if (options.ids && options.raw) throw new AppError('bad-arguments', '--raw belongs to --prompt; token ids are taken as they are.')
  const folder = resolve(options.model)
  // Token ids need no tokenizer; where there is one it shows the responses as text.
  const needsText = options.prompt !== undefined || existsSync(join(folder, 'tokenizer.json'))
  const { config, text } = needsText ? await openModel(sandbox, folder) : { config: checkModel(folder), text: null }
  const promptIds = options.ids ?? (await encodePrompt(text!, options.prompt!, options.raw === true))
  const stranger = promptIds.find((id) => id >= config.vocabSize)
  if (stranger !== undefined) throw new AppError('bad-arguments', `--ids holds ${stranger}, but the model's ids end at ${config.vocabSize - 1}; use ids of this model's tokenizer.`)
  const maxNewTokens = fitNewTokens(promptIds.length, options.maxTokens, config.maxPositions)
  const shown = text && options.n === 1 && terminal.isRead ? streamTo(terminal, text) : null

  await withEngine(async (engine) => {
    await requireDevice(engine, options)
    const eosIds = text?.info.eosIds ?? config.eosIds
    for await (const { ids, finishReason } of sampleAll(engine, { ...options, folder, promptIds, maxNewTokens, eosIds, onEvent: shown?.push }, signal)) {
      if (shown) {
        await shown.finish()
        continue
      }
      const [decoded = null] = text ? await text.decode([[...ids]], { skipSpecial: true }) : []
      if (!terminal.isRead) terminal.object({ text: decoded, ids: [...ids], finishReason })
      else terminal.print(decoded ?? ids.join(' '))
    }
  })
}

async function encodePrompt(text: SandboxText, prompt: string, raw: boolean): Promise<number[]> {
  if (raw && text.info.hasTemplate) return encodeRaw(text, prompt)
  const [encoded] = await text.encodePrompts([prompt])
  if ('rejected' in encoded!) throw new AppError('bad-arguments', encoded.rejected)
  return encoded!.ids
}

/** The text with the BOS that the tokenizer gives a text, and never the EOS that some add behind it. */
async function encodeRaw(text: SandboxText, prompt: string): Promise<number[]> {
  const [[plain], [special]] = await Promise.all([text.encode([prompt], { special: false }), text.encode([prompt], { special: true })])
  const { bosId } = text.info
  const ids = bosId !== null && special![0] === bosId && plain![0] !== bosId ? [bosId, ...plain!] : plain!
  if (ids.length === 0) throw new AppError('bad-arguments', 'The prompt is empty: this model adds no BOS, so it needs at least one token to start from.')
  return ids
}

function fitNewTokens(promptTokens: number, asked: number | undefined, context: number): number {
  const room = context - promptTokens
  if (room < 1) throw new AppError('bad-arguments', `The prompt has ${promptTokens} tokens and the model's context holds ${context}; shorten it.`)
  if (asked !== undefined && asked > room) throw new AppError('bad-arguments', `The prompt has ${promptTokens} tokens and the model's context holds ${context}; ask for at most ${room} with --max-tokens.`)
  return asked ?? Math.min(DEFAULT_MAX_TOKENS, room)
}

interface Sampling extends Options {
  readonly folder: string
  readonly promptIds: readonly number[]
  readonly maxNewTokens: number
  readonly eosIds: readonly number[]
  readonly onEvent: ((event: SampleEvent) => void) | undefined
}

async function* sampleAll(engine: EngineHost, sampling: Sampling, signal: AbortSignal): AsyncGenerator<{ ids: Int32Array; finishReason: FinishReason }> {
  const { folder, adapter, device, weights, threads, promptIds, maxNewTokens, eosIds, temperature, topP, topK, seed, n, onEvent } = sampling
  const capacity = Math.ceil((promptIds.length + maxNewTokens) / 16) * 16
  const common = {
    model: { folder, adapter: adapter === undefined ? null : resolve(adapter) }, device, weights, threads,
    prompts: [Int32Array.from(promptIds)], seed, samplingTemperature: temperature, topP, topK, maxNewTokens, eosIds, stream: onEvent !== undefined,
  } satisfies Partial<SampleParams>
  for (let start = 0; start < n; start += ROWS) {
    const rows = Array.from({ length: Math.min(ROWS, n - start) }, (_, i) => ({ prompt: 0, key: [0, start + i] }))
    // Two rows at least: one-row products are summed in another order (ENGINE §9).
    const shape = { rows: n === 1 ? 2 : Math.min(ROWS, n), prompts: 1, promptLength: roundLength(promptIds.length), capacity }
    yield* (await engine.call('sample', { ...common, rows, shape }, { signal, ...(onEvent && { onEvent }) })).completions
  }
}

/** Shows one response while it grows. */
function streamTo(terminal: Terminal, text: SandboxText): { push: (event: SampleEvent) => void; finish: () => Promise<void> } {
  const stream = text.stream()
  let shown = Promise.resolve()
  return {
    push({ ids }) {
      shown = shown.then(async () => terminal.write(await stream.push([...ids].filter((id) => id >= 0))))
      shown.catch(() => {}) // told by finish
    },
    async finish() {
      await shown
      terminal.print(await stream.finish())
    },
  }
}
