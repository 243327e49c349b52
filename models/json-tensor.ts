import { ModelsError } from './errors.js'
import type { JsonTensor } from './host-spec.js'
import { createData, elementCount, type Tensor } from './tensor.js'

const scratch = new DataView(new ArrayBuffer(8))

/**
 * A tensor from its JSON form.
 * @throws ModelsError INVALID_INPUT when an element does not fit the datatype or the count does not fit the shape
 */
export function tensorFromJson (json: JsonTensor): Tensor {
  const { name, datatype, shape } = json
  if (json.data.length !== elementCount(shape)) {
    throw new ModelsError('INVALID_INPUT', `tensor "${name}" has ${json.data.length} elements, its shape [${shape.join(', ')}] needs ${elementCount(shape)}`)
  }
  const data = createData(datatype, json.data.length)
  try {
    for (const [index, value] of json.data.entries()) data[index] = elementFromJson(datatype, value) as never
  } catch (error) {
    throw new ModelsError('INVALID_INPUT', `tensor "${name}" has an element that is no ${datatype}`, { cause: error })
  }
  return { name, datatype, shape, data }
}

/** A tensor's elements as numbers, strings or booleans; 64-bit integers beyond 2^53 become strings. */
export function tensorToJson (tensor: Tensor): JsonTensor {
  const data: (number | string | boolean)[] = []
  for (const value of tensor.data) data.push(elementToJson(tensor.datatype, value))
  return { name: tensor.name, datatype: tensor.datatype, shape: tensor.shape, data }
}

/** The number that 16 bits of IEEE 754 binary16 stand for. */
export function numberFromHalf (bits: number): number {
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  const sign = bits & 0x8000 ? -1 : 1
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** The nearest IEEE 754 binary16 (ties to even, beyond 65504 infinite) as its 16 bits. */
export function halfFromNumber (value: number): number {
  if (Number.isNaN(value)) return 0x7e00
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const size = Math.abs(value)
  if (size >= 65520) return sign | 0x7c00
  scratch.setFloat64(0, size)
  const exponent = Math.max(((scratch.getUint32(0) >> 20) & 0x7ff) - 1023, -14)
  const units = roundHalfEven(size / 2 ** (exponent - 10))
  // A unit overflow (units = 2048) carries into the exponent by plain addition, as it must.
  return sign | (units < 1024 ? units : ((exponent + 15) << 10) + (units - 1024))
}

function roundHalfEven (value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

function elementFromJson (datatype: JsonTensor['datatype'], value: number | string | boolean): number | bigint | string {
  if (datatype === 'INT64' || datatype === 'UINT64') return BigInt(value)
  if (datatype === 'BOOL') return value === true || value === 1 ? 1 : 0
  if (datatype === 'FP16') return halfFromNumber(asNumber(value))
  if (datatype !== 'BYTES') return asNumber(value)
  if (typeof value !== 'string') throw new TypeError(`${String(value)} is no string`)
  return value
}

function asNumber (value: number | string | boolean): number {
  if (typeof value !== 'number') throw new TypeError(`${String(value)} is no number`)
  return value
}

function elementToJson (datatype: JsonTensor['datatype'], value: number | bigint | string): number | string | boolean {
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value.toString()
  }
  if (typeof value === 'string') return value
  if (datatype === 'BOOL') return value !== 0
  return datatype === 'FP16' ? numberFromHalf(value) : value
}
