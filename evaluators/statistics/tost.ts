import { EvaluatorError, finiteOr, requireFinite, requireSameLength } from '../errors.js'
import { spreadOf } from './descriptive.js'
import { studentUpper } from './special.js'
import { meanDifference, type StudentEstimate, type UndefinedReason } from './welch.js'

/** The range inside which a difference counts as none, low < high, in the unit of the values. */
export interface EquivalenceBounds { readonly low: number, readonly high: number }

/** What two one-sided tests say; each p in 0..1. */
export type EquivalenceTest = {
  readonly defined: true
  readonly difference: number
  /** Evidence of equivalence: the greater of both, so that both bounds must be excluded. */
  readonly p: number
  readonly tLower: number
  /** Evidence that the difference exceeds `low`: non-inferiority of the first, where more is better. */
  readonly pLower: number
  readonly tUpper: number
  /** Evidence that the difference stays below `high`. */
  readonly pUpper: number
  readonly df: number
} | {
  readonly defined: false
  readonly reason: UndefinedReason
  readonly difference: number | null
}

/**
 * Two one-sided Welch t tests of low < mean(x) − mean(y) < high, independent samples: a fixed-sample test, to be read
 * once. Undefined with fewer than two values in a sample or when neither varies. Schuirmann (1987), J. Pharmacokinet.
 * Biopharm. 15:657-680. O(n + m).
 *
 * @param x, y at least one finite number each, in one unit
 * @throws EvaluatorError EMPTY or NOT_FINITE with the place; OUT_OF_RANGE unless low < high are finite, and near
 *   enough for a t value that a number can hold
 */
export function equivalenceTest (
  x: ArrayLike<number>, y: ArrayLike<number>, bounds: EquivalenceBounds
): EquivalenceTest {
  return twoOneSided(meanDifference(spreadOf('x', x), spreadOf('y', y)), bounds)
}

/**
 * As {@link equivalenceTest} for pairs (both models on the same inputs): one-sample t tests of the mean of
 * challenger − champion with n − 1 degrees of freedom. Undefined with fewer than two pairs or when all differ by the
 * same amount. O(n).
 *
 * @param challenger, champion equally many finite numbers, at least one, pair by pair
 * @throws EvaluatorError as {@link equivalenceTest}, and LENGTH_MISMATCH
 */
export function pairedEquivalenceTest (
  challenger: ArrayLike<number>, champion: ArrayLike<number>, bounds: EquivalenceBounds
): EquivalenceTest {
  requireFinite('challenger', challenger)
  requireFinite('champion', champion)
  requireSameLength(['challenger', challenger], ['champion', champion])
  const differences = new Float64Array(challenger.length)
  for (let i = 0; i < differences.length; i++) differences[i] = challenger[i]! - champion[i]!
  const { n, mean, standardDeviation } = spreadOf('challenger - champion', differences)
  if (standardDeviation === null) return twoOneSided({ defined: false, reason: 'n<2', difference: null }, bounds)
  if (standardDeviation === 0) {
    return twoOneSided({ defined: false, reason: 'zero variance', difference: mean }, bounds)
  }
  return twoOneSided({ defined: true, difference: mean, se: standardDeviation / Math.sqrt(n), df: n - 1 }, bounds)
}

function twoOneSided (estimate: StudentEstimate, { low, high }: EquivalenceBounds): EquivalenceTest {
  if (!(Number.isFinite(low) && Number.isFinite(high) && low < high && Number.isFinite(high - low))) {
    throw new EvaluatorError('OUT_OF_RANGE', 'bounds', `expected finite low < high, got ${low} and ${high}`)
  }
  if (!estimate.defined) return estimate
  const { difference, se, df } = estimate
  const tLower = finiteOr('bounds', (difference - low) / se)
  const tUpper = finiteOr('bounds', (difference - high) / se)
  const [pLower, pUpper] = [studentUpper(tLower, df), studentUpper(-tUpper, df)]
  return { defined: true, difference, p: Math.max(pLower, pUpper), tLower, pLower, tUpper, pUpper, df }
}
