/** What every shipped graph must be, whatever its numbers: runnable on WebGPU, and in the order that keeps memory low. */
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { batchOf, goldenPath, inBlocks, loadModel, lora } from './fixtures.ts'
import { decodeGraph, mergedParameters, prefillGraph } from '../../native-models/families/decoding.ts'
import { GraphBuilder } from '../../native-models/onnx/builder.ts'
import type { DType, Graph, Node } from '../../native-models/onnx/types.ts'
import { adamwGraph, gradNormGraph } from '../../native-models/training/adamw.ts'
import { emitTraining, finish, scoringGraph, trainingGraph } from '../../native-models/training/graphs.ts'

const { spec, weights } = loadModel(goldenPath('llama/gqa-tied'))
const biased = loadModel(goldenPath('llama/gqa-biased')).spec
const small = { ...spec, headChunk: 3 } // several chunks
const { bucket } = batchOf([{ tokens: [1, 5, 6, 7, 8, 9], start: 2 }, { tokens: [1, 5, 3, 4], start: 2 }])
const shipped: Record<string, Graph> = {
  scoring: scoringGraph(small, bucket),
  'scoring with an adapter': scoringGraph({ ...small, lora }, bucket),
  'SFT, LoRA': trainingGraph({ ...small, lora }, { kind: 'sft' }, bucket),
  'SFT, full': trainingGraph(small, { kind: 'sft' }, bucket),
  'SFT, full, biases and a head of its own': trainingGraph({ ...biased, headChunk: 3 }, { kind: 'sft' }, bucket),
  'DPO, LoRA': trainingGraph({ ...small, lora }, { kind: 'dpo', beta: 0.1 }, bucket),
  'DPO, full': trainingGraph(small, { kind: 'dpo', beta: 0.1 }, bucket),
  ...Object.fromEntries(readdirSync(goldenPath('families')).flatMap((name) => {
    const whole = loadModel(goldenPath(`families/${name}`))
    const model = { ...whole.spec, headChunk: 3 }
    const blocks = { ...inBlocks(whole, 4096).spec, headChunk: 3 }
    return [
      [`${name}: SFT, LoRA`, trainingGraph({ ...model, lora }, { kind: 'sft' }, bucket)],
      [`${name}: DPO, full`, trainingGraph(model, { kind: 'dpo', beta: 0.1 }, bucket)],
      [`${name}: reading prompts`, prefillGraph(model.config, 2, 16)],
      [`${name}: decoding`, decodeGraph(model.config, 2, 16, 'whole')],
      [`${name} in blocks: SFT, LoRA`, trainingGraph({ ...blocks, lora }, { kind: 'sft' }, bucket)],
      [`${name} in blocks: DPO, full`, trainingGraph(blocks, { kind: 'dpo', beta: 0.1 }, bucket)],
      [`${name} in blocks: reading prompts`, prefillGraph(blocks.config, 2, 16, mergedParameters(blocks.config, blocks.blockBytes))],
      [`${name} in blocks: decoding`, decodeGraph(blocks.config, 2, 16, 'whole', mergedParameters(blocks.config, blocks.blockBytes))],
    ]
  })),
  AdamW: adamwGraph([4, 3], { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }),
  'gradient norm': gradNormGraph(spec.weights),
}

// ── WebGPU: measured on onnxruntime-node 1.30.0, Dawn on SwiftShader, fallback to the CPU disabled, opset 21 ────────

/** Session creation fails: no kernel. */
const absent = 'Sign Round Softsign Sum LogSoftmax FusedMatMul OneHot ConstantOfShape Or Xor IsNaN IsInf Dropout Size EyeLike Mod BitShift Attention SoftmaxCrossEntropyLoss'.split(' ')
/** A kernel exists, but its numbers are off: overflow above 88, absolute errors of 2e-4, relative ones of 3e-5. */
const inexact = { ReduceLogSumExp: 'overflows above 88; take the maximum out first', Cos: 'make the table in JavaScript', Sin: 'make the table in JavaScript', Pow: 'compute it in JavaScript or multiply' }
/** Beyond these: a norm's second output is the mean (1/rms on the CPU) or throws; a Split runs out of storage buffers. */
const outputLimits: Readonly<Record<string, number>> = { SimplifiedLayerNormalization: 1, SkipSimplifiedLayerNormalization: 1, Split: 8 }
/** int64 has no arithmetic, layout or data kernels: it may only be an index, a shape or axes (input positions). */
const int64Places: Readonly<Record<string, readonly number[]>> = {
  Gather: [1], GatherElements: [1], ScatterElements: [1], ScatterND: [1], GatherND: [1], TopK: [1], Reshape: [1], Expand: [1], Split: [1], Squeeze: [1], Unsqueeze: [1],
  Slice: [1, 2, 3, 4], ReduceSum: [1], ReduceMean: [1], ReduceMax: [1], ReduceMin: [1], ReduceSumSquare: [1], ReduceLogSumExp: [1],
}
const missingOn: Partial<Record<DType, readonly string[]>> = {
  int32: ['Slice', 'Neg', 'Abs', 'GatherElements'],
  bool: ['Identity', 'Slice', 'Transpose', 'Equal'],
}

function faultsOnWebGpu(graph: Graph): string[] {
  return graph.nodes.flatMap(({ op, domain, inputs, outputs }: Node) => {
    const faults: string[] = []
    if (domain === 'creamery') faults.push(`${op} is not lowered`)
    if (absent.includes(op)) faults.push(`${op} has no kernel`)
    if (op in inexact) faults.push(`${op}: ${inexact[op as keyof typeof inexact]}`)
    if (outputs.length > (outputLimits[op] ?? Infinity)) faults.push(`${op} has ${outputs.length} outputs`)
    inputs.forEach((input, i) => {
      if (!input) return
      if (input.dtype === 'float64') faults.push(`${op} takes float64`)
      if (input.dtype === 'int64' && !int64Places[op]?.includes(i)) faults.push(`${op} takes int64 as input ${i}`)
      if (i === 0 && missingOn[input.dtype]?.includes(op)) faults.push(`${op} takes ${input.dtype}`)
    })
    return faults
  })
}

