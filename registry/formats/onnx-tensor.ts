import { quote } from '../names.js'
import type { OnnxCounts } from './onnx-counts.js'
import { ELEMENT_TYPES, ENTRY, TENSOR, type ElementType } from './onnx-schema.js'
import type { Frame, ProtobufReader } from './protobuf.js'

const EXTERNAL = 1
const ENTRIES_MAX = 64
const LOCATION_BYTES_MAX = 1_024
const NUMBER = /^\d{1,16}$/
/** The runtime's own marks for weights in its memory; in a file they would make it read where an attacker says. */
const MEMORY_MARK = /^\*\/_ORT_.*MEM_ADDR_\/\*/

/** Weights of one tensor that are in another file; `location` as the model states it, relative to the model. */
export interface ExternalTensor {
  readonly tensor: string
  readonly location: string
  readonly offsetBytes: number
  /** As type and shape demand. */
  readonly lengthBytes: number
}

export interface TensorHeader {
  readonly name: string
  readonly element: ElementType
  readonly elementCount: number
  readonly external: Omit<ExternalTensor, 'tensor'> | null
}

/** A TensorProto as it is gathered. */
interface Gathered {
  name: string
  type: number
  dims: number[]
  rawBytes: number | null
  isExternal: boolean
  entries: Map<string, string>
}

/**
 * Reads the present field of `parent` as a TensorProto, without its elements.
 * @throws RegistryError SOURCE_INVALID naming the tensor when shape, type, bytes or external data cannot be right
 */
export async function readTensor (reader: ProtobufReader, parent: Frame, counts: OnnxCounts): Promise<TensorHeader> {
  const { cursor } = counts
  const { name, type, dims, rawBytes, isExternal, entries } = await gather(reader, parent, counts)
  const label = `tensor ${quote(name)}`
  const element = ELEMENT_TYPES[type]
  if (element === undefined) throw cursor.fault(`${label} has the element type ${type}, which is not known`)
  const negative = dims.find((dimension) => dimension < 0)
  if (negative !== undefined) throw cursor.fault(`${label} has the dimension ${negative}`)
  const elementCount = dims.reduce((product, dimension) => product * dimension, 1)
  if (!Number.isSafeInteger(elementCount)) throw cursor.fault(`${label} of shape [${dims.join()}] has too many elements to be counted`)
  const due = element.bits === null ? null : Math.ceil(elementCount * element.bits / 8)
  if (!isExternal) {
    if (entries.size > 0) throw cursor.fault(`${label} names external data and says that its data is inside`)
    if (rawBytes !== null && rawBytes !== due) {
      throw cursor.fault(`${label} of shape [${dims.join()}] and type ${element.precision} has ${rawBytes} bytes` +
        (due === null ? ', which texts cannot have' : ` and must have ${due}`))
    }
    return { name, element, elementCount, external: null }
  }
  if (due === null) throw cursor.fault(`${label} has texts in external data, which is not possible`)
  return { name, element, elementCount, external: externalOf(entries, due, (what) => cursor.fault(`${label} ${what}`)) }
}

async function gather (reader: ProtobufReader, parent: Frame, counts: OnnxCounts): Promise<Gathered> {
  const { limits } = counts
  const frame = reader.enter(parent, TENSOR)
  const tensor: Gathered = { name: '', type: 0, dims: [], rawBytes: null, isExternal: false, entries: new Map() }
  for (let field = await reader.next(frame); field !== 0; field = await reader.next(frame)) {
    if (field === 1) tensor.dims.push(...await reader.numbers(frame, limits.rankMax, 'the shape of a tensor'))
    if (field === 2) tensor.type = frame.value
    if (field === 8) tensor.name = await reader.text(frame, limits.nameBytesMax, 'the name of a tensor')
    if (field === 9) tensor.rawBytes = frame.lengthBytes
    if (field === 13) await addEntry(reader, frame, tensor.entries, counts)
    if (field === 14) tensor.isExternal = frame.value === EXTERNAL
    if (tensor.dims.length > limits.rankMax) throw counts.cursor.fault(`a tensor has more than ${limits.rankMax} dimensions`)
  }
  return tensor
}

async function addEntry (
  reader: ProtobufReader, parent: Frame, entries: Map<string, string>, { cursor }: OnnxCounts
): Promise<void> {
  const frame = reader.enter(parent, ENTRY)
  let [key, value] = ['', '']
  for (let field = await reader.next(frame); field !== 0; field = await reader.next(frame)) {
    if (field === 1) key = await reader.text(frame, LOCATION_BYTES_MAX, 'a key of external data')
    else value = await reader.text(frame, LOCATION_BYTES_MAX, 'a value of external data')
  }
  if (entries.has(key)) throw cursor.fault(`external data has ${quote(key)} twice`)
  if (entries.size === ENTRIES_MAX) throw cursor.fault(`external data has more than ${ENTRIES_MAX} entries`)
  entries.set(key, value)
}

/** The runtime ignores a length of 0, refuses any other that differs, and knows no other keys but its own cache. */
function externalOf (
  entries: ReadonlyMap<string, string>, due: number, fault: (what: string) => Error
): Omit<ExternalTensor, 'tensor'> {
  for (const key of entries.keys()) {
    if (!['location', 'offset', 'length', 'checksum'].includes(key)) {
      throw fault(`has external data with the key ${quote(key)}; known are location, offset, length and checksum`)
    }
  }
  const location = entries.get('location') ?? ''
  if (location === '') throw fault('has external data without a location')
  if (MEMORY_MARK.test(location)) throw fault(`has the external data location ${quote(location)}, an address in memory`)
  const [offsetBytes, lengthBytes] = (['offset', 'length'] as const).map((key) => {
    const text = entries.get(key) ?? '0'
    if (!NUMBER.test(text)) throw fault(`has the external data ${key} ${quote(text)}, which must be a whole number of bytes`)
    return Number(text)
  }) as [number, number]
  if (!Number.isSafeInteger(offsetBytes + due)) throw fault(`has the external data offset ${offsetBytes}, which no file has`)
  if (lengthBytes !== 0 && lengthBytes !== due) {
    throw fault(`has ${lengthBytes} bytes of external data and must have ${due} by its shape and type`)
  }
  return { location, offsetBytes, lengthBytes: due }
}
