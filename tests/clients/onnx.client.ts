/** Exported ONNX folders in transformers.js, on onnxruntime-node and in onnxruntime-web's wasm, without a network. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AutoModelForCausalLM, AutoTokenizer, type PreTrainedModel, type PreTrainedTokenizer, Tensor, env } from '@huggingface/transformers'
import * as web from 'onnxruntime-web'
import { beforeAll, describe, expect, test } from 'vitest'
import { writeModel } from '../../main/export/formats/onnx.ts'
import { configFor, modelFile } from '../../main/export/formats/onnx-configs.ts'
import { texts } from '../../main/export/proof/prompts.ts'
import { writeJson } from '../../native-models/weights/files.ts'
import type { OnnxPrecision } from '../../preload/contract/requests/export.ts'
import { goldenJson, goldenPath } from '../golden/fixtures.ts'
import { swiftshaderEnv, swiftshaderRuns } from '../swiftshader.ts'
import { type Subject, aligned, conversations, deviation, exported, greedy, logits, scratch, sourceOf, stories, storiesAreHere } from './fixture.ts'

env.allowRemoteModels = false
env.localModelPath = scratch
env.useFSCache = false
web.env.wasm.numThreads = 1

const precisions: OnnxPrecision[] = ['fp32', 'fp16', 'q4']
/** How far a logit may be off, as a share of the source's largest one (at least 10). Seen: 1e-6, 7e-4, and 0.36 on stories260K. */
const bounds: Readonly<Record<OnnxPrecision, number>> = { fp32: 1e-5, fp16: 2e-3, q4: 0.5 }
const load = (name: string, dtype: OnnxPrecision): Promise<PreTrainedModel> => AutoModelForCausalLM.from_pretrained(name, { dtype, device: 'cpu', local_files_only: true })
const row = (ids: readonly number[]): Tensor => new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length])
const numbers = (tensor: Tensor): number[] => Array.from(tensor.data as BigInt64Array, Number)

/** What transformers.js adds to a prompt, greedily. */
async function continued(model: PreTrainedModel, prompt: readonly number[], settings: object): Promise<number[]> {
  const made = await model.generate({ inputs: row(prompt), attention_mask: row(prompt.map(() => 1)), do_sample: false, ...settings } as Parameters<PreTrainedModel['generate']>[0])
  return numbers(made as Tensor).slice(prompt.length)
}

/** [length, vocabSize], flat. */
async function webLogits(session: web.InferenceSession, ids: readonly number[]): Promise<Float32Array> {
  const int64 = (list: readonly number[]): web.Tensor => new web.Tensor('int64', BigInt64Array.from(list, BigInt), [1, list.length])
  const cache = session.inputMetadata.flatMap((port) => (port.isTensor && port.name.startsWith('past_key_values.') ? [[port.name, new web.Tensor('float32', new Float32Array(0), [1, port.shape[1] as number, 0, port.shape[3] as number])] as const] : []))
  const { logits: made } = await session.run({ input_ids: int64(ids), attention_mask: int64(ids.map(() => 1)), position_ids: int64(ids.map((_, t) => t)), ...Object.fromEntries(cache) })
  return made!.data as Float32Array
}