it.each(Object.entries(shipped))('%s holds no op that WebGPU lacks or gets wrong', (_, graph) => {
  expect(graph.nodes.length).toBeGreaterThan(5)
  expect(faultsOnWebGpu(graph)).toEqual([])
})

it('the check finds what it looks for', () => {
  const b = new GraphBuilder()
  const ids = b.input('ids', 'int64', [6])
  const x = b.input('x', 'float32', [9, 9])
  b.output('a', b.reduceLogSumExp(x, [1]))
  b.output('b', b.reshape(ids, [2, 3]))
  b.output('c', b.cast(ids, 'float32'))
  b.output('d', b.split(x, Array<number>(9).fill(1), 0)[0]!)
  b.output('e', b.slice(b.input('n', 'int32', [4]), 0, 2, 0))
  b.output('f', b.softplus(x))
  b.output('g', b.exp(b.input('double', 'float64', [2])))
  expect(faultsOnWebGpu(b.graph())).toEqual([
    'ReduceLogSumExp: overflows above 88; take the maximum out first', 'Reshape takes int64 as input 0', 'Cast takes int64 as input 0',
    'Split has 9 outputs', 'Slice takes int32', 'Softplus is not lowered', 'Exp takes float64',
  ])
})

// ── order ──────────────────────────────────────────────────────────────────────────────────────────────────────────

describe.each([['LoRA', { ...small, lora }], ['full', small]])('the order of the training graph, %s', (_, model) => {
  const b = new GraphBuilder()
  emitTraining(b, model, { kind: 'dpo', beta: 0.1 }, bucket)
  const emitted = b.nodes.slice()
  const { nodes, outputs, inputs, constants } = finish(b)
  const readers = (list: readonly Node[], name: string): Node[] => list.filter((node) => node.inputs.some((input) => input?.name === name))
  const leavesOf = (list: readonly Node[]): Node[] => list.filter((node) => !node.outputs.some((output) => readers(list, output.name).length > 0))

  it('lowers every op of our own', () => {
    expect(new Set(emitted.filter((node) => node.domain === 'creamery').map((node) => node.op))).toEqual(new Set(model === small ? ['Silu', 'CompletionLogps', 'CompletionHeadGradient', 'Softplus'] : ['Silu', 'CompletionLogps', 'Softplus']))
    expect(nodes.filter((node) => node.domain === 'creamery')).toEqual([])
  })

  it('puts forward before recompute before backward before eager, and the leaves last, reports before gradients', () => {
    const leaves = leavesOf(nodes)
    expect(nodes.slice(-leaves.length)).toEqual(leaves)
    const rank = { forward: 0, recompute: 1, backward: 2, eager: 3 }
    const ranks = nodes.slice(0, -leaves.length).map((node) => rank[node.phase])
    expect(ranks).toEqual(ranks.toSorted((p, q) => p - q))
    expect(new Set(ranks)).toEqual(new Set([0, 1, 2, 3]))

    const names = (list: readonly Node[]): string[] => list.map((node) => node.outputs[0]!.name)
    const unscheduled = b.graph().nodes
    const [reports, weightGradients] = [['forward'], ['backward', 'eager']].map((phases) => leavesOf(unscheduled).filter(({ phase }) => phases.includes(phase)))
    expect(names(leaves)).toEqual(names([...reports!, ...weightGradients!]))
    const gradientOutputs = outputs.filter(({ name }) => name.startsWith('grad.')).map(({ value }) => value.name)
    expect(gradientOutputs.every((name) => names(leaves).includes(name))).toBe(true)
  })

  it('gives the backward pass its own copies of norms and activations', () => {
    const copies = nodes.filter((node) => node.phase === 'recompute')
    expect(new Set(copies.map((node) => node.op))).toEqual(new Set(['SimplifiedLayerNormalization', 'Mul', 'Sigmoid']))
    for (const copy of copies) {
      const [output] = copy.outputs as [Node['outputs'][0]]
      const original = nodes.find((node) => `${node.outputs[0]!.name}~again` === output.name)
      expect(original?.phase, output.name).toBe('forward')
      expect(original?.op).toBe(copy.op)
      const reading = readers(nodes, output.name)
      expect(reading.length, `${output.name} is read`).toBeGreaterThan(0)
      expect(reading.every((node) => node.phase !== 'forward'), `${output.name} is for the backward pass`).toBe(true)
      expect(readers(nodes, original!.outputs[0]!.name).every((node) => node.phase === 'forward'), `${original!.outputs[0]!.name} need not be kept`).toBe(true)
    }
  })

  it('defines every value once and reads only what is defined', () => {
    const made = [...inputs.map(({ name }) => name), ...constants.keys(), ...nodes.flatMap((node) => node.outputs.map(({ name }) => name))]
    expect(new Set(made).size).toBe(made.length)
    const known = new Set(made)
    expect(nodes.flatMap((node) => node.inputs.flatMap((input) => (input && !known.has(input.name) ? [input.name] : [])))).toEqual([])
  })
})

it('gradients of LoRA training ask for no gradient of the base', () => {
  const { outputs } = shipped['DPO, LoRA']!
  expect(outputs.filter(({ name }) => name.startsWith('grad.')).every(({ name }) => name.includes('.lora_'))).toBe(true)
  expect(Object.keys(weights).some((name) => outputs.some((output) => output.name === `grad.${name}`))).toBe(false)
})
