/** Lets products of the backward pass add up where they are made: x + A·B becomes one Gemm with x as its C. */
import { type Graph, type Node, type Value, sameShape } from './types.ts'

/**
 * The forward pass stays as it is: with and without an adapter, and trained or only scored, a model must round alike
 * (ENGINE §10), and a fused sum rounds otherwise.
 */
export function fuseSums(graph: Graph): Graph {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output.name, node] as const)))
  const reads = new Map<string, number>()
  const used = [...graph.nodes.flatMap((node) => node.inputs), ...graph.outputs.map(({ value }) => value)]
  for (const value of used) if (value) reads.set(value.name, (reads.get(value.name) ?? 0) + 1)

  const fused = new Set<Node>()
  const nodes = graph.nodes.map((node) => {
    if (node.op !== 'Add' || node.phase !== 'backward') return node
    const [sum] = node.outputs as [Value]
    for (const [term, rest] of [node.inputs, node.inputs.toReversed()] as [Value, Value][]) {
      const product = makers.get(term.name)
      if (product?.op !== 'Gemm' || product.phase !== 'backward' || product.inputs.length > 2 || reads.get(term.name) !== 1 || !sameShape(rest.shape, sum.shape)) continue
      fused.add(product)
      return { ...product, inputs: [...product.inputs, rest], outputs: [sum] }
    }
    return node
  })
  return { ...graph, nodes: nodes.filter((node) => !fused.has(node)) }
}
