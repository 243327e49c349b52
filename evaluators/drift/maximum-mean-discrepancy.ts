import { EvaluatorError, requireBetween, requireFinite, requireList } from '../errors.js'
import { sortAscending } from '../statistics/radix-sort.js'
import type { Random } from '../statistics/random.js'
import { requireVectors, type Vectors } from './embeddings.js'
import { shufflePlaces } from './sampling.js'

/** Most vectors of both sides together: the kernel matrix then takes 128 MB. */
const VECTORS_MAX = 4_000

/** Rounding that two equal statistics may differ by: sums of kernels, which lie in 0..1. */
const TIE = 1e-12

export interface MmdOptions {
  /** Width of the kernel, in the unit of the vectors, > 0; default: the median heuristic. */
  readonly sigma?: number
  /** Orders of the pooled vectors (x first, then y): the first n of each form the permuted x. Goes before `random`. */
  readonly permutations?: readonly ArrayLike<number>[]
  /** Draws the orders when none are given. */
  readonly random?: Random
  /** How many orders are drawn, whole, 1..1,000,000; default 199. */
  readonly permutationsMax?: number
  /** Stops drawing once as many orders reached the observed value (Besag, Clifford 1991): p is then high anyway. */
  readonly exceedancesMax?: number
}

/** Maximum mean discrepancy, squared. */
export interface MaximumMeanDiscrepancy {
  readonly sigma: number
  /** Without the diagonals: its mean is 0 without drift, so it may be negative; at most 2. */
  readonly unbiased: number
  /** With the diagonals: never negative. */
  readonly biased: number
  /**
   * Permutation p of the unbiased one, 1/(permutations + 1) to 1; null when neither permutations nor random are given.
   */
  readonly p: number | null
  /** How many permutations p rests on. */
  readonly permutations: number
}

/**
 * Squared maximum mean discrepancy of two sets of vectors with the Gaussian kernel exp(−‖a − b‖²/(2σ²)); σ is the
 * median of the pairwise Euclidean distances over the pooled vectors (pairs i < j), or 1 when that is 0. One kernel
 * matrix serves all permutations; p = (1 + #{permuted >= observed})/(1 + permutations), values within 1e-12 being ties;
 * when the drawing stops early at h exceedances after l draws, p = h/l. Gretton, Borgwardt, Rasch, Schölkopf, Smola
 * (2012), J. Mach. Learn. Res. 13:723-773, equations 3 and 5; Besag, Clifford (1991), Biometrika 78. O(N²·dimensions +
 * N² log N) time once, O(n²) per permutation, O(N²) memory, N = n + m.
 *
 * @param x n >= 2 vectors
 * @param y m >= 2 vectors of the same length; n + m at most 4,000
 * @throws EvaluatorError EMPTY, NOT_FINITE, LENGTH_MISMATCH or OUT_OF_RANGE
 */
export function maximumMeanDiscrepancy (x: Vectors, y: Vectors, options: MmdOptions = {}): MaximumMeanDiscrepancy {
  const dimension = requireVectors('x', x, undefined, 2)
  requireVectors('y', y, dimension, 2)
  const [n, total] = [x.length, x.length + y.length]
  requireBetween('x and y', total, 4, VECTORS_MAX)
  const scale = Math.max(greatestMagnitude(x), greatestMagnitude(y)) || 1
  const kernel = squaredDistances(x, y, dimension, scale)
  const sigma = options.sigma ?? (medianDistance(kernel, total) * scale || 1)
  requireBetween('sigma', sigma, Number.MIN_VALUE, Number.MAX_VALUE)
  const rowSums = applyKernel(kernel, sigma / scale, total)
  const everything = rowSums.reduce((sum, value) => sum + value, 0)
  const statistic = (members: Int32Array): number => unbiased(kernel, rowSums, everything, members, total)
  const identity = Int32Array.from({ length: n }, (_, i) => i)
  const observed = statistic(identity)
  return {
    sigma,
    unbiased: observed,
    biased: biased(kernel, rowSums, everything, identity, total),
    ...permutationP((members) => statistic(members) >= observed - TIE, n, total, options)
  }
}

function permutationP (
  reaches: (members: Int32Array) => boolean, n: number, total: number, options: MmdOptions
): { p: number | null, permutations: number } {
  const { permutations, random, permutationsMax = 199, exceedancesMax = Infinity } = options
  if (permutations !== undefined) {
    requireList('permutations', permutations)
    const reached = permutations.filter((order, i) => reaches(firstOf(order, n, total, `permutations[${i}]`))).length
    return { p: (1 + reached) / (1 + permutations.length), permutations: permutations.length }
  }
  if (random === undefined) return { p: null, permutations: 0 }
  requireBetween('permutationsMax', permutationsMax, 1, 1_000_000)
  requireBetween('exceedancesMax', exceedancesMax, 1, Infinity)
  let reached = 0
  for (let drawn = 1; drawn <= permutationsMax; drawn++) {
    if (reaches(shufflePlaces(total, random).slice(0, n).sort())) reached++
    if (reached >= exceedancesMax) return { p: reached / drawn, permutations: drawn }
  }
  return { p: (1 + reached) / (1 + permutationsMax), permutations: permutationsMax }
}

