import { ModelsError } from './errors.js'
import { halfFromNumber, numberFromHalf } from './json-tensor.js'
import { type Datatype, ELEMENT_BYTES, elementCount, type Tensor, type TensorData } from './tensor.js'

/** A tensor as the JSON of the Open Inference Protocol carries it; unchecked. */
export interface RawTensor { name?: unknown, shape?: unknown, datatype?: unknown, data?: unknown }

type Numeric = Exclude<Datatype, 'BYTES' | 'BOOL' | 'INT64' | 'UINT64' | 'FP16' | 'FP32' | 'FP64'>

interface IntegerKind {
  readonly make: (length: number) => TensorData
  readonly min: number
  readonly max: number
}

const INTEGERS: Readonly<Record<Numeric, IntegerKind>> = {
  INT8: { make: (n) => new Int8Array(n), min: -128, max: 127 },
  INT16: { make: (n) => new Int16Array(n), min: -32_768, max: 32_767 },
  INT32: { make: (n) => new Int32Array(n), min: -2_147_483_648, max: 2_147_483_647 },
  UINT8: { make: (n) => new Uint8Array(n), min: 0, max: 255 },
  UINT16: { make: (n) => new Uint16Array(n), min: 0, max: 65_535 },
  UINT32: { make: (n) => new Uint32Array(n), min: 0, max: 4_294_967_295 }
}

const RANGE_64 = {
  INT64: { min: -(2n ** 63n), max: 2n ** 63n - 1n },
  UINT64: { min: 0n, max: 2n ** 64n - 1n }
}

const SPECIAL: Readonly<Record<string, number>> = { NaN, Infinity, '-Infinity': -Infinity }
const FLOAT_EXPECTED = 'a number, null or one of "NaN", "Infinity", "-Infinity"'

/**
 * A tensor from its JSON form; `data` may be nested or flat, row-major.
 * @param kind `input` or `output`, for messages
 * @throws ModelsError INVALID_INPUT naming the place and what was expected
 */
export function decodeTensor (raw: RawTensor, place: string, kind: 'input' | 'output' = 'input'): Tensor {
  if (typeof raw !== 'object' || raw === null) throw bad(`${place}: expected an object with name, shape, datatype and data`)
  const { name, shape, datatype, data } = raw
  if (typeof name !== 'string') throw bad(`${place}.name: expected a string`)
  if (typeof datatype !== 'string' || !Object.hasOwn(ELEMENT_BYTES, datatype)) {
    throw bad(`${place}.datatype of ${kind} "${name}": expected one of ${Object.keys(ELEMENT_BYTES).join(', ')}, got ${JSON.stringify(datatype)}`)
  }
  if (!Array.isArray(shape) || !shape.every((d) => Number.isSafeInteger(d) && (d as number) >= 0)) {
    throw bad(`${place}.shape of ${kind} "${name}": expected an array of non-negative integers, got ${JSON.stringify(shape)}`)
  }
  if (!Array.isArray(data)) throw bad(`${place}.data of ${kind} "${name}": expected an array`)
  const flat: unknown[] = Array.isArray(data[0]) ? data.flat(Infinity) : data
  const count = elementCount(shape as number[])
  if (flat.length !== count) {
    throw bad(`${place}.data of ${kind} "${name}": expected ${count} elements for shape [${shape.join(', ')}], got ${flat.length}`)
  }
  const fail = (index: number, expected: string): never => {
    throw bad(`${place}.data[${index}] of ${kind} "${name}": expected ${expected} for ${datatype}, got ${show(flat[index])}`)
  }
  const decoded = decodeData(flat, datatype as Datatype, fail)
  return { name, datatype: datatype as Datatype, shape: shape as number[], data: decoded }
}

type Fail = (index: number, expected: string) => never

