/** `pretrain`: rebuilds the bundled model from nothing by its committed recipe. For maintainers; takes a while. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { drawCorpus, bundledWorld } from '../../native-models/bundled/generate.ts'
import { sizeOf } from '../../native-models/onnx/types.ts'
import { hashText, normal } from '../../native-models/random.ts'
import { scheduleFactor } from '../../native-models/training/schedule.ts'
import { writeCheckpoint } from '../../native-models/weights/checkpoint.ts'
import { parseConfig } from '../../native-models/weights/config.ts'
import { readJson } from '../../native-models/weights/files.ts'
import { expectedTensors } from '../../native-models/weights/tensors.ts'
import { AppError } from '../../preload/contract/errors.ts'
import { planMicroBatches } from '../engine/batches.ts'
import type { Sequence } from '../engine/protocol.ts'
import type { SandboxText } from '../sandbox/host.ts'
import { type AddCommand, withEngine, withSandbox } from './shell.ts'

const bundled = fileURLToPath(new URL('../../native-models/bundled/', import.meta.url))

interface Recipe {
  readonly seed: number
  readonly steps: number
  /** Examples per step. */
  readonly batchSize: number
  readonly learningRate: number
  readonly warmupSteps: number
  readonly weightDecay: number
  readonly beta2: number
  /** Standard deviation of the initial weights. */
  readonly initialRange: number
}

export const addPretrain: AddCommand = (program, act) => {
  program.command('pretrain')
    .description('Rebuilds the bundled model from random weights by native-models/bundled/recipe.json (maintainers only).')
    .requiredOption('--out <dir>', 'new folder for the model')
    .action(act<{ out: string }>(async ({ out }, { terminal, signal }) => {
      if (existsSync(out)) throw new AppError('bad-arguments', `${out} exists already; name a new folder.`)
      const recipe = JSON.parse(readFileSync(join(bundled, 'recipe.json'), 'utf8')) as Recipe
      const scratch = mkdtempSync(join(tmpdir(), 'creamery-pretrain-'))
      try {
        const start = join(scratch, 'start')
        await writeRandomModel(join(bundled, 'model'), start, recipe)
        await withSandbox(async (sandbox) => withEngine(async (engine) => {
          const text = await sandbox.openText(join(bundled, 'model'))
          const examples = corpusSequences(text)
          const { steps, batchSize, learningRate, warmupSteps, weightDecay, beta2, seed } = recipe
          const optimiser = { beta1: 0.9, beta2, epsilon: 1e-8, weightDecay, maxGradNorm: 1 }
          await engine.call('startTraining', { device: 'cpu', weights: 'fp32', threads: 0, folder: start, tuning: { kind: 'full' }, from: null, objective: { kind: 'sft' }, optimiser, seed, resume: null }, { signal })
          const began = performance.now()
          let tokens = 0
          for (let step = 0; step < steps; step++) {
            signal.throwIfAborted()
            const sequences = await examples(batchSize)
            const microBatches = planMicroBatches(sequences.map(({ promptIds, completionIds }) => ({ promptTokens: promptIds.length, completionTokens: completionIds.length })), 1)
              .map(({ members, shape }) => ({ sequences: members.map((i) => sequences[i]!), shape }))
            const result = await engine.call('trainStep', { microBatches, learningRate: learningRate * scheduleFactor('cosine', step, warmupSteps, steps) })
            tokens += result.tokens
            if (result.step % 50 === 0 || result.step === steps) {
              const seconds = (performance.now() - began) / 1000
              terminal.print(JSON.stringify({ step: result.step, loss: Number(result.loss.toFixed(4)), gradNorm: Number(result.gradNorm.toFixed(3)), tokens, tokensPerSecond: Math.round(tokens / seconds), seconds: Math.round(seconds) }))
            }
          }
          const trained = join(scratch, 'trained')
          await engine.call('saveModel', { folder: trained })
          mkdirSync(out, { recursive: true })
          cpSync(join(bundled, 'model'), out, { recursive: true })
          cpSync(join(trained, 'model.safetensors'), join(out, 'model.safetensors'))
        }))
      } finally {
        rmSync(scratch, { recursive: true, force: true })
      }
    }))
}

/** Normal weights, norms of one: transformers' initialisation. */
async function writeRandomModel(from: string, to: string, { seed, initialRange }: Recipe): Promise<void> {
  const configJson = readJson(join(from, 'config.json'))
  const tensors = expectedTensors(parseConfig(configJson, join(from, 'config.json'))).map(({ name, shape }) => {
    const key = hashText(name)
    const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => (shape.length === 1 ? 1 : initialRange * normal(seed, key, i)))
    return { name, dtype: 'F32' as const, shape, data }
  })
  await writeCheckpoint(to, configJson, tensors)
}

/** The corpus as token sequences, loss on the responses; drawn in order, tokenised some thousand at a time. */
function corpusSequences(text: SandboxText): (count: number) => Promise<Sequence[]> {
  const corpus = drawCorpus(bundledWorld)
  let ready: Sequence[] = []
  return async (count) => {
    if (ready.length < count) {
      const drawn = Array.from({ length: 4096 }, () => corpus.next().value)
      const encoded = await text.encodeExamples(drawn)
      ready = ready.concat(encoded.map((one) => {
        if ('rejected' in one) throw new Error(`the corpus holds an example that cannot be encoded: ${one.rejected}`)
        return { promptIds: Int32Array.from(one.ids.slice(0, one.completionStart)), completionIds: Int32Array.from(one.ids.slice(one.completionStart)) }
      }))
    }
    return ready.splice(0, count)
  }
}
