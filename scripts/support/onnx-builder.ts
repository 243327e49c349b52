import { elementCount, type Datatype } from '../../models/tensor.js'
import { ProtobufWriter } from './protobuf.js'
import { seededRandom } from './random.js'

/** What a graph takes or gives. A string in `shape` is a named free dimension, -1 an unnamed one. */
export interface ValueSpec {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly (number | string)[]
}

/** Elements in row-major order; FP16 elements are given as their 16 bits, BOOL as 0 and 1 or booleans. */
export type ElementData = ArrayLike<number> | ArrayLike<bigint> | ArrayLike<string> | ArrayLike<boolean>

export interface TensorValue {
  readonly datatype: Datatype
  readonly shape: readonly number[]
  readonly data: ElementData
}

export interface Initializer extends TensorValue {
  readonly name: string
}

export interface ExternalInitializer {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
  readonly location: string
}

/** A bare number is an int and a bare array ints (both must be whole); floats are always tagged. */
export type AttributeValue =
  | number | bigint | string | readonly number[]
  | { readonly float: number } | { readonly floats: readonly number[] } | { readonly strings: readonly string[] }
  | { readonly tensor: TensorValue } | { readonly graph: GraphSpec }

export interface NodeSpec {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, AttributeValue>>
  readonly domain?: string
}

export interface GraphSpec {
  readonly name?: string
  readonly inputs: readonly ValueSpec[]
  readonly outputs: readonly ValueSpec[]
  readonly nodes: readonly NodeSpec[]
  readonly initializers: readonly Initializer[]
  /** Initializers whose elements, row-major and little-endian, are a whole file beside the model. */
  readonly external?: readonly ExternalInitializer[]
}

export interface ModelSpec extends GraphSpec {
  readonly opset?: number
  readonly irVersion?: number
  /** Operator set versions of the domains beside ONNX's own; a domain some node names is imported without it too. */
  readonly domains?: Readonly<Record<string, number>>
}

const DEFAULT_OPSET = 17
const DEFAULT_IR_VERSION = 8

/** onnx.TensorProto.DataType. */
const ELEMENT_TYPES: Readonly<Record<Datatype, number>> = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13
}

/** onnx.AttributeProto.AttributeType. */
const ATTRIBUTE_TYPES = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8 } as const

/**
 * The bytes of an ONNX model (onnx.proto, ModelProto). The same specification gives the same bytes.
 * @throws RangeError when a tensor's data does not fill its shape or a bare number attribute is not whole
 */
export function buildModel (spec: ModelSpec): Uint8Array {
  const message = new ProtobufWriter()
    .int(1, spec.irVersion ?? DEFAULT_IR_VERSION)
    .string(2, 'gauntlet')
    .message(7, graphMessage(spec))
  const used = spec.nodes.map((node) => [node.domain ?? '', node.domain === 'ai.onnx.ml' ? 3 : 1] as const)
  const domains = new Map<string, number>([...used, ...Object.entries(spec.domains ?? {})])
  domains.set('', spec.opset ?? DEFAULT_OPSET)
  for (const [domain, version] of domains) message.message(8, new ProtobufWriter().string(1, domain).int(2, version))
  return message.finish()
}

/**
 * A perceptron with Relu between its layers: FP32 `input` ['batch', sizes[0]] to FP32 `output` ['batch', last size].
 * Weights are uniform in +-sqrt(6 / fanIn) (He et al. 2015), biases in +-0.1, both drawn from `seed`.
 */
export function mlp ({ sizes, seed }: { readonly sizes: readonly number[], readonly seed: number }): Uint8Array {
  if (sizes.length < 2) throw new RangeError(`an mlp needs an input and an output size, got [${sizes.join(', ')}]`)
  const random = seededRandom(seed)
  const initializers: Initializer[] = []
  const nodes: NodeSpec[] = []
  const layers = sizes.length - 1
  for (let layer = 0; layer < layers; layer++) {
    const [from, to] = [sizes[layer] as number, sizes[layer + 1] as number]
    const bound = Math.sqrt(6 / from)
    const uniform = (limit: number) => (2 * random() - 1) * limit
    const weight = Float32Array.from({ length: from * to }, () => uniform(bound))
    const bias = Float32Array.from({ length: to }, () => uniform(0.1))
    initializers.push({ name: `weight${layer}`, datatype: 'FP32', shape: [from, to], data: weight })
    initializers.push({ name: `bias${layer}`, datatype: 'FP32', shape: [to], data: bias })
    const isLast = layer === layers - 1
    const input = layer === 0 ? 'input' : `hidden${layer - 1}`
    const sum = isLast ? 'output' : `sum${layer}`
    nodes.push({ op: 'Gemm', inputs: [input, `weight${layer}`, `bias${layer}`], outputs: [sum] })
    if (!isLast) nodes.push({ op: 'Relu', inputs: [sum], outputs: [`hidden${layer}`] })
  }
  return buildModel({
    name: 'mlp',
    inputs: [{ name: 'input', datatype: 'FP32', shape: ['batch', sizes[0] as number] }],
    outputs: [{ name: 'output', datatype: 'FP32', shape: ['batch', sizes[layers] as number] }],
    nodes,
    initializers
  })
}

function graphMessage (graph: GraphSpec): ProtobufWriter {
  const message = new ProtobufWriter()
  for (const node of graph.nodes) message.message(1, nodeMessage(node))
  message.string(2, graph.name ?? 'graph')
  for (const { name, ...value } of graph.initializers) message.message(5, tensorMessage(value, name))
  for (const initializer of graph.external ?? []) message.message(5, externalMessage(initializer))
  for (const input of graph.inputs) message.message(11, valueMessage(input))
  for (const output of graph.outputs) message.message(12, valueMessage(output))
  return message
}

