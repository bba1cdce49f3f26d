/**
 * Reverse-mode differentiation of a graph: prune to the path, walk it backwards, accumulate.
 * The gradient is more graph, made of stock ops, in the same builder.
 */
import type { GraphBuilder } from '../onnx/builder.ts'
import { GraphError, type Node, type Value, isFloat, sameShape, show } from '../onnx/types.ts'
import type { Entry, Rule } from './registry.ts'
import { elementwise } from './rules/elementwise.ts'
import { indexing } from './rules/indexing.ts'
import { layout } from './rules/layout.ts'
import { model } from './rules/model.ts'
import { products } from './rules/products.ts'
import { reductions } from './rules/reductions.ts'

export const rules: Readonly<Record<string, Entry>> = { ...elementwise, ...reductions, ...products, ...layout, ...indexing, ...model }

/**
 * d(Σ seed·y)/dx for each x of `wrt`, in its shape. `seed` defaults to ones, so a scalar loss gives its gradient.
 * Throws where a needed rule is missing, or where some x does not reach y.
 */
export function gradients(b: GraphBuilder, y: Value, wrt: readonly Value[], seed?: Value): Value[] {
  const forward = [...b.nodes]
  const path = pathNodes(forward, y, wrt)
  const depends = new Set([...wrt.map((x) => x.name), ...path.flatMap((node) => node.outputs.map((output) => output.name))])
  const gradient = new Map<string, Value>()

  return b.during('backward', () => b.scope('grad', () => {
    gradient.set(y.name, seed ?? b.expand(b.scalar(1), y.shape))
    for (const node of path.toReversed()) {
      const gs = node.outputs.map((output) => gradient.get(output.name) ?? null)
      if (gs.every((g) => g === null)) continue
      const makers = ruleOf(node)({ b, node, x: node.inputs as Value[], y: node.outputs, g: gs[0]!, gs })
      node.inputs.forEach((input, i) => {
        const make = makers[i]
        if (!input || !make || !depends.has(input.name)) return
        const g = unbroadcast(b, make(), input, node)
        const known = gradient.get(input.name)
        gradient.set(input.name, known ? b.add(known, g) : g)
      })
    }
    return wrt.map((x) => {
      const g = gradient.get(x.name)
      if (!g) throw new GraphError(`${show(x)} does not reach ${show(y)}, so it has no gradient`)
      return g
    })
  }))
}

/** Nodes that lie on a way from some x to y. */
function pathNodes(nodes: readonly Node[], y: Value, wrt: readonly Value[]): Node[] {
  const reached = new Set(wrt.map((x) => x.name))
  const downstream = nodes.filter((node) => {
    const reaches = node.inputs.some((input) => input && reached.has(input.name))
    if (reaches) for (const output of node.outputs) if (isFloat(output.dtype)) reached.add(output.name)
    return reaches
  })
  const needed = new Set([y.name])
  return downstream.toReversed().filter((node) => {
    const leads = node.outputs.some((output) => needed.has(output.name))
    if (leads) for (const input of node.inputs) if (input) needed.add(input.name)
    return leads
  }).reverse()
}

function ruleOf(node: Node): Rule {
  const entry = rules[node.op]
  const where = node.outputs[0]!.name
  if (entry === undefined) throw new GraphError(`op ${node.op} (at ${where}) has no gradient rule; add one to autodiff/rules`)
  if (entry === 'no-gradient') return () => node.inputs.map(() => null)
  if (typeof entry === 'object') throw new GraphError(`op ${node.op} (at ${where}) refuses a gradient: ${entry.refuse}`)
  return entry
}

/** Sums a gradient over the axes along which `x` was broadcast; checks shape and dtype of what a rule made. */
function unbroadcast(b: GraphBuilder, g: Value, x: Value, node: Node): Value {
  if (g.dtype !== x.dtype) throw new GraphError(`${node.op}: gradient ${show(g)} of ${show(x)} has another dtype`)
  if (sameShape(g.shape, x.shape)) return g
  const lead = g.shape.length - x.shape.length
  const axes = g.shape.flatMap((dim, i) => (i < lead || (x.shape[i - lead] === 1 && dim !== 1) ? [i] : []))
  const summed = b.reduceSum(g, axes, true)
  const shape = summed.shape.slice(lead)
  if (lead < 0 || !sameShape(shape, x.shape)) throw new GraphError(`${node.op}: gradient ${show(g)} does not fit ${show(x)}`)
  return lead === 0 ? summed : b.reshape(summed, x.shape)
}
