/** What holds for every golden model folder: logits, log-probs, the SFT loss, and all gradients, full and LoRA, are transformers' and PEFT's. */
import { describe, expect, it } from 'vitest'
import { scoringGraph } from '../../native-models/training/graphs.ts'
import { parseConfig } from '../../native-models/weights/config.ts'
import { runGraph } from '../run-graph.ts'
import { type Float, Goldens, batchOf, completionEntries, expectAllClose, expectClose, goldenJson, goldenPath, inBlocks, loadModel, lora, realLogits, rowsOf, runTraining, wholeGradients } from './fixtures.ts'
import { logitsGraph } from './logits-graph.ts'

/** The issue asks for 1e-4 of the shipped float32; float64 (gradients are stored in float32) shows that nothing hides below. */
const limits: Record<Float, { values: number; gradients: number }> = {
  float32: { values: 1e-5, gradients: 1e-4 },
  float64: { values: 1e-9, gradients: 1e-7 },
}

/** Tests of `<folder>/<name>`, for use inside a `describe`; with `blockBytes` its tables are fed in blocks of so many. */
export function testParity(folder: 'llama' | 'families', name: string, blockBytes?: number): void {
  const golden = new Goldens(`${folder}/${name}/golden.safetensors`)
  const whole = loadModel(goldenPath(`${folder}/${name}`))
  const { spec, weights } = blockBytes === undefined ? whole : inBlocks(whole, blockBytes)
  const rows = rowsOf(golden)
  const { bucket, feeds } = batchOf(rows)
  const variants = [
    { title: 'full fine-tuning', model: spec, adapter: {}, prefix: '', gradients: golden.under('grad.') },
    { title: 'LoRA', model: { ...spec, lora }, adapter: new Goldens(`${folder}/${name}/adapter/adapter_model.safetensors`).under(''), prefix: 'lora.', gradients: golden.under('lora_grad.') },
  ]

  it.each(variants)('logits, $title', async ({ title, model, adapter, prefix }) => {
    const { logits } = await runGraph(logitsGraph(model, bucket.rows, bucket.length), { ...weights, ...adapter, ...feeds })
    expectClose(realLogits(logits as Float32Array, rows), realLogits(golden.get(`${prefix}logits`), rows), 1e-4, `${name} ${title} logits`)
  })

  describe.each(['float32', 'float64'] as const)('%s', (float) => {
    it.each(variants)('log-probs, $title', async ({ title, model, adapter, prefix }) => {
      const { logps } = await runGraph(scoringGraph(model, bucket, float), { ...weights, ...adapter, ...feeds })
      expectClose(logps!, completionEntries(golden.get(`${prefix}logps`), rows), limits[float].values, `${name} ${title} ${float} logps`)
    })

    it.each(variants)('SFT loss and gradients, $title', async ({ title, model, adapter, prefix, gradients }) => {
      const results = await runTraining(model, { kind: 'sft' }, bucket, { ...weights, ...adapter, ...feeds, scale: 1 }, float)
      expectClose(results['loss']!, golden.get(`${prefix}loss`), limits[float].values, `${name} ${title} ${float} loss`)
      expectAllClose(wholeGradients(results, model), gradients, limits[float].gradients, `${name} ${title} ${float} gradients`)
    })
  })

  it('reads the config that transformers 5 writes as the same model', () => {
    const [four, five] = [`${folder}/${name}/config.json`, `config-v5/${name}.json`].map((file) => parseConfig(goldenJson(file), file))
    expect(five).toEqual(four)
  })
}
