/** Replaces our own ops by stock ones, just before a graph is serialised. */
import { type GraphBuilder, type HeadSums, capOf } from './builder.ts'
import { ownIn, placesIn, rowsAt } from './row-blocks.ts'
import { type Node, type Value, assertKnown } from './types.ts'

/** Rewrites `b.nodes` in place: every 'creamery' node becomes the nodes that compute the same values. */
export function lower(b: GraphBuilder): void {
  const used = new Set(b.nodes.flatMap((node) => node.inputs.map((input) => input?.name)))
  b.rewrite((node) => {
    if (node.domain !== 'creamery') return false
    if (node.op === 'Softplus') lowerSoftplus(b, node)
    else if (node.op === 'Silu') lowerSilu(b, node)
    else if (node.op === 'CompletionLogps') lowerCompletionLogps(b, node, (value) => used.has(value.name))
    else if (node.op === 'CompletionHeadGradient') lowerHeadGradient(b, node)
    else assertKnown(node.op)
    return true
  })
}

/** softplus(x) = max(x, 0) + log(1 + exp(−|x|)): stable on both sides, and exactly ln 2 at 0. */
function lowerSoftplus(b: GraphBuilder, node: Node): void {
  const x = node.inputs[0]!
  const y = b.add(b.max(x, b.scalar(0)), b.log(b.add(b.exp(b.min(x, b.neg(x))), b.scalar(1))))
  b.define(node.outputs[0]!, [y])
}

function lowerSilu(b: GraphBuilder, node: Node): void {
  const [x, [y, s]] = [node.inputs[0]!, node.outputs as [Value, Value]]
  b.nodes.push({ ...node, op: 'Sigmoid', domain: '', outputs: [s] }, { ...node, op: 'Mul', domain: '', inputs: [x, s], outputs: [y] })
}

/** [start, end) of each chunk of positions. */
const chunksOf = (n: number, size: number): [number, number][] =>
  Array.from({ length: Math.ceil(n / size) }, (_, i) => [i * size, Math.min(n, (i + 1) * size)])

const part = (b: GraphBuilder, x: Value, [start, end]: [number, number]): Value => (end - start === x.shape[0] ? x : b.slice(x, start, end, 0))

/**
 * Per chunk, with e = exp(h·Eᵀ − max) and s = Σe:  logp = h·E[y] − max − log s,  U = E[y] − (e·E)/s.
 * The maximum is taken out here because WebGPU's ReduceLogSumExp overflows. The target's logit is the dot product
 * h·E[y], not a pick from the logits, and U's phase is 'eager': so the runtime finishes one chunk and frees its
 * logits before it starts the next.
 */
function lowerCompletionLogps(b: GraphBuilder, node: Node, isUsed: (value: Value) => boolean): void {
  const [hidden, targets, ...head] = node.inputs as [Value, Value, ...Value[]]
  const [logps, direction, max, sum] = node.outputs as [Value, Value, Value, Value]
  const cap = capOf(node)
  const goals = rowsAt(b, head, targets)
  const chunks = chunksOf(hidden.shape[0]!, node.attributes['chunk'] as number).map((range) => {
    const h = part(b, hidden, range)
    const goal = part(b, goals, range)
    const { shares, max, sum } = exponentials(b, h, head, cap)
    const hit = bend(b, b.reduceSum(b.mul(h, goal), [1]), cap)
    // The maximum goes first: the target's logit is near it, so that difference loses nothing.
    const logp = b.sub(b.sub(hit.logits, max), b.log(sum))
    const u = isUsed(direction) ? b.during('eager', () => b.sub(hit.weigh(goal), b.div(weightedRows(b, shares, head), sum))) : null
    return { logp: b.reshape(logp, [h.shape[0]!]), u, max, sum }
  })
  b.define(logps, chunks.map((c) => c.logp))
  if (isUsed(direction)) b.during('eager', () => b.define(direction, chunks.map((c) => c.u!)))
  if (isUsed(max)) b.define(max, chunks.map((c) => c.max))
  if (isUsed(sum)) b.define(sum, chunks.map((c) => c.sum))
}

/** Soft-capped logits, and what weighs a derivative by logits: the slope 1 − tanh². Without a cap both are the identity. */
function bend(b: GraphBuilder, logits: Value, cap: number | null): { logits: Value; weigh(x: Value): Value } {
  if (cap === null) return { logits, weigh: (x) => x }
  const tanh = b.tanh(b.scale(logits, 1 / cap))
  return { logits: b.scale(tanh, cap), weigh: (x) => b.mul(x, b.sub(b.scalar(1), b.mul(tanh, tanh))) }
}

/** exp(logits − max) over one block of the head [n, rows]; `weigh` as in `bend`. */
interface Share {
  readonly e: Value
  weigh(x: Value): Value
}

/** The softmax of h·Eᵀ in pieces: a share of each block, and what is common to all; `known` where another pass has found it. */
function exponentials(b: GraphBuilder, h: Value, head: readonly Value[], cap: number | null, known: HeadSums | null = null): { shares: Share[] } & HeadSums {
  const bent = head.map((rows) => bend(b, b.gemm(h, b.widened(rows), { transB: true }), cap))
  const max = known?.max ?? bent.map(({ logits }) => b.reduceMax(logits, [1])).reduce((p, q) => b.max(p, q))
  const shares = bent.map(({ logits, weigh }) => ({ e: b.exp(b.sub(logits, max)), weigh }))
  return { shares, max, sum: known?.sum ?? shares.map(({ e }) => b.reduceSum(e, [1])).reduce((p, q) => b.add(p, q)) }
}

/** e·E [n, D], a block after the other; one held in halves is widened for each use, so that only one is wide at a time. */
function weightedRows(b: GraphBuilder, shares: readonly Share[], head: readonly Value[]): Value {
  return shares.reduce<Value | null>((sum, { e, weigh }, i) => b.gemm(weigh(e), b.widened(head[i]!), { c: sum }), null)!
}

/**
 * dE = Σ_t g_t·1[y_t]·h_tᵀ − Σ_t g_t·p_t·h_tᵀ, the probabilities recomputed chunk by chunk. The sums are 'eager', so
 * that the sum over earlier chunks is finished before the next chunk's probabilities are made. A block by itself takes max
 * and s from the forward pass: chunks of all blocks together would stay in memory until the last block's gradient.
 */
function lowerHeadGradient(b: GraphBuilder, node: Node): void {
  const [hidden, targets, g, rows, max, sum] = node.inputs as [Value, Value, Value, Value, Value | null, Value | null]
  const block = { rows, start: node.attributes['start'] as number }
  const n = hidden.shape[0]!
  const cap = capOf(node)
  b.during('backward', () => {
    const weighted = b.mul(hidden, b.reshape(g, [n, 1]))
    let total: Value | null = null
    for (const range of chunksOf(n, node.attributes['chunk'] as number)) {
      const known = max && sum && { max: part(b, max, range), sum: part(b, sum, range) }
      const { shares: [share], sum: s } = exponentials(b, part(b, hidden, range), [rows], cap, known)
      const scaled = b.div(part(b, weighted, range), s)
      total = b.during('eager', () => b.gemm(share!.weigh(share!.e), scaled, { transA: true, alpha: -1, c: total }))
    }
    const places = max ? placesIn(b, block, targets) : targets
    const hits = cap === null ? weighted : bend(b, b.reduceSum(b.mul(hidden, b.rows(rows, places)), [1]), cap).weigh(weighted)
    b.define(node.outputs[0]!, [b.scatterAdd(total!, places, max ? ownIn(b, block, targets, hits) : hits)])
  })
}
