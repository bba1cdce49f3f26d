/** Graph → ONNX file bytes, through protobufjs. */
import protobuf from 'protobufjs/light.js'
import { onnxSchema } from './schema.ts'
import { dtypeCodes } from './shapes.ts'
import { type Attribute, type Constant, type Graph, GraphError, type Node, type Value } from './types.ts'

const IR_VERSION = 10
const OPSET = 21
const ModelProto = protobuf.Root.fromJSON(onnxSchema).lookupType('onnx.ModelProto')

/** A weight that the session itself loads (and prepacks) from a file beside the model. */
export interface ExternalWeight {
  readonly name: string
  readonly location: string
  readonly offset: number
  readonly length: number
}

/**
 * Serialises a graph whose own ops are lowered (passes/lower.ts).
 * Inputs named in `external` become initializers that ONNX Runtime reads from disk, instead of feeds.
 */
export function encodeModel(graph: Graph, external: ReadonlyMap<string, ExternalWeight> = new Map()): Uint8Array {
  const fed = graph.inputs.filter((value) => !external.has(value.name))
  const stored = graph.inputs.filter((value) => external.has(value.name))
  return ModelProto.encode({
    irVersion: IR_VERSION,
    producerName: 'creamery',
    opsetImport: [{ domain: '', version: OPSET }, { domain: 'com.microsoft', version: 1 }],
    graph: {
      name: 'creamery',
      // Outputs are renamed through Identity-free aliases: the node itself writes the public name.
      ...renameOutputs(graph, (nodes) => ({ node: nodes.map(encodeNode) })),
      initializer: [...[...graph.constants.values()].map(encodeConstant), ...stored.map((value) => encodeExternal(value, external.get(value.name)!))],
      input: fed.map((value) => encodeValueInfo(value.name, value)),
      output: graph.outputs.map(({ name, value }) => encodeValueInfo(name, value)),
    },
  }).finish()
}

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
  return { name, type: { tensorType: { elemType: dtypeCodes[value.dtype], shape: { dim: value.shape.map((dimValue, axis) => (axis === value.openAxis ? { dimParam: 'open' } : { dimValue })) } } } }
}
