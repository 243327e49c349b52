import { empiricalBernsteinInterval } from '../../evaluators/statistics/empirical-bernstein.js'
import { spreadOf } from '../../evaluators/statistics/descriptive.js'
import { pairedSequence } from '../../evaluators/statistics/mean-sequences.js'
import { quantileType7 } from '../../evaluators/statistics/quantiles.js'
import type { Random } from '../../evaluators/statistics/random.js'
import { studentCritical } from '../../evaluators/statistics/welch.js'

/** Which way is better; `neither` for what is only to be known, such as a length. */
export type Better = 'higher' | 'lower' | 'neither'

export type Conclusion =
  'b is better' | 'b is worse' | 'b is higher' | 'b is lower' | 'no worse than the margin' | 'undecided'

/** Scores of two systems on the same rows, in one unit and in the same order. */
export interface ScorePairs {
  readonly a: Float64Array
  readonly b: Float64Array
  readonly better: Better
  /** Least and greatest possible score; null when it has no bound. */
  readonly range: readonly [number, number] | null
}

export interface CompareOptions {
  /** Error level of every interval, 0 < alpha < 0.5. */
  readonly alpha: number
  /** How much worse B may be, in the score's unit, > 0; null when no such question is asked. */
  readonly margin: number | null
  /** Pairs at which the asymptotic sequence is tightest. */
  readonly plannedRows: number
  readonly resamples: number
  readonly random: Random
}

interface Interval { readonly lower: number, readonly upper: number }

/** The comparison of B with A by one score. All differences are b − a, in the score's unit. */
export interface PairedComparison {
  readonly better: Better
  readonly n: number
  readonly meanA: number
  readonly meanB: number
  readonly difference: number
  /** Valid at every look at once: the one to act on. Null when nothing can be told. */
  readonly interval: Interval & Pick<Anytime, 'method'> | null
  /** Valid for one look only, for people used to them. Null below two pairs or when all differences are equal. */
  readonly fixed: { readonly pairedT: Interval, readonly bootstrap: Interval } | null
  readonly margin: number | null
  /** Whether B is surely no worse than the margin, at level alpha on that one side; null without a margin. */
  readonly isWithinMargin: boolean | null
  readonly conclusion: Conclusion
  readonly reason: string
}

/** From here on the asymptotic sequence is trusted for scores with bounds, which it serves better. */
const ASYMPTOTIC_MIN = 1_000
/** And for scores without bounds, which have nothing else. */
const UNBOUNDED_MIN = 200

/**
 * Compares B with A on the same rows. The interval is an empirical-Bernstein sequence for scores with bounds and fewer
 * than 1,000 rows, an asymptotic confidence sequence otherwise; a score without bounds needs 200 rows. Pure but for
 * what `random` draws. O(n · resamples).
 * @throws EvaluatorError without a pair, or for scores that are not finite
 */
export function comparePairs (pairs: ScorePairs, options: CompareOptions): PairedComparison {
  const { a, b, better } = pairs
  const n = a.length
  const differences = b.map((value, i) => value - a[i]!)
  const figures = {
    n, meanA: spreadOf('a', a).mean, meanB: spreadOf('b', b).mean, difference: spreadOf('b - a', differences).mean
  }
  const bounds = anytimeBounds(pairs, differences, options)
  const interval = bounds === null ? null : { lower: bounds.lower, upper: bounds.upper, method: bounds.method }
  const isWithinMargin = options.margin === null ? null : staysWithin(bounds, better, options.margin)
  const fixed = fixedIntervals(differences, options)
  const conclusion = conclude(interval, better, isWithinMargin)
  const { margin } = options
  const reason = interval === null ? silence(n, fixed === null) : reasonOf(conclusion, interval, margin, isWithinMargin)
  return { better, ...figures, interval, fixed, margin, isWithinMargin, conclusion, reason }
}

interface Bounds extends Interval { readonly lowerOneSided: number, readonly upperOneSided: number }
type Anytime = Bounds & { readonly method: 'empirical Bernstein' | 'asymptotic sequence' }

function anytimeBounds (
  { a, b, range }: ScorePairs, differences: Float64Array, { alpha, plannedRows }: CompareOptions
): Anytime | null {
  if (range !== null && a.length < ASYMPTOTIC_MIN) {
    const reach = range[1] - range[0]
    const values = differences.map((value) => Math.min(reach, Math.max(-reach, value)))
    const two = empiricalBernsteinInterval(values, { alpha, min: -reach, max: reach })
    const one = empiricalBernsteinInterval(values, { alpha: 2 * alpha, min: -reach, max: reach })
    return { ...two, lowerOneSided: one.lower, upperOneSided: one.upper, method: 'empirical Bernstein' }
  }
  if (a.length < UNBOUNDED_MIN) return null
  const sequence = pairedSequence(a, b, { alpha, plannedSamples: plannedRows })
  return sequence === null ? null : { ...sequence, method: 'asymptotic sequence' }
}

function staysWithin (bounds: Bounds | null, better: Better, margin: number): boolean {
  if (bounds === null || better === 'neither') return false
  return better === 'higher' ? bounds.lowerOneSided > -margin : bounds.upperOneSided < margin
}

function fixedIntervals (differences: Float64Array, { alpha, resamples, random }: CompareOptions): PairedComparison['fixed'] {
  const n = differences.length
  const { mean, standardDeviation } = spreadOf('b - a', differences)
  if (standardDeviation === null || standardDeviation === 0) return null
  const reach = studentCritical(alpha / 2, n - 1) * standardDeviation / Math.sqrt(n)
  const means = new Float64Array(resamples)
  for (let i = 0; i < resamples; i++) {
    let sum = 0
    for (let k = 0; k < n; k++) sum += differences[random.below(n)]!
    means[i] = sum / n
  }
  means.sort()
  return {
    pairedT: { lower: mean - reach, upper: mean + reach },
    bootstrap: { lower: quantileType7(means, alpha / 2), upper: quantileType7(means, 1 - alpha / 2) }
  }
}

function conclude (interval: Interval | null, better: Better, isWithinMargin: boolean | null): Conclusion {
  if (interval !== null && interval.lower > 0) {
    return better === 'neither' ? 'b is higher' : better === 'higher' ? 'b is better' : 'b is worse'
  }
  if (interval !== null && interval.upper < 0) {
    return better === 'neither' ? 'b is lower' : better === 'higher' ? 'b is worse' : 'b is better'
  }
  return isWithinMargin === true ? 'no worse than the margin' : 'undecided'
}

function silence (n: number, isConstant: boolean): string {
  if (isConstant && n > 1) return 'every row has the same difference, which tells nothing of other rows'
  return `${n} rows are too few for a score without bounds, expected at least ${UNBOUNDED_MIN}`
}

function reasonOf (
  conclusion: Conclusion, { lower, upper }: Interval, margin: number | null, isWithin: boolean | null
): string {
  switch (conclusion) {
    case 'b is better':
    case 'b is higher':
    case 'b is lower':
      return 'the interval leaves 0 out'
    case 'b is worse':
      return `the interval leaves 0 out${isWithin === true ? `, but B loses less than the margin ${margin}` : ''}`
    case 'no worse than the margin':
      return `the interval holds 0, and B loses less than the margin ${margin}`
    case 'undecided':
      return lower <= 0 && upper >= 0 && margin !== null
        ? `the interval holds 0, and B may lose more than the margin ${margin}`
        : 'the interval holds 0: more rows may decide'
  }
}
