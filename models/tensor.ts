/** The datatypes of the Open Inference Protocol that a model host can carry. */
export type Datatype =
  | 'BOOL' | 'UINT8' | 'UINT16' | 'UINT32' | 'UINT64' | 'INT8' | 'INT16' | 'INT32' | 'INT64'
  | 'FP16' | 'FP32' | 'FP64' | 'BYTES'

/** BOOL is a Uint8Array of 0 and 1, FP16 a Uint16Array of half-precision bits, BYTES an array of strings. */
export type TensorData =
  | Uint8Array | Uint16Array | Uint32Array | BigUint64Array | Int8Array | Int16Array | Int32Array | BigInt64Array
  | Float32Array | Float64Array | string[]

/** A named, dense, row-major tensor; `data.length` is the product of `shape`. */
export interface Tensor {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
  readonly data: TensorData
}

/** What a model takes or gives: -1 in `shape` is a dimension that may vary. */
export interface TensorSpec {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
}

/** Bytes per element; BYTES elements have no fixed size and are listed as 0. */
export const ELEMENT_BYTES: Readonly<Record<Datatype, number>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0
}

/** The number of elements of a shape; 1 for a scalar (empty shape). */
export function elementCount (shape: readonly number[]): number {
  let count = 1
  for (const dimension of shape) count *= dimension
  return count
}

type NumericData = Exclude<TensorData, string[]>
type NumericDatatype = Exclude<Datatype, 'BYTES'>

/** A typed array class over an existing buffer, a length, or values. */
export interface NumericDataConstructor {
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): NumericData
  new (length: number): NumericData
}

/** The typed array class that holds elements of a datatype. */
export const DATA_CONSTRUCTORS: Readonly<Record<NumericDatatype, NumericDataConstructor>> = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array
}

/** Room for `count` elements of a datatype: zeros, or empty strings. */
export function createData (datatype: Datatype, count: number): TensorData {
  return datatype === 'BYTES' ? new Array<string>(count).fill('') : new DATA_CONSTRUCTORS[datatype](count)
}

/** Elements [from, to): a view of the same memory, or a copied array of strings. */
export function sliceData (data: TensorData, from: number, to: number): TensorData {
  return Array.isArray(data) ? data.slice(from, to) : data.subarray(from, to)
}

/** Bytes that the elements take when carried in a frame (for strings: an upper bound). */
export function dataBytes (data: TensorData): number {
  if (!Array.isArray(data)) return data.byteLength
  let bytes = 4 * data.length
  for (const text of data) bytes += 3 * text.length
  return bytes
}