/** The first n places of an order, ascending, once it is known to be a permutation. */
function firstOf (order: ArrayLike<number>, n: number, total: number, argument: string): Int32Array {
  requireFinite(argument, order)
  const places = Int32Array.from(order)
  const isPermutation = places.length === total && places.slice().sort().every((place, i) => place === i)
  if (isPermutation) return places.subarray(0, n).sort()
  throw new EvaluatorError('OUT_OF_RANGE', argument, `expected a permutation of 0 to ${total - 1}`)
}

/** Sum of the kernel over the ordered pairs of different members. */
function pairSum (kernel: Float64Array, members: Int32Array, total: number): number {
  let sum = 0
  for (let i = 1; i < members.length; i++) {
    const row = members[i]! * total
    let part = 0
    for (let j = 0; j < i; j++) part += kernel[row + members[j]!]!
    sum += part
  }
  return 2 * sum
}

/**
 * Sums over pairs within x, within y and across, from one pass over x: the rows' sums (without diagonal) give the rest.
 */
function sums (
  kernel: Float64Array, rowSums: Float64Array, everything: number, members: Int32Array, total: number
): { withinX: number, withinY: number, across: number } {
  const withinX = pairSum(kernel, members, total)
  let fromX = 0
  for (let i = 0; i < members.length; i++) fromX += rowSums[members[i]!]!
  const across = fromX - withinX
  return { withinX, withinY: everything - withinX - 2 * across, across }
}

function unbiased (
  kernel: Float64Array, rowSums: Float64Array, everything: number, members: Int32Array, total: number
): number {
  const [n, m] = [members.length, total - members.length]
  const { withinX, withinY, across } = sums(kernel, rowSums, everything, members, total)
  return withinX / (n * (n - 1)) + withinY / (m * (m - 1)) - 2 * across / (n * m)
}

function biased (
  kernel: Float64Array, rowSums: Float64Array, everything: number, members: Int32Array, total: number
): number {
  const [n, m] = [members.length, total - members.length]
  const { withinX, withinY, across } = sums(kernel, rowSums, everything, members, total)
  return Math.max(0, (withinX + n) / (n * n) + (withinY + m) / (m * m) - 2 * across / (n * m))
}

function greatestMagnitude (vectors: Vectors): number {
  let greatest = 0
  for (const vector of vectors) {
    for (let i = 0; i < vector.length; i++) greatest = Math.max(greatest, Math.abs(vector[i]!))
  }
  return greatest
}

/** In units of `scale`, the greatest component, so that squares neither overflow nor vanish. */
function squaredDistances (x: Vectors, y: Vectors, dimension: number, scale: number): Float64Array {
  const total = x.length + y.length
  const flat = new Float64Array(total * dimension)
  x.forEach((vector, i) => flat.set(vector, i * dimension))
  y.forEach((vector, i) => flat.set(vector, (x.length + i) * dimension))
  for (let i = 0; i < flat.length; i++) flat[i]! /= scale
  const squared = new Float64Array(total * total)
  for (let i = 0; i < total; i++) {
    for (let j = 0; j < i; j++) {
      let sum = 0
      const [a, b] = [i * dimension, j * dimension]
      for (let k = 0; k < dimension; k++) {
        const difference = flat[a + k]! - flat[b + k]!
        sum += difference * difference
      }
      squared[i * total + j] = squared[j * total + i] = sum
    }
  }
  return squared
}

/** Median over the pairs i < j of the distance, the mean of the two middle ones when they are even in number. */
function medianDistance (squared: Float64Array, total: number): number {
  const pairs = new Float64Array(total * (total - 1) / 2)
  let filled = 0
  for (let i = 1; i < total; i++) {
    pairs.set(squared.subarray(i * total, i * total + i), filled)
    filled += i
  }
  sortAscending(pairs)
  const middle = pairs.length >> 1
  const upper = Math.sqrt(pairs[middle]!)
  return pairs.length % 2 === 1 ? upper : (Math.sqrt(pairs[middle - 1]!) + upper) / 2
}

/** Replaces squared distances by the kernel, diagonal 0; gives the sums of the rows. */
function applyKernel (matrix: Float64Array, sigma: number, total: number): Float64Array {
  const rowSums = new Float64Array(total)
  for (let i = 0; i < total; i++) {
    for (let j = 0; j < i; j++) {
      const value = Math.exp(-(matrix[i * total + j]! / sigma / sigma) / 2)
      matrix[i * total + j] = matrix[j * total + i] = value
      rowSums[i]! += value
      rowSums[j]! += value
    }
  }
  return rowSums
}
