/**
 * How much memory a session's arena comes to hold: the graph's allocations in the order ONNX Runtime runs it, through an
 * allocator that works as its own does (bfc_arena.cc: best fit, split, coalesce, regions that double). Sizes alone matter;
 * nothing is allocated.
 */
import { type DType, type Graph, type Node, type Value, sizeOf } from './types.ts'

const bytesPerElement: Readonly<Record<DType, number>> = { float32: 4, float64: 8, float16: 2, int32: 4, int64: 8, uint8: 1, bool: 1 }
const bytesOf = (value: Value): number => sizeOf(value.shape) * bytesPerElement[value.dtype]

/** Ops whose output is their input under another shape. (No op writes over its input here: measured, see tests/bench/estimates.ts.) */
const views = new Set(['Reshape', 'Identity', 'Squeeze', 'Unsqueeze', 'Flatten'])

/** A few runs: what the first leaves in pieces makes the next ones ask for more. */
const RUNS = 3

/** Bytes of the arena that runs of this graph have written to. */
export function arenaBytes(graph: Graph): number {
  const arena = new Arena()
  const order = executionOrder(graph.nodes)
  for (let run = 0; run < RUNS; run++) runOnce(graph, order, arena)
  return arena.touchedBytes
}

/** A depth-first walk from the leaves, the highest file index first (see schedule.ts). */
export function executionOrder(nodes: readonly Node[]): Node[] {
  const makers = new Map(nodes.flatMap((node, i) => node.outputs.map(({ name }) => [name, i] as const)))
  const makersOf = (node: Node): number[] => node.inputs.flatMap((input) => (input && makers.get(input.name)) ?? [])
  const read = new Set(nodes.flatMap(makersOf))
  const stack = nodes.flatMap((_, i) => (read.has(i) ? [] : [{ at: i, leaving: false }]))
  const entered = new Set<number>()
  const order: Node[] = []
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { at, leaving } = top
    if (leaving) order.push(nodes[at]!)
    if (leaving || entered.has(at)) continue
    entered.add(at)
    stack.push({ at, leaving: true }, ...[...new Set(makersOf(nodes[at]!))].filter((maker) => !entered.has(maker)).sort((a, b) => a - b).map((maker) => ({ at: maker, leaving: false })))
  }
  return order
}

interface Buffer {
  readonly chunk: Chunk
  /** Reads to come, of every value in it. */
  readers: number
}

function runOnce({ outputs }: Graph, order: readonly Node[], arena: Arena): void {
  const reads = new Map<string, number>()
  const count = (name: string): void => void reads.set(name, (reads.get(name) ?? 0) + 1)
  for (const { inputs } of order) for (const input of inputs) if (input) count(input.name)
  for (const { value } of outputs) count(value.name)
  const buffers = new Map<string, Buffer>()
  const release = (buffer: Buffer | undefined): void => {
    if (buffer && --buffer.readers === 0) arena.free(buffer.chunk)
  }
  for (const { op, inputs, outputs: made } of order) {
    for (const value of made) {
      const ahead = reads.get(value.name) ?? 0
      const viewed = views.has(op) ? buffers.get(inputs[0]?.name ?? '') : undefined
      if (viewed) viewed.readers += ahead
      if (!viewed && views.has(op)) continue // a view of a feed
      const buffer = viewed ?? { chunk: arena.allocate(bytesOf(value)), readers: Math.max(1, ahead) }
      buffers.set(value.name, buffer)
      if (!viewed && ahead === 0) release(buffer)
    }
    for (const input of inputs) release(input ? buffers.get(input.name) : undefined)
  }
  for (const { value } of outputs) release(buffers.get(value.name))
}

interface Chunk {
  readonly region: Region
  start: number
  size: number
  isFree: boolean
  /** Neighbours in the region. */
  before: Chunk | null
  after: Chunk | null
}
interface Region {
  readonly touched: [start: number, end: number][]
}

const GRAIN = 256
const FIRST_REGION = 2 ** 20
const LARGEST_STEP = 2 ** 30
/** A free chunk is handed out whole unless it is twice as large, or so much would be left over. */
const LARGEST_WASTE = 128 * 2 ** 20

class Arena {
  readonly #free = new Set<Chunk>()
  readonly #regions: Region[] = []
  #nextRegion = FIRST_REGION

  allocate(bytes: number): Chunk {
    const wanted = GRAIN * Math.max(1, Math.ceil(bytes / GRAIN))
    const chunk = this.#bestFit(wanted) ?? this.#extend(wanted)
    this.#free.delete(chunk)
    chunk.isFree = false
    if (chunk.size >= 2 * wanted || chunk.size - wanted >= LARGEST_WASTE) this.#split(chunk, wanted)
    touch(chunk.region, chunk.start, chunk.start + bytes)
    return chunk
  }

  free(chunk: Chunk): void {
    chunk.isFree = true
    this.#free.add(chunk)
    if (chunk.after?.isFree) this.#join(chunk, chunk.after)
    if (chunk.before?.isFree) this.#join(chunk.before, chunk)
  }

  get touchedBytes(): number {
    return this.#regions.reduce((sum, { touched }) => sum + touched.reduce((inner, [start, end]) => inner + end - start, 0), 0)
  }

  #bestFit(wanted: number): Chunk | undefined {
    let best: Chunk | undefined
    for (const chunk of this.#free) if (chunk.size >= wanted && (!best || chunk.size < best.size)) best = chunk
    return best
  }

  #extend(wanted: number): Chunk {
    let grew = false
    while (this.#nextRegion < wanted) [this.#nextRegion, grew] = [2 * this.#nextRegion, true]
    const region: Region = { touched: [] }
    this.#regions.push(region)
    const chunk: Chunk = { region, start: 0, size: this.#nextRegion, isFree: true, before: null, after: null }
    if (!grew && this.#nextRegion < LARGEST_STEP) this.#nextRegion *= 2
    return chunk
  }

  #split(chunk: Chunk, size: number): void {
    const rest: Chunk = { region: chunk.region, start: chunk.start + size, size: chunk.size - size, isFree: true, before: chunk, after: chunk.after }
    if (rest.after) rest.after.before = rest
    chunk.after = rest
    chunk.size = size
    this.#free.add(rest)
  }

  #join(first: Chunk, second: Chunk): void {
    first.size += second.size
    first.after = second.after
    if (second.after) second.after.before = first
    this.#free.delete(second)
  }
}

/** Adds an interval to a list of disjoint ones. */
function touch(region: Region, start: number, end: number): void {
  const apart = region.touched.filter(([from, to]) => to < start || from > end)
  const joined = region.touched.filter(([from, to]) => to >= start && from <= end)
  apart.push([Math.min(start, ...joined.map(([from]) => from)), Math.max(end, ...joined.map(([, to]) => to))])
  region.touched.splice(0, region.touched.length, ...apart)
}
