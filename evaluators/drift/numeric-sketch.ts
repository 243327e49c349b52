import type { Random } from '../statistics/random.js'
import { poolRareValues, quantilesOf, type Aggregation } from './aggregate.js'
import { meanAndDeviation } from './ascending.js'
import type { NumericSketch } from './column-sketch.js'
import { CATEGORIES_UP_TO } from './infer-columns.js'
import { countsBetween, quantileEdges } from './population-stability.js'
import { sortAscending } from '../statistics/radix-sort.js'
import { mergeSamples, samplePlaces } from './sampling.js'

/** Most values that a sketch keeps as they are. */
export const SAMPLE_MAX = 5_000

/** Bins between quantiles. */
const BINS = 10

/**
 * Sketch of the numbers of a column. O(n log n).
 *
 * @param values finite numbers of one unit, none allowed
 * @param missing how many cells held no value
 * @param random draws the sample when there are more than 5,000 values
 * @param edges interior edges of the bins, ascending; default: the deciles of the values
 * @param aggregate when given, quantiles are kept instead of a sample, and rare numbers are pooled
 */
export function sketchNumbers (
  values: Float64Array, missing: number, random: Random, edges?: readonly number[], aggregate?: Aggregation
): NumericSketch {
  if (values.length === 0) return emptySketch(missing, edges ?? [])
  const ascending = sortAscending(values.slice())
  const { mean, m2 } = meanAndDeviation(values)
  const usedEdges = edges ?? quantileEdges(ascending, BINS)
  const distinct = distinctCounts(ascending)
  const kept = aggregate === undefined
    ? { values: distinct, sample: samplePlaces(values.length, SAMPLE_MAX, random).map((i) => values[i]!) }
    : aggregated(ascending, distinct, aggregate)
  return {
    kind: 'numeric',
    n: values.length,
    missing,
    mean,
    m2,
    min: ascending[0]!,
    max: ascending[ascending.length - 1]!,
    edges: usedEdges,
    counts: countsBetween(usedEdges, ascending),
    ...kept
  }
}

function aggregated (
  ascending: Float64Array, distinct: NumericSketch['values'], { rowsMin, quantilesMax }: Aggregation
): Pick<NumericSketch, 'values' | 'sample' | 'isQuantiles'> {
  const wanted = Math.max(1, Math.min(quantilesMax, Math.floor(ascending.length / rowsMin)))
  const values = distinct === null ? null : poolRareValues(distinct, rowsMin)
  return { values, sample: quantilesOf(ascending, wanted), isQuantiles: true }
}

/**
 * Sketch of the values of both. Counts, moments (Chan, Golub, LeVeque 1979) and extremes are exact, the bins too where
 * both have the same edges; otherwise the bins are made anew from the merged sample, scaled to the count. O(sample).
 */
export function mergeNumeric (a: NumericSketch, b: NumericSketch, random: Random): NumericSketch {
  const missing = a.missing + b.missing
  if (a.n === 0 || b.n === 0) return { ...(a.n === 0 ? b : a), missing }
  const n = a.n + b.n
  const difference = b.mean! - a.mean!
  const sample = mergeSamples({ items: a.sample, count: a.n }, { items: b.sample, count: b.n }, SAMPLE_MAX, random)
  return {
    kind: 'numeric',
    n,
    missing,
    mean: a.mean! * (a.n / n) + b.mean! * (b.n / n),
    m2: Math.min(Number.MAX_VALUE, a.m2! + b.m2! + difference * difference * (a.n / n) * b.n),
    min: Math.min(a.min!, b.min!),
    max: Math.max(a.max!, b.max!),
    ...mergeBins(a, b, sample, n),
    values: mergeDistinct(a.values, b.values),
    sample
  }
}

/** Every different value with its count, ascending; null when there are more than 20. O(n), O(1) when many. */
export function distinctCounts (ascending: Float64Array): [number, number][] | null {
  const counts: [number, number][] = []
  for (let i = 0; i < ascending.length; i++) {
    const last = counts[counts.length - 1]
    if (last !== undefined && last[0] === ascending[i]) last[1]++
    else if (counts.length === CATEGORIES_UP_TO) return null
    else counts.push([ascending[i]!, 1])
  }
  return counts
}

function mergeBins (
  a: NumericSketch, b: NumericSketch, sample: readonly number[], n: number
): Pick<NumericSketch, 'edges' | 'counts'> {
  const isSame = a.edges.length === b.edges.length && a.edges.every((edge, i) => edge === b.edges[i])
  if (isSame) return { edges: a.edges, counts: a.counts.map((count, i) => count + b.counts[i]!) }
  const ascending = Float64Array.from(sample).sort()
  const edges = quantileEdges(ascending, BINS)
  return { edges, counts: countsBetween(edges, ascending).map((count) => count * (n / sample.length)) }
}

function mergeDistinct (a: NumericSketch['values'], b: NumericSketch['values']): NumericSketch['values'] {
  if (a === null || b === null) return null
  const counts = new Map(a)
  for (const [value, count] of b) counts.set(value, (counts.get(value) ?? 0) + count)
  return counts.size > CATEGORIES_UP_TO ? null : [...counts].sort(([x], [y]) => x - y)
}

function emptySketch (missing: number, edges: readonly number[]): NumericSketch {
  return {
    kind: 'numeric',
    n: 0,
    missing,
    mean: null,
    m2: null,
    min: null,
    max: null,
    edges,
    counts: new Array<number>(edges.length + 1).fill(0),
    values: [],
    sample: []
  }
}
