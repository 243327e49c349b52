import type { OnnxCounts } from './onnx-counts.js'
import { DIMENSION, ELEMENT_TYPES, TENSOR_SHAPE, TENSOR_TYPE, TYPE, VALUE, VALUE_KINDS } from './onnx-schema.js'
import type { Frame, ProtobufReader } from './protobuf.js'

/** An input or output of the graph. */
export interface OnnxValue {
  readonly name: string
  readonly kind: typeof VALUE_KINDS[keyof typeof VALUE_KINDS]
  /** As the Open Inference Protocol calls it; null for what is no tensor. */
  readonly datatype: string | null
  /** A number, the name of a free dimension, or -1 for a nameless one; null when the number of dimensions is open. */
  readonly shape: ReadonlyArray<number | string> | null
}

type ValueType = Omit<OnnxValue, 'name'>

/** Reads the present field of `parent` as a ValueInfoProto. @throws RegistryError SOURCE_INVALID */
export async function readValue (reader: ProtobufReader, parent: Frame, counts: OnnxCounts): Promise<OnnxValue> {
  const { cursor, limits } = counts
  const frame = reader.enter(parent, VALUE)
  let name = ''
  let type: ValueType | null = null
  for (let field = await reader.next(frame); field !== 0; field = await reader.next(frame)) {
    if (field === 2) {
      type = await readType(reader, frame, counts)
    } else {
      counts.keep(frame.lengthBytes)
      name = await reader.text(frame, limits.nameBytesMax, 'the name of an input or output')
    }
  }
  if (name === '') throw cursor.fault('an input or output of the graph has no name')
  if (type === null) throw cursor.fault(`${JSON.stringify(name)} of the graph has no type`)
  return { name, ...type }
}

/** Of a type that is no tensor only what it is. */
async function readType (reader: ProtobufReader, parent: Frame, counts: OnnxCounts): Promise<ValueType | null> {
  const frame = reader.enter(parent, TYPE)
  let type: ValueType | null = null
  for (let field = await reader.next(frame); field !== 0; field = await reader.next(frame)) {
    if (type !== null) throw counts.cursor.fault('an input or output of the graph has two types')
    const kind = VALUE_KINDS[field as keyof typeof VALUE_KINDS]
    type = kind === 'tensor' || kind === 'sparse-tensor'
      ? { kind, ...await readTensorType(reader, frame, counts) }
      : { kind, datatype: null, shape: null }
  }
  return type
}

async function readTensorType (
  reader: ProtobufReader, parent: Frame, counts: OnnxCounts
): Promise<Pick<OnnxValue, 'datatype' | 'shape'>> {
  const frame = reader.enter(parent, TENSOR_TYPE)
  let elementType = 0
  let shape: Array<number | string> | null = null
  for (let field = await reader.next(frame); field !== 0; field = await reader.next(frame)) {
    if (field === 1) elementType = frame.value
    else shape = await readShape(reader, frame, counts)
  }
  const datatype = ELEMENT_TYPES[elementType]?.datatype
  if (datatype === undefined) throw counts.cursor.fault(`an input or output of the graph has the element type ${elementType}, which is not known`)
  return { datatype, shape }
}

async function readShape (reader: ProtobufReader, parent: Frame, counts: OnnxCounts): Promise<Array<number | string>> {
  const shape: Array<number | string> = []
  const frame = reader.enter(parent, TENSOR_SHAPE)
  while (await reader.next(frame) !== 0) {
    if (shape.length === counts.limits.rankMax) {
      throw counts.cursor.fault(`a shape has more than ${counts.limits.rankMax} dimensions`)
    }
    shape.push(await readDimension(reader, frame, counts))
  }
  return shape
}

async function readDimension (reader: ProtobufReader, parent: Frame, counts: OnnxCounts): Promise<number | string> {
  const frame = reader.enter(parent, DIMENSION)
  let dimension: number | string = -1
  for (let field = await reader.next(frame); field !== 0; field = await reader.next(frame)) {
    if (field === 1) {
      dimension = Math.max(-1, frame.value)
    } else {
      counts.keep(frame.lengthBytes)
      const name = await reader.text(frame, counts.limits.nameBytesMax, 'the name of a dimension')
      dimension = name === '' ? -1 : name
    }
  }
  return dimension
}