describe.each([
  ['stories260K', storiesAreHere, stories, ['Once upon a time', 'Lily and Tom went to the', 'The dog']],
  ['the bundled model, aligned', true, aligned, ['47 + 79', 'Min? A1 B2 C6 D0', 'Sort gzmw']],
] as const)('%s', (title, isHere, open, prompts) => {
  const name = title.replaceAll(/\W+/g, '-')
  let subject: Subject
  let tokenizer: PreTrainedTokenizer
  let prompted: number[][]
  describe.skipIf(!isHere)('in transformers.js', () => {
    beforeAll(async () => {
      subject = await open()
      const { proof } = await exported(subject, { format: 'onnx', precisions }, name)
      expect(proof.checks.filter(({ passed }) => !passed)).toEqual([])
      expect(proof.maxLogitDelta).toBeLessThanOrEqual(1e-4)
      tokenizer = await AutoTokenizer.from_pretrained(name, { local_files_only: true })
      const encoded = await subject.text.encodePrompts(subject.text.info.hasTemplate ? prompts.map((content) => [{ role: 'user' as const, content }]) : [...prompts])
      prompted = encoded.map((one) => ('ids' in one ? one.ids : []))
      expect(prompted.every((ids) => ids.length > 1)).toBe(true)
    })

    test('texts become the same tokens, and tokens the same text', async () => {
      let compared = 0
      for (const text of texts) {
        const ours = await subject.text.encode([text], { special: true }).catch(() => null)
        if (ours === null) continue // characters that this vocabulary does not have
        expect(tokenizer.encode(text)).toEqual(ours[0])
        expect(tokenizer.decode(ours[0]!, { skip_special_tokens: true, clean_up_tokenization_spaces: false })).toBe((await subject.text.decode(ours, { skipSpecial: true }))[0])
        compared++
      }
      expect(compared).toBeGreaterThanOrEqual(2)
    })

    test('the chat template renders the same string', async () => {
      if (!subject.text.info.hasTemplate) return expect(tokenizer.chat_template).toBeNull()
      for (const messages of conversations) {
        for (const addGenerationPrompt of [true, false]) {
          const theirs = tokenizer.apply_chat_template([...messages], { tokenize: false, add_generation_prompt: addGenerationPrompt })
          expect(theirs).toBe(await subject.text.render([...messages], { addGenerationPrompt }))
        }
      }
    })

    test('fp32: 64 greedy tokens and their text are the source’s', async () => {
      const model = await load(name, 'fp32')
      for (const prompt of prompted) {
        const ours = await greedy(subject, prompt, 64, [])
        const theirs = await continued(model, prompt, { max_new_tokens: 64, eos_token_id: null })
        expect(theirs).toEqual(ours)
        expect(theirs).toHaveLength(64)
        expect(tokenizer.decode(theirs, { skip_special_tokens: true, clean_up_tokenization_spaces: false })).toBe((await subject.text.decode([ours], { skipSpecial: true }))[0])
      }
      await model.dispose()
    })

    test('fp32: generation ends at the token at which the source’s ends', async () => {
      const model = await load(name, 'fp32')
      for (const prompt of prompted) {
        // stories260K never says its EOS: for it a token of its text stands in.
        const { eosIds } = subject.text.info
        const end = subject.text.info.hasTemplate ? eosIds : [(await greedy(subject, prompt, 40, []))[39]!]
        const ours = await greedy(subject, prompt, 96, end)
        expect(end).toContain(ours.at(-1))
        expect(await continued(model, prompt, { max_new_tokens: 96, ...(end !== eosIds && { eos_token_id: end }) })).toEqual(ours)
      }
      await model.dispose()
    })

    test('fp32: prompts of unlike lengths in one batch, padded on the left, are continued as each alone', async () => {
      const model = await load(name, 'fp32')
      const width = Math.max(...prompted.map((ids) => ids.length))
      const padded = (fill: (ids: readonly number[]) => number[], pad: number): Tensor => new Tensor('int64', BigInt64Array.from(prompted.flatMap((ids) => [...Array<number>(width - ids.length).fill(pad), ...fill(ids)]), BigInt), [prompted.length, width])
      const made = await model.generate({ inputs: padded((ids) => [...ids], 0), attention_mask: padded((ids) => ids.map(() => 1), 0), do_sample: false, max_new_tokens: 24, eos_token_id: null } as unknown as Parameters<PreTrainedModel['generate']>[0])
      const alone = await Promise.all(prompted.map((prompt) => greedy(subject, prompt, 24, [])))
      const all = numbers(made as Tensor)
      expect(prompted.map((_, i) => all.slice(i * (width + 24) + width, (i + 1) * (width + 24)))).toEqual(alone)
      await model.dispose()
    })

    test.each(precisions)('%s: logits are the source’s within the bound', async (precision) => {
      const model = await load(name, precision)
      for (const prompt of prompted) {
        const ids = [...prompt, ...(await greedy(subject, prompt, 32, []))]
        const { logits: theirs } = await model({ input_ids: row(ids), attention_mask: row(ids.map(() => 1)) }) as { logits: Tensor }
        const { worst, largest } = deviation(await logits(subject, ids), theirs.data as Float32Array)
        expect(worst).toBeLessThanOrEqual(bounds[precision] * Math.max(10, largest))
      }
      await model.dispose()
    })

    test.runIf(swiftshaderRuns && title !== 'stories260K')('fp32 and q4: WebGPU (SwiftShader) says the same, cache and all', async () => {
      const said = (dtype: OnnxPrecision): number[] => {
        const { stdout, stderr, status } = spawnSync(process.execPath, [fileURLToPath(new URL('./generate.ts', import.meta.url)), scratch, name, dtype, prompted[0]!.join(), '8'], { env: { ...process.env, ...swiftshaderEnv() }, encoding: 'utf8' })
        if (status !== 0) throw new Error(stderr)
        return JSON.parse(stdout.trim().split('\n').at(-1)!) as number[]
      }
      expect(said('fp32')).toEqual(await greedy(subject, prompted[0]!, 8, []))
      const q4 = await load(name, 'q4')
      expect(said('q4')).toEqual(await continued(q4, prompted[0]!, { max_new_tokens: 8, eos_token_id: null }))
      await q4.dispose()
    }, 240_000)

    test.each(precisions)('%s: onnxruntime-web computes the same in wasm', async (precision) => {
      const session = await web.InferenceSession.create(new Uint8Array(readFileSync(join(scratch, name, 'onnx', modelFile(precision)))), { executionProviders: ['wasm'] })
      const { worst, largest } = deviation(await logits(subject, prompted[0]!), await webLogits(session, prompted[0]!))
      expect(worst).toBeLessThanOrEqual(bounds[precision] * Math.max(10, largest))
      await session.release()
    })
  })
})

