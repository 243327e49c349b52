import type { Pooling } from '../host-spec.js'
import { numberFromHalf } from '../json-tensor.js'
import type { Tensor } from '../tensor.js'

/** What the network said about texts: `width` numbers for each, in the order of the texts. */
export interface Rows {
  readonly width: number
  readonly values: Float32Array
}

/**
 * One row per text: the mean of its tokens' vectors, or the first one.
 * @throws Error when the output is not of that form
 */
export function poolTokens (output: Tensor, mask: BigInt64Array, length: number, pooling: Pooling): Rows {
  const values = asFloats(output)
  const texts = output.shape[0] as number
  const width = output.shape[output.shape.length - 1] as number
  if (output.shape.length === 2) return { width, values }
  if (output.shape.length !== 3 || pooling === 'none') {
    throw new Error(`output "${output.name}" has shape [${output.shape.join(', ')}], which is not one row per text`)
  }
  const pooled = new Float32Array(texts * width)
  for (let text = 0; text < texts; text++) {
    const isTaken = (token: number): boolean => mask[text * length + token] === 1n
    let taken = 0
    for (let token = 0; token < length; token++) {
      if (!isTaken(token)) continue
      taken++
      const from = (text * length + token) * width
      for (let at = 0; at < width; at++) (pooled[text * width + at] as number) += values[from + at] as number
      if (pooling === 'cls') break
    }
    for (let at = 0; at < width; at++) (pooled[text * width + at] as number) /= Math.max(taken, 1)
  }
  return { width, values: pooled }
}

/** Gives every row the length 1, in place. */
export function normalizeRows ({ width, values }: Rows): void {
  for (let start = 0; start < values.length; start += width) {
    let squares = 0
    for (let at = 0; at < width; at++) squares += (values[start + at] as number) ** 2
    const norm = Math.max(Math.sqrt(squares), 1e-12)
    for (let at = 0; at < width; at++) (values[start + at] as number) /= norm
  }
}

/** An output's numbers in single precision. @throws Error when it does not hold real numbers */
export function asFloats (output: Tensor): Float32Array {
  if (output.data instanceof Float32Array) return output.data
  if (output.datatype === 'FP16') return Float32Array.from(output.data as Uint16Array, numberFromHalf)
  if (output.datatype === 'FP64') return Float32Array.from(output.data as Float64Array)
  throw new Error(`output "${output.name}" has datatype ${output.datatype}, expected FP32`)
}
