/** Graph → ONNX file bytes, through protobufjs. */
import protobuf from 'protobufjs/light.js'
import { onnxSchema } from './schema.ts'
import { dtypeCodes } from './shapes.ts'
import { type Attribute, type Constant, type Graph, GraphError, type Node, type Value, isOpen, openSizes } from './types.ts'

const IR_VERSION = 10
const OPSET = 21
const root = protobuf.Root.fromJSON(onnxSchema)
const [ModelProto, GraphProto, TensorProto] = ['ModelProto', 'GraphProto', 'TensorProto'].map((name) => root.lookupType(`onnx.${name}`)) as [protobuf.Type, protobuf.Type, protobuf.Type]

/** A weight that the session itself loads (and prepacks) from a file beside the model. */
export interface ExternalWeight {
  readonly name: string
  readonly location: string
  readonly offset: number
  readonly length: number
}

/** A weight that is written into the model's file, piece by piece. */
export interface InlineWeight {
  readonly value: Value
  readonly bytes: number
  pieces(): Iterable<Uint8Array>
}

/**
 * Serialises a graph whose own ops are lowered (onnx/lower.ts).
 * Inputs named in `external` become initializers that ONNX Runtime reads from disk, instead of feeds.
 */
export function encodeModel(graph: Graph, external: ReadonlyMap<string, ExternalWeight> = new Map()): Uint8Array {
  return Buffer.concat([...modelParts(graph, [], external)])
}

/** The same file in parts, for models whose weights never are in memory together: `inline` follow the graph. At most 2 GiB. */
export function* modelParts(graph: Graph, inline: readonly InlineWeight[], external: ReadonlyMap<string, ExternalWeight> = new Map()): Generator<Uint8Array> {
  const inside = new Set(inline.map(({ value }) => value.name))
  const stored = graph.inputs.filter((value) => external.has(value.name))
  const body = GraphProto.encode({
    name: 'creamery',
    // Outputs are renamed through Identity-free aliases: the node itself writes the public name.
    ...renameOutputs(graph, (nodes) => ({ node: nodes.map(encodeNode) })),
    initializer: [...[...graph.constants.values()].map(encodeConstant), ...stored.map((value) => encodeExternal(value, external.get(value.name)!))],
    input: graph.inputs.filter(({ name }) => !external.has(name) && !inside.has(name)).map((value) => encodeValueInfo(value.name, value)),
    output: graph.outputs.map(({ name, value }) => encodeValueInfo(name, value)),
  }).finish()
  const heads = inline.map(({ value, bytes }) => {
    const tensor = TensorProto.encode({ name: value.name, dims: value.shape, dataType: dtypeCodes[value.dtype] }).finish()
    const raw = lengthOf(TensorProto, 'rawData', bytes)
    return Buffer.concat([lengthOf(GraphProto, 'initializer', tensor.length + raw.length + bytes), tensor, raw])
  })
  const size = inline.reduce((sum, { bytes }, i) => sum + heads[i]!.length + bytes, body.length)
  if (size >= 2 ** 31) throw new GraphError(`a model of ${size} bytes does not fit into one ONNX file; keep its weights beside it`)
  yield ModelProto.encode({ irVersion: IR_VERSION, producerName: 'creamery', opsetImport: [{ domain: '', version: OPSET }, { domain: 'com.microsoft', version: 1 }] }).finish()
  yield lengthOf(ModelProto, 'graph', size)
  yield body
  for (const [i, weight] of inline.entries()) {
    yield heads[i]!
    yield* weight.pieces()
  }
}

/** Tag and length of a field that holds so many bytes (protobuf wire type 2). */
const lengthOf = (type: protobuf.Type, field: string, bytes: number): Uint8Array => protobuf.Writer.create().uint32((type.fields[field]!.id << 3) | 2).uint32(bytes).finish()

/** Lets each graph output carry its public name: the producing node writes it directly. */
function renameOutputs<T>(graph: Graph, encode: (nodes: readonly Node[]) => T): T {
  const publicName = new Map<string, string>()
  const produced = new Set(graph.nodes.flatMap((node) => node.outputs.map((output) => output.name)))
  for (const { name, value } of graph.outputs) {
    if (publicName.has(value.name)) throw new GraphError(`value ${value.name} is two outputs, ${publicName.get(value.name)} and ${name}; put an Identity between`)
    if (!produced.has(value.name)) throw new GraphError(`output ${name} is ${value.name}, which no node makes; put an Identity between`)
    publicName.set(value.name, name)
  }
  const rename = <V extends Value | null>(value: V): V => (value && publicName.has(value.name) ? { ...value, name: publicName.get(value.name)! } : value)
  return encode(graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) })))
}

function encodeNode(node: Node, index: number): object {
  if (node.domain === 'creamery') throw new GraphError(`${node.op} must be lowered before it is serialised`)
  return {
    name: `${index}:${node.outputs[0]!.name}`,
    opType: node.op,
    domain: node.domain,
    input: node.inputs.map((input) => input?.name ?? ''),
    output: node.outputs.map((output) => output.name),
    attribute: Object.entries(node.attributes).map(([name, value]) => encodeAttribute(name, value)),
  }
}

/** AttributeProto.AttributeType: FLOAT 1, INT 2, STRING 3, INTS 7. */
function encodeAttribute(name: string, value: Attribute): object {
  if (typeof value === 'number') return { name, type: 2, i: value }
  if (typeof value === 'string') return { name, type: 3, s: Buffer.from(value) }
  if ('float' in value) return { name, type: 1, f: value.float }
  return { name, type: 7, ints: value }
}

function encodeConstant({ value, data }: Constant): object {
  return { name: value.name, dims: value.shape, dataType: dtypeCodes[value.dtype], rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
}

function encodeExternal(value: Value, weight: ExternalWeight): object {
  const entries = { location: weight.location, offset: String(weight.offset), length: String(weight.length) }
  return { name: value.name, dims: value.shape, dataType: dtypeCodes[value.dtype], dataLocation: 1, externalData: Object.entries(entries).map(([key, entry]) => ({ key, value: entry })) }
}

function encodeValueInfo(name: string, value: Value): object {
  const dim = value.shape.map((size, axis) => (axis === value.openAxis ? { dimParam: 'open' } : isOpen(size) ? { dimParam: openName(size) } : { dimValue: size }))
  return { name, type: { tensorType: { elemType: dtypeCodes[value.dtype], shape: { dim } } } }
}

function openName(size: number): string {
  const found = Object.entries(openSizes).find(([, open]) => open === size)
  if (!found) throw new GraphError(`an input or output has a size made of open ones (${size}); give it sizes that have names`)
  return found[0]
}