function decodeData (flat: readonly unknown[], datatype: Datatype, fail: Fail): TensorData {
  switch (datatype) {
    case 'BYTES': return strings(flat, fail)
    case 'BOOL': return Uint8Array.from(flat, (value, i) => typeof value === 'boolean' ? Number(value) : fail(i, 'true or false'))
    case 'INT64': return longs(flat, new BigInt64Array(flat.length), RANGE_64.INT64, fail)
    case 'UINT64': return longs(flat, new BigUint64Array(flat.length), RANGE_64.UINT64, fail)
    case 'FP16': return Uint16Array.from(flat, (value, i) => halfFromNumber(float(value, i, fail)))
    case 'FP32': return floats(flat, new Float32Array(flat.length), fail)
    case 'FP64': return floats(flat, new Float64Array(flat.length), fail)
    case 'INT8':
    case 'INT16':
    case 'INT32':
    case 'UINT8':
    case 'UINT16':
    case 'UINT32': return integers(flat, datatype, fail)
  }
}

function strings (flat: readonly unknown[], fail: Fail): string[] {
  for (let i = 0; i < flat.length; i++) if (typeof flat[i] !== 'string') fail(i, 'a string')
  return flat as string[]
}

function floats<A extends Float32Array | Float64Array> (flat: readonly unknown[], out: A, fail: Fail): A {
  for (let i = 0; i < flat.length; i++) {
    const value = flat[i]
    out[i] = typeof value === 'number' ? value : float(value, i, fail)
  }
  return out
}

function float (value: unknown, index: number, fail: Fail): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (value === null) return NaN
  if (typeof value === 'string' && Object.hasOwn(SPECIAL, value)) return SPECIAL[value]!
  return fail(index, FLOAT_EXPECTED)
}

function integers (flat: readonly unknown[], datatype: Numeric, fail: Fail): TensorData {
  const { make, min, max } = INTEGERS[datatype]
  const out = make(flat.length) as Int32Array
  for (let i = 0; i < flat.length; i++) {
    const value = flat[i]
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      fail(i, `an integer from ${min} to ${max}`)
    } else {
      out[i] = value
    }
  }
  return out
}

function longs<A extends BigInt64Array | BigUint64Array> (
  flat: readonly unknown[], out: A, { min, max }: { min: bigint, max: bigint }, fail: Fail
): A {
  for (let i = 0; i < flat.length; i++) {
    const value = flat[i]
    const long = typeof value === 'bigint' ? value : Number.isInteger(value) ? BigInt(value as number) : fail(i, 'an integer')
    if (long < min || long > max) fail(i, `an integer from ${min} to ${max}`)
    out[i] = long
  }
  return out
}

/** The JSON text of a tensor. 64-bit integers are bare integers; NaN and the infinities are strings. */
export function encodeTensor (tensor: Tensor): string {
  const head = `{"name":${JSON.stringify(tensor.name)},"datatype":"${tensor.datatype}","shape":[${tensor.shape.join(',')}],"data":[`
  return `${head}${encodeData(tensor)}]}`
}

function encodeData ({ datatype, data }: Tensor): string {
  switch (datatype) {
    case 'BYTES': return (data as string[]).map((text) => JSON.stringify(text)).join(',')
    case 'BOOL': return Array.from(data as Uint8Array, (value) => value === 0 ? 'false' : 'true').join(',')
    case 'FP16': return Array.from(data as Uint16Array, (bits) => encodeFloat(numberFromHalf(bits))).join(',')
    case 'FP32':
    case 'FP64': return encodeFloats(data as Float32Array | Float64Array)
    case 'INT8':
    case 'INT16':
    case 'INT32':
    case 'INT64':
    case 'UINT8':
    case 'UINT16':
    case 'UINT32':
    case 'UINT64': return (data as Int32Array).join(',')
  }
}

function encodeFloats (data: Float32Array | Float64Array): string {
  let check = 0
  for (let i = 0; i < data.length; i++) check += data[i]! * 0
  return check === 0 ? data.join(',') : Array.from(data, encodeFloat).join(',')
}

function encodeFloat (value: number): string {
  return Number.isFinite(value) ? String(value) : `"${value}"`
}

function show (value: unknown): string {
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value)?.slice(0, 40) ?? 'nothing'
}

function bad (message: string): ModelsError {
  return new ModelsError('INVALID_INPUT', message)
}
