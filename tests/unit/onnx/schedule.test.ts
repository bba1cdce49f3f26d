/** What the schedule is for: in the order that ONNX Runtime really takes, a training step keeps little. */
import { describe, expect, it } from 'vitest'
import type { Graph, Node } from '../../../native-models/onnx/types.ts'
import { trainingGraph } from '../../../native-models/training/graphs.ts'
import { parseConfig } from '../../../native-models/weights/config.ts'
import { expectedTensors } from '../../../native-models/weights/tensors.ts'

/** ONNX Runtime's order of execution: GraphViewer's ReverseDFSFrom from the leaves, with NodeCompare (see schedule.ts). */
function walk({ nodes }: Graph): Node[] {
  const index = new Map(nodes.map((node, i) => [node, i]))
  const maker = new Map(nodes.flatMap((node) => node.outputs.map((output) => [output.name, node])))
  const read = new Set(nodes.flatMap((node) => node.inputs.map((input) => input?.name)))
  const stack = nodes.filter((node) => !node.outputs.some((output) => read.has(output.name))).map((node) => ({ node, leave: false }))
  const visited = new Set<Node>()
  const order: Node[] = []
  while (stack.length > 0) {
    const { node, leave } = stack.pop()!
    if (leave) order.push(node)
    if (leave || visited.has(node)) continue
    visited.add(node)
    stack.push({ node, leave: true })
    const inputs = [...new Set(node.inputs.flatMap((input) => maker.get(input?.name ?? '') ?? []))]
    for (const input of inputs.sort((a, b) => index.get(a)! - index.get(b)!)) stack.push({ node: input, leave: false })
  }
  return order
}

const layers = 4
const json = { architectures: ['LlamaForCausalLM'], vocab_size: 64, hidden_size: 32, num_hidden_layers: layers, num_attention_heads: 4, num_key_value_heads: 2, intermediate_size: 48, max_position_embeddings: 64, tie_word_embeddings: true, rms_norm_eps: 1e-5, rope_theta: 10_000, hidden_act: 'silu' }
const config = parseConfig(json, 'config.json')
const lora = { r: 2, alpha: 4, targets: ['q_proj', 'v_proj', 'o_proj', 'gate_proj', 'down_proj'] }
const bucket = { rows: 2, length: 16, positions: 16 }

it('of halves widens a layer’s at a time, in the forward pass and again in the backward pass', () => {
  const order = walk(trainingGraph({ config, weights: expectedTensors(config), lora, headChunk: 4, held: 'fp16' }, { kind: 'dpo', beta: 0.1 }, bucket))
  const lastRead = new Map(order.flatMap((node, time) => node.inputs.map((input) => [input?.name ?? '', time])))
  const matrices = order.flatMap((node, made) => (node.op === 'Cast' && node.inputs[0]!.name.endsWith('_proj.weight') ? [{ made, gone: lastRead.get(node.outputs[0]!.name)! }] : []))
  const wide = order.map((_, time) => matrices.filter(({ made, gone }) => made <= time && time <= gone).length)
  expect(matrices.length).toBe(2 * 7 * layers - 3) // a layer's seven, twice; below the first layer's q, k and v nothing is trained
  expect(Math.max(...wide)).toBeLessThanOrEqual(3)
})

describe.each([['LoRA', lora], ['full', null]])('the runtime’s walk of a training step, %s', (_, adapter) => {
  const graph = trainingGraph({ config, weights: expectedTensors(config), lora: adapter, headChunk: 4 }, { kind: 'dpo', beta: 0.1 }, bucket)
  const order = walk(graph)
  const at = new Map(order.flatMap((node, time) => node.outputs.map((output) => [output.name, time])))
  const lastRead = new Map(order.flatMap((node, time) => node.inputs.map((input) => [input?.name ?? '', time])))
  const made = (name: string): number => at.get(graph.outputs.find((output) => output.name === name)!.value.name)!

  it('runs every node once, after what it reads', () => {
    expect(order.length).toBe(graph.nodes.length)
    const produced = new Set(at.keys())
    for (const [time, node] of order.entries()) for (const input of node.inputs) if (input && produced.has(input.name)) expect(at.get(input.name)!).toBeLessThan(time)
  })

  it('finishes the weight gradients of a layer before the activations of the layer below are read again', () => {
    for (let layer = 1; layer < layers; layer++) {
      const gradients = graph.outputs.filter(({ name }) => name.startsWith('grad.') && name.includes(`layers.${layer}.`))
      const finished = Math.max(...gradients.map(({ name }) => made(name)))
      const below = order.findIndex((node) => node.outputs.some((output) => output.name.startsWith(`model.layers.${layer - 1}/`) && output.name.endsWith('~again')))
      expect(gradients.length).toBeGreaterThan(4)
      expect(finished, `layer ${layer}`).toBeLessThan(below)
    }
  })

  it('frees a chunk of the head before it makes the next one', () => {
    const chunks = order.filter((node) => node.op === 'Gemm' && node.outputs[0]!.shape.join() === [4, config.vocabSize].join()).map((node) => node.outputs[0]!.name)
    expect(chunks.length).toBeGreaterThanOrEqual(bucket.positions / 4)
    chunks.slice(1).forEach((chunk, i) => expect(lastRead.get(chunks[i]!)!).toBeLessThan(at.get(chunk)!))
    const exponentials = order.filter((node) => node.op === 'Exp' && node.outputs[0]!.shape[1] === config.vocabSize).map((node) => node.outputs[0]!.name)
    exponentials.slice(1).forEach((one, i) => expect(lastRead.get(exponentials[i]!)!).toBeLessThan(at.get(one)!))
  })
})
