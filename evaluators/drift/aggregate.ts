import { EvaluatorError, requireBetween } from '../errors.js'

const BOUND_MAX = 1_000_000

/**
 * Rules by which a sketch keeps nothing that stands for fewer rows than `rowsMin`, but for the extremes of numbers, and
 * no sample of rows: quantiles instead of samples, rare categories counted together, only words of several texts.
 */
export interface Aggregation {
  /** Fewest rows that a category, word, quantile or repeated number stands for, whole, >= 1. */
  readonly rowsMin: number
  /** Most quantiles of a numeric column, whole, >= 1. */
  readonly quantilesMax: number
  /** Most words of a text column, whole, >= 0. */
  readonly vocabularyMax: number
}

/** Refuses bounds that are no whole numbers in their range. @throws EvaluatorError OUT_OF_RANGE */
export function requireAggregation ({ rowsMin, quantilesMax, vocabularyMax }: Aggregation): void {
  const bounds = [['rowsMin', rowsMin, 1], ['quantilesMax', quantilesMax, 1], ['vocabularyMax', vocabularyMax, 0]] as const
  for (const [name, bound, least] of bounds) {
    requireBetween(`aggregate.${name}`, bound, least, BOUND_MAX)
    if (Number.isInteger(bound)) continue
    throw new EvaluatorError('OUT_OF_RANGE', `aggregate.${name}`, `expected a whole number, got ${bound}`)
  }
}

/** Numbers are rounded to this share of their range where that changes the order of none. */
const RESOLUTION = 1e-6

/**
 * Evenly spaced quantiles of an ascending sample: of m, the i-th is the order statistic of rank ⌈(i + ½)·n/m⌉, rounded
 * to a millionth of the range where it stays between its neighbours. The distribution function of the quantiles is then
 * nowhere more than 1/(2m) + 1/n away from that of the sample. O(m).
 *
 * @param ascending finite numbers, at least one
 * @param wanted how many quantiles, whole, >= 1; at most one per value is given
 */
export function quantilesOf (ascending: Float64Array, wanted: number): number[] {
  const n = ascending.length
  const m = Math.min(wanted, n)
  const step = 10 ** Math.floor(Math.log10((ascending[n - 1]! - ascending[0]!) * RESOLUTION))
  return Array.from({ length: m }, (_, i) => {
    const at = Math.ceil((i + 0.5) * n / m) - 1
    return roundBetween(ascending[at - 1] ?? -Infinity, ascending[at]!, ascending[at + 1] ?? Infinity, step)
  })
}

/** Fewer of evenly spaced quantiles: as far from them as those are from twice as many values. O(wanted). */
export function thinQuantiles (quantiles: readonly number[], wanted: number): readonly number[] {
  const n = quantiles.length
  if (wanted >= n) return quantiles
  return Array.from({ length: wanted }, (_, i) => quantiles[Math.ceil((i + 0.5) * n / wanted) - 1]!)
}

/** A value that occurs several times, and one that would pass a neighbour, stays as it is. */
function roundBetween (below: number, value: number, above: number, step: number): number {
  const rounded = Number((Math.round(value / step) * step).toPrecision(15))
  return below < rounded && rounded < above && below < value && value < above ? rounded : value
}

/**
 * Numbers with their counts, ascending, of which those with fewer than `rowsMin` are counted with the nearest other one
 * (of two, the lower); null when all are so rare. O(values²).
 */
export function poolRareValues (
  values: ReadonlyArray<readonly [number, number]>, rowsMin: number
): Array<[number, number]> | null {
  const kept = values.filter(([, count]) => count >= rowsMin).map(([value, count]): [number, number] => [value, count])
  if (kept.length === 0) return values.length === 0 ? [] : null
  for (const [value, count] of values) {
    if (count >= rowsMin) continue
    const nearest = kept.reduce((best, each) => Math.abs(each[0] - value) < Math.abs(best[0] - value) ? each : best)
    nearest[1] += count
  }
  return kept
}
