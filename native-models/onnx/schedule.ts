/**
 * Decides what is kept and what runs when. Peak memory of a training step is decided here, not by the runtime.
 *
 * ONNX Runtime's sequential executor orders nodes by a depth-first walk from the graph's leaves (nodes nobody reads),
 * and at every choice takes the node with the HIGHEST file index first (graph_viewer.cc, ReverseDFSFrom with
 * NodeCompare; it does not need the file to be topologically sorted). So file order is our only lever, and a full one:
 *   forward < recompute < backward < eager < leaves of the forward pass < leaves of the backward pass.
 * - Recomputed nodes have lower indices than the gradients they meet, so each runs just before its reader.
 * - 'eager' nodes have higher indices, so they run as soon as a reader is visited, before the other operand.
 * - Leaves are walked from the file's end: first the weight gradients of the last layer, so that its activations are
 *   freed before the walk goes on to the layer below; at the end what only reports (losses).
 */
import { type Graph, type Node, type Phase, type Value } from './types.ts'

const order: Readonly<Record<Phase, number>> = { forward: 0, recompute: 1, backward: 2, eager: 3 }

export function schedule(graph: Graph): Graph {
  const nodes = repeatCheapNodes(graph.nodes)
  const read = new Set(nodes.flatMap((node) => node.inputs.map((input) => input?.name)))
  const isLeaf = (node: Node): boolean => !node.outputs.some((output) => read.has(output.name))
  const inner = nodes.filter((node) => !isLeaf(node))
  return { ...graph, nodes: [inner, nodes.filter(isLeaf)].flatMap((group) => group.sort((a, b) => order[a.phase] - order[b.phase])) }
}

/**
 * Gives the backward pass its own copy of every forward node marked 'recompute' (norms, activations): cheap to run
 * twice, expensive to keep. The original becomes an ordinary forward node.
 */
function repeatCheapNodes(nodes: readonly Node[]): Node[] {
  const cheap = new Map(nodes.filter((node) => node.phase === 'recompute').flatMap((node) => node.outputs.map((output) => [output.name, node] as const)))
  const copies = new Map<Node, Node>()
  const copyOf = (value: Value): Value => {
    const node = cheap.get(value.name)
    if (!node) return value
    let copy = copies.get(node)
    if (!copy) {
      copy = { ...node, inputs: node.inputs.map((input) => input && copyOf(input)), outputs: node.outputs.map((output) => ({ ...output, name: `${output.name}~again` })) }
      copies.set(node, copy)
    }
    return copy.outputs[node.outputs.findIndex((output) => output.name === value.name)]!
  }
  const rest = nodes.map((node) => {
    if (node.phase === 'recompute') return { ...node, phase: 'forward' as const }
    if (node.phase === 'forward') return node
    return { ...node, inputs: node.inputs.map((input) => input && copyOf(input)) }
  })
  return [...rest, ...copies.values()]
}
