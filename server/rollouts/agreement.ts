import { numberFromHalf } from '../../models/json-tensor.js'
import type { Tensor } from '../../models/tensor.js'

/**
 * How two answers to one request are compared, each giving 0..1:
 *
 * - `exact`: the share of elements that are equal;
 * - `close`: the share of elements that differ by at most `tolerance` * max(1, |champion's|);
 * - `argmax`: the share of rows (all axes but the last) whose greatest element is at the same place;
 * - `cosine`: the mean cosine of the rows, at least 0.
 */
export type AgreementMethod = 'exact' | 'close' | 'argmax' | 'cosine'

export interface Agreement {
  /** The output that is compared; the first one unless told. */
  readonly output?: string
  /** By the output unless told: `argmax` for rows of real numbers, `close` for single ones, `exact` for all else. */
  readonly method?: AgreementMethod
  readonly tolerance: number
}

/**
 * How far the challenger agrees with the champion, 0..1; 0 when the output is missing or has another datatype or shape.
 * Null when there is nothing to compare: the champion's output is missing or empty. O(elements). Pure.
 */
export function agreementOf (
  champion: readonly Tensor[], challenger: readonly Tensor[], { output, method, tolerance }: Agreement
): number | null {
  const expected = output === undefined ? champion[0] : champion.find(({ name }) => name === output)
  if (expected === undefined || expected.data.length === 0) return null
  const got = challenger.find(({ name }) => name === expected.name)
  if (got === undefined || got.datatype !== expected.datatype || got.shape.join() !== expected.shape.join()) return 0
  switch (method ?? methodFor(expected)) {
    case 'exact': return shareOf(expected.data.length, (at) => expected.data[at] === got.data[at])
    case 'close': return shareOf(expected.data.length, (at) => isClose(valueAt(expected, at), valueAt(got, at), tolerance))
    case 'argmax': return rowShare(expected, (from, to) => argmax(expected, from, to) === argmax(got, from, to) ? 1 : 0)
    case 'cosine': return rowShare(expected, (from, to) => Math.max(0, cosine(expected, got, from, to)))
  }
}

function methodFor ({ datatype, shape }: Tensor): AgreementMethod {
  const isReal = datatype === 'FP16' || datatype === 'FP32' || datatype === 'FP64'
  if (!isReal) return 'exact'
  return shape.length > 1 && (shape.at(-1) ?? 1) > 1 ? 'argmax' : 'close'
}

function shareOf (count: number, holds: (at: number) => boolean): number {
  let held = 0
  for (let at = 0; at < count; at++) if (holds(at)) held++
  return held / count
}

/** The mean over the rows of the last axis. */
function rowShare ({ data, shape }: Tensor, score: (from: number, to: number) => number): number {
  const width = shape.length === 0 ? 1 : shape.at(-1) as number
  let sum = 0
  for (let from = 0; from < data.length; from += width) sum += score(from, from + width)
  return sum / (data.length / width)
}

/** The first of the greatest; what is no number is never greater. */
function argmax (tensor: Tensor, from: number, to: number): number {
  let best = from
  for (let at = from + 1; at < to; at++) if (valueAt(tensor, at) > valueAt(tensor, best)) best = at
  return best - from
}

/** 1 for two rows of nothing but zeros; 0 when one is, or something is no number. */
function cosine (a: Tensor, b: Tensor, from: number, to: number): number {
  let [dot, squaresA, squaresB] = [0, 0, 0]
  for (let at = from; at < to; at++) {
    const [x, y] = [valueAt(a, at), valueAt(b, at)]
    dot += x * y
    squaresA += x * x
    squaresB += y * y
  }
  if (squaresA === 0 && squaresB === 0) return 1
  const value = dot / Math.sqrt(squaresA * squaresB)
  return Number.isFinite(value) ? Math.min(1, value) : 0
}

function isClose (expected: number, got: number, tolerance: number): boolean {
  return Object.is(expected, got) || Math.abs(expected - got) <= tolerance * Math.max(1, Math.abs(expected))
}

function valueAt ({ datatype, data }: Tensor, at: number): number {
  const value = data[at] as number | bigint | string
  return datatype === 'FP16' ? numberFromHalf(value as number) : Number(value)
}
