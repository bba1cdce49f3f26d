/** Scoring through the engine process, against transformers and PEFT; and what a broken folder says. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ModelRef, Place } from '../../main/engine/protocol.ts'
import { Goldens, completionEntries, expectClose, goldenPath, rowsOf } from '../golden/fixtures.ts'
import { bundledConfig, golden, place, randomSequences, score, scratch, sequence, sequenceOf, shapeFor, startEngine, writeRandomAdapter, writeRandomModel } from './fixture.ts'

const engine = startEngine()

test.each(['gqa-tied', 'mha-untied', 'gqa-biased', 'llama3-rope', 'headdim'])('%s: base and adapter in one call are transformers’ and PEFT’s', async (name) => {
  const goldens = new Goldens(`llama/${name}/golden.safetensors`)
  const rows = rowsOf(goldens)
  const sequences = rows.map(sequenceOf)
  const { perTokenLogps } = await engine.call('score', { ...place(), models: [golden(name), golden(name, true), golden(name)], sequences, shape: shapeFor(sequences) })
  expect(perTokenLogps.map((lists) => lists.map((list) => list.length))).toEqual(Array(3).fill([15, 11]))
  expectClose(perTokenLogps[0]!.flatMap((list) => Array.from(list)), completionEntries(goldens.get('logps'), rows), 3e-6, `${name} logps`)
  expectClose(perTokenLogps[1]!.flatMap((list) => Array.from(list)), completionEntries(goldens.get('lora.logps'), rows), 3e-6, `${name} lora.logps`)
  expect(perTokenLogps[2]).toEqual(perTokenLogps[0])
})

describe('in tiny models a token’s log-probability is the same to the last bit', () => {
  const sequences = randomSequences(16, 96)
  const variants: readonly [string, { rows: number; length: number; positions: number }, Place][] = [
    ['a longer bucket', { rows: 16, length: 128, positions: 256 }, place()],
    ['empty rows', { rows: 32, length: 32, positions: 192 }, place()],
    ['two threads', { rows: 16, length: 48, positions: 144 }, { ...place(), threads: 2 }],
  ]

  test.each([false, true])('in every batch it may be part of (adapter: %s)', async (adapter) => {
    const model = golden('gqa-tied', adapter)
    const together = await score(engine, model, sequences)
    for (const [i, one] of sequences.entries()) expect(await score(engine, model, [one]), `sequence ${i} alone`).toEqual([together[i]])
    for (const [what, shape, where] of variants) expect(await score(engine, model, sequences, where, shape), what).toEqual(together)
    expect(await score(engine, model, [...sequences].reverse()), 'in another order').toEqual([...together].reverse())
    expect(await score(startEngine(), model, sequences), 'in another process').toEqual(together)
  })
})

test('on the bundled model’s shape: the same to the last bit over threads and processes, within an ulp over batch shapes', async () => {
  const folder = await writeRandomModel('bundled', bundledConfig, 1)
  const model = { folder, adapter: await writeRandomAdapter('bundled-adapter', bundledConfig, 1) }
  const sequences = randomSequences(16, 102)
  const together = await score(engine, model, sequences)
  expect(await score(engine, model, sequences, { ...place(), threads: 2 })).toEqual(together)
  expect(await score(startEngine(), model, sequences)).toEqual(together)
  for (const [i, one] of sequences.entries()) {
    const [alone] = await score(engine, model, [one])
    // Products of few rows add in another order: log-probabilities of about 5 nats move by 2⁻²⁰.
    alone!.forEach((logp, t) => expect(Math.abs(logp - together[i]![t]!)).toBeLessThanOrEqual(2 ** -19))
  }
})

test('more models than are held at once are scored one after another, each with its own numbers', async () => {
  const sequences = randomSequences(3, 96)
  const models = ['gqa-tied', 'mha-untied', 'headdim', 'gqa-tied', 'llama3-rope'].map((name) => golden(name))
  const { perTokenLogps } = await engine.call('score', { ...place(), models, sequences, shape: shapeFor(sequences) })
  for (const [i, model] of models.entries()) expect(await score(engine, model, sequences)).toEqual(perTokenLogps[i])
  expect(perTokenLogps[3]).toEqual(perTokenLogps[0])
  expect(perTokenLogps[1]).not.toEqual(perTokenLogps[0])
})

test('an empty completion has no log-probabilities', async () => {
  expect(await score(engine, golden('gqa-tied'), [sequence([5, 6], [])])).toEqual([new Float32Array()])
})

describe('a folder that cannot be used is named, with code bad-model', () => {
  const sequences = [sequence([5, 6], [7])]
  const refused = async (model: ModelRef, words: string | RegExp): Promise<void> => {
    await expect(score(engine, model, sequences)).rejects.toMatchObject({ code: 'bad-model', message: expect.stringMatching(words) })
  }
  /** A copy of a golden model with one file changed. */
  const broken = (name: string, change: (folder: string) => void): string => {
    const folder = join(scratch, name)
    cpSync(goldenPath('llama/gqa-tied'), folder, { recursive: true })
    change(folder)
    return folder
  }

  test('absent, empty, without weights, cut short, or of another architecture', async () => {
    await refused({ folder: join(scratch, 'nowhere'), adapter: null }, 'nowhere')
    mkdirSync(join(scratch, 'empty'))
    await refused({ folder: join(scratch, 'empty'), adapter: null }, 'empty')
    await refused({ folder: broken('no-weights', (folder) => rmSync(join(folder, 'model.safetensors'))), adapter: null }, 'no-weights')
    await refused({ folder: broken('cut', (folder) => writeFileSync(join(folder, 'model.safetensors'), new Uint8Array(100))), adapter: null }, /model\.safetensors/)
    await refused({ folder: broken('other', (folder) => writeFileSync(join(folder, 'config.json'), '{"model_type": "bert"}')), adapter: null }, 'bert')
  })

  test('an adapter that is absent or of another base', async () => {
    await refused({ ...golden('gqa-tied'), adapter: join(scratch, 'no-adapter') }, 'no-adapter')
    await refused({ ...golden('gqa-tied'), adapter: goldenPath('llama/headdim/adapter') }, 'own base model')
  })

  test('and the engine goes on', async () => {
    expect((await score(engine, golden('gqa-tied'), sequences))[0]).toHaveLength(1)
    expect(engine.generation).toBe(1)
  })
})