interface Greedy {
  readonly cases: readonly { readonly prompt: number[]; readonly completion: number[] }[]
}

const greedyOf = (golden: string): Greedy => goldenJson(golden.startsWith('llama/') ? `${golden.replace('llama', 'greedy')}.json` : `${golden}/greedy.json`)

/** A golden model as fp32; beyond `limit` bytes its weights lie beside it. @returns its files */
async function writeGolden(golden: string, name: string, limit = Infinity): Promise<string[]> {
  const source = sourceOf({ folder: goldenPath(golden), adapter: null })
  mkdirSync(join(scratch, name, 'onnx'), { recursive: true })
  const files = await writeModel(source, join(scratch, name), 'fp32', limit, new AbortController().signal, () => {})
  await writeJson(join(scratch, name, 'config.json'), configFor(source, ['fp32'], new Map([['fp32', files.length - 1]])))
  source.close()
  return files.map(({ path }) => path)
}

test.each(['llama/gqa-tied', 'llama/llama3-rope', ...readdirSync(goldenPath('families')).map((name) => `families/${name}`)])('%s: transformers.js says what transformers said, token for token', async (golden) => {
  const name = golden.replace('/', '-')
  await writeGolden(golden, name)
  const model = await load(name, 'fp32')
  for (const { prompt, completion } of greedyOf(golden).cases) {
    expect(await continued(model, prompt, { max_new_tokens: completion.length, eos_token_id: null })).toEqual(completion)
  }
  await model.dispose()
})

test('weights beside the model: transformers.js finds them, onnxruntime-web takes them from its caller', async () => {
  const [golden, name] = ['families/gemma2', 'beside']
  const [path, ...beside] = await writeGolden(golden, name, 40_000)
  expect(beside.length).toBeGreaterThan(2)
  const [{ prompt, completion }] = greedyOf(golden).cases as [Greedy['cases'][number]]
  const model = await load(name, 'fp32')
  expect(await continued(model, prompt, { max_new_tokens: completion.length, eos_token_id: null })).toEqual(completion)
  await model.dispose()

  const externalData = beside.map((file) => ({ path: basename(file), data: new Uint8Array(readFileSync(file)) }))
  const session = await web.InferenceSession.create(new Uint8Array(readFileSync(path!)), { executionProviders: ['wasm'], externalData })
  const last = Array.from(await webLogits(session, prompt)).slice(-sourceOf({ folder: goldenPath(golden), adapter: null }).config.vocabSize)
  expect(last.indexOf(Math.max(...last))).toBe(completion[0])
  await session.release()
})