function externalMessage ({ name, datatype, shape, location }: ExternalInitializer): ProtobufWriter {
  const place = new ProtobufWriter().string(1, 'location').string(2, location)
  return new ProtobufWriter()
    .packedInts(1, shape).int(2, ELEMENT_TYPES[datatype]).string(8, name).message(13, place).int(14, 1)
}

function nodeMessage (node: NodeSpec): ProtobufWriter {
  const message = new ProtobufWriter()
  for (const input of node.inputs) message.string(1, input)
  for (const output of node.outputs) message.string(2, output)
  message.string(4, node.op)
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    message.message(5, attributeMessage(name, value))
  }
  if (node.domain !== undefined) message.string(7, node.domain)
  return message
}

function attributeMessage (name: string, value: AttributeValue): ProtobufWriter {
  const message = new ProtobufWriter().string(1, name)
  const typed = (type: keyof typeof ATTRIBUTE_TYPES) => message.int(20, ATTRIBUTE_TYPES[type])
  if (typeof value === 'number' || typeof value === 'bigint') {
    message.int(3, whole(name, value))
    return typed('int')
  }
  if (typeof value === 'string') {
    message.string(4, value)
    return typed('string')
  }
  if ('float' in value) {
    message.float(2, value.float)
    return typed('float')
  }
  if ('floats' in value) {
    message.packedFloats(7, value.floats)
    return typed('floats')
  }
  if ('strings' in value) {
    for (const item of value.strings) message.string(9, item)
    return typed('strings')
  }
  if ('tensor' in value) {
    message.message(5, tensorMessage(value.tensor))
    return typed('tensor')
  }
  if ('graph' in value) {
    message.message(6, graphMessage(value.graph))
    return typed('graph')
  }
  message.packedInts(8, value.map((item) => whole(name, item)))
  return typed('ints')
}

function whole (name: string, value: number | bigint): number | bigint {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return value
  throw new RangeError(`attribute ${name} is not whole: ${value}; write { float: ${value} } for a float`)
}

function valueMessage (value: ValueSpec): ProtobufWriter {
  const shape = new ProtobufWriter()
  for (const size of value.shape) {
    const dimension = new ProtobufWriter()
    if (typeof size === 'string') dimension.string(2, size)
    else if (size >= 0) dimension.int(1, size)
    shape.message(1, dimension)
  }
  const tensorType = new ProtobufWriter().int(1, ELEMENT_TYPES[value.datatype]).message(2, shape)
  return new ProtobufWriter().string(1, value.name).message(2, new ProtobufWriter().message(1, tensorType))
}

function tensorMessage (tensor: TensorValue, name?: string): ProtobufWriter {
  const count = elementCount(tensor.shape)
  if (tensor.data.length !== count) {
    throw new RangeError(`${name ?? 'tensor'} has ${tensor.data.length} elements, shape [${tensor.shape.join(', ')}] needs ${count}`)
  }
  const message = new ProtobufWriter().packedInts(1, tensor.shape).int(2, ELEMENT_TYPES[tensor.datatype])
  if (tensor.datatype === 'BYTES') {
    for (const element of Array.from<unknown>(tensor.data)) message.string(6, String(element))
  }
  if (name !== undefined) message.string(8, name)
  if (tensor.datatype !== 'BYTES') message.bytes(9, rawData(tensor.datatype, tensor.data))
  return message
}

type NumericDatatype = Exclude<Datatype, 'BYTES'>
type ElementWriter = (view: DataView, at: number, value: number | bigint) => void

/** Size and little-endian setter of one element, whatever the byte order of this machine. */
const ELEMENT_WRITERS: Readonly<Record<NumericDatatype, readonly [sizeBytes: number, write: ElementWriter]>> = {
  BOOL: [1, (view, at, value) => view.setUint8(at, Number(value) === 0 ? 0 : 1)],
  UINT8: [1, (view, at, value) => view.setUint8(at, Number(value))],
  UINT16: [2, (view, at, value) => view.setUint16(at, Number(value), true)],
  UINT32: [4, (view, at, value) => view.setUint32(at, Number(value), true)],
  UINT64: [8, (view, at, value) => view.setBigUint64(at, BigInt(value), true)],
  INT8: [1, (view, at, value) => view.setInt8(at, Number(value))],
  INT16: [2, (view, at, value) => view.setInt16(at, Number(value), true)],
  INT32: [4, (view, at, value) => view.setInt32(at, Number(value), true)],
  INT64: [8, (view, at, value) => view.setBigInt64(at, BigInt(value), true)],
  FP16: [2, (view, at, value) => view.setUint16(at, Number(value), true)],
  FP32: [4, (view, at, value) => view.setFloat32(at, Number(value), true)],
  FP64: [8, (view, at, value) => view.setFloat64(at, Number(value), true)]
}

function rawData (datatype: NumericDatatype, data: ElementData): Uint8Array {
  const [sizeBytes, write] = ELEMENT_WRITERS[datatype]
  const view = new DataView(new ArrayBuffer(data.length * sizeBytes))
  for (let index = 0; index < data.length; index++) {
    const element = data[index]
    write(view, index * sizeBytes, typeof element === 'bigint' ? element : Number(element))
  }
  return new Uint8Array(view.buffer)
}
