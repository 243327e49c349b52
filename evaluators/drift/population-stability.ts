import { EvaluatorError, requireBetween, requireFinite, requireSameLength } from '../errors.js'
import { quantileType7 } from '../statistics/quantiles.js'
import { ascendingCopy } from './ascending.js'

/** Least proportion that a bin counts as, so that an empty one does not make the index infinite. */
const FLOOR = 1e-4

/** Most bins that may be asked for. */
const BINS_MAX = 10_000

/** Interior edges of bins, ascending and distinct; counts are one longer. */
export interface StabilityBins {
  readonly edges: readonly number[]
  readonly referenceCounts: readonly number[]
  readonly currentCounts: readonly number[]
}

/**
 * Population stability index Σ (q − p)·ln(q/p) over bins of the reference (p) and the current sample (q), once with
 * each proportion raised to at least 1e-4 (`floor`) and once with half a value added to each bin (`laplace`); both >=
 * 0.
 */
export interface PopulationStability extends StabilityBins { readonly floor: number, readonly laplace: number }

/**
 * Population stability index of numbers, on bins between the quantiles (type 7) k/bins of the REFERENCE; duplicates of
 * an edge are removed, the outer bins are open, and a value equal to an edge belongs to the bin above it. Small samples
 * inflate it: without any drift it is about (bins − 1)(1/n + 1/m), so it is shown rather than acted upon.
 * Lewis (1994), An Introduction to Credit Scoring. O((n + m) log n).
 *
 * @param reference finite numbers of any unit, at least one
 * @param current same unit, at least one
 * @param bins how many bins are wanted, whole, 2..10,000; ties make them fewer
 * @throws EvaluatorError EMPTY, NOT_FINITE or OUT_OF_RANGE
 */
export function populationStability (
  reference: ArrayLike<number>, current: ArrayLike<number>, bins = 10
): PopulationStability {
  const ascending = ascendingCopy('reference', reference)
  requireFinite('current', current)
  const edges = quantileEdges(ascending, bins)
  const referenceCounts = countsBetween(edges, ascending)
  const currentCounts = countsBetween(edges, current)
  return {
    edges,
    referenceCounts,
    currentCounts,
    floor: stabilityOfCounts(referenceCounts, currentCounts),
    laplace: stabilityOfCounts(referenceCounts, currentCounts, 'laplace')
  }
}

/**
 * Population stability index of counts per category (or bin), same order on both sides; an empty category counts as a
 * proportion of 1e-4, or with `laplace` as half a value. From 0 on, no unit. O(categories).
 *
 * @param reference counts >= 0, at least one above 0
 * @param current counts of the same categories
 * @param rule how empty categories are handled
 * @throws EvaluatorError EMPTY, NOT_FINITE, OUT_OF_RANGE or LENGTH_MISMATCH
 */
export function stabilityOfCounts (
  reference: ArrayLike<number>, current: ArrayLike<number>, rule: 'floor' | 'laplace' = 'floor'
): number {
  const [n, m] = [totalOf('reference', reference), totalOf('current', current)]
  requireSameLength(['reference', reference], ['current', current])
  const bins = reference.length
  const proportion = (count: number, total: number): number => rule === 'floor'
    ? Math.max(count / total, FLOOR)
    : (count + 0.5) / (total + 0.5 * bins)
  let sum = 0
  for (let i = 0; i < bins; i++) {
    const [p, q] = [proportion(reference[i]!, n), proportion(current[i]!, m)]
    sum += (q - p) * Math.log(q / p)
  }
  return sum
}

/**
 * The distinct type-7 quantiles k/bins (k = 1 … bins − 1) of an ascending sample. O(bins).
 * @throws EvaluatorError OUT_OF_RANGE or EMPTY
 */
export function quantileEdges (ascending: ArrayLike<number>, bins: number): number[] {
  requireBetween('bins', bins, 2, BINS_MAX)
  if (!Number.isInteger(bins)) throw new EvaluatorError('OUT_OF_RANGE', 'bins', `expected a whole number, got ${bins}`)
  const edges: number[] = []
  for (let k = 1; k < bins; k++) {
    const edge = quantileType7(ascending, k / bins)
    if (edges.length === 0 || edge > edges[edges.length - 1]!) edges.push(edge)
  }
  return edges
}

/** How many values lie in each left-closed bin between ascending edges, outer bins open. O(n log edges). */
export function countsBetween (edges: readonly number[], values: ArrayLike<number>): number[] {
  const counts = new Array<number>(edges.length + 1).fill(0)
  const bounds = Float64Array.from(edges)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    let [low, high] = [0, bounds.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (bounds[middle]! <= value) low = middle + 1
      else high = middle
    }
    counts[low]!++
  }
  return counts
}

function totalOf (argument: string, counts: ArrayLike<number>): number {
  requireFinite(argument, counts)
  let total = 0
  for (let i = 0; i < counts.length; i++) {
    requireBetween(`${argument}[${i}]`, counts[i]!, 0, Number.MAX_SAFE_INTEGER)
    total += counts[i]!
  }
  if (total > 0) return total
  throw new EvaluatorError('OUT_OF_RANGE', argument, 'expected at least one count above 0, got none')
}
