import { EvaluatorError, requireChoice, requireSameLength } from '../errors.js'
import { groupTies, requireBinary } from './ranking.js'

/** Bins when nothing else is asked for. */
const BINS = 10

/** Most bins; more say nothing and cost memory. */
const BINS_MAX = 100_000

/** Losses of predicted probabilities. */
export interface ProbabilityLosses {
  /** Mean −ln(probability given to what was true), >= 0, nats; at most 36.04 because probabilities are clipped. */
  readonly logLoss: number
  /** Mean squared distance of probability and truth, 0..1. */
  readonly brier: number
}

/** Where bins lie: equally wide over 0..1, or with equally many cases. */
const BINNINGS = ['equal-width', 'equal-mass'] as const
export type Binning = typeof BINNINGS[number]

/** One bin that is not empty: its cases, their mean predicted probability and their share of positives, both 0..1. */
export interface CalibrationBin {
  readonly n: number
  readonly predicted: number
  readonly observed: number
}

/** The reliability diagram and its summary. */
export interface Calibration {
  /** Expected calibration error Σ n_b/n · |predicted − observed|, 0..1. */
  readonly expectedError: number
  /** The greatest |predicted − observed| of any bin, 0..1. */
  readonly greatestError: number
  /** Ascending by probability. */
  readonly bins: readonly CalibrationBin[]
}

/**
 * Log loss and Brier score of probabilities for the label 1. As in scikit-learn 1.2, both p and 1 − p are clipped to
 * [2⁻⁵², 1 − 2⁻⁵²] before the logarithm, so that one certain mistake costs 36.04 nats rather than everything. Brier
 * (1950), Mon. Weather Rev. 78:1-3. O(n).
 *
 * @param truth 0 or 1 each, at least one
 * @param probabilities equally many, each 0..1
 * @throws EvaluatorError EMPTY, LENGTH_MISMATCH, or OUT_OF_RANGE with the place
 */
export function probabilityLosses (truth: ArrayLike<number>, probabilities: ArrayLike<number>): ProbabilityLosses {
  requireProbabilities(truth, probabilities)
  let [logLoss, brier] = [0, 0]
  for (let i = 0; i < truth.length; i++) {
    const p = probabilities[i]!
    const given = truth[i] === 1 ? p : 1 - p
    logLoss -= Math.log(Math.min(1 - Number.EPSILON, Math.max(Number.EPSILON, given)))
    brier += (p - truth[i]!) ** 2
  }
  return { logLoss: logLoss / truth.length, brier: brier / truth.length }
}

/**
 * How far predicted probabilities lie from observed shares: with `equal-width`, bin k of B holds [k/B, (k+1)/B), the
 * last one 1 too; with `equal-mass`, the cases in ascending order are cut into B bins of equal size up to one, equal
 * probabilities never apart. Empty bins count for nothing. For several classes give the probability of the predicted
 * label, and 1 where it was right. Independent of the order of cases. Naeini, Cooper, Hauskrecht (2015), AAAI; Guo,
 * Pleiss, Sun, Weinberger (2017), ICML; equal mass: Nguyen, O'Connor (2015), EMNLP. O(n log n).
 *
 * @param truth 0 or 1 each, at least one
 * @param probabilities equally many, each 0..1
 * @param options `bins` whole, 1..100,000, default 10; `binning` default `equal-width`
 * @throws EvaluatorError EMPTY, LENGTH_MISMATCH, OUT_OF_RANGE with the place, or MALFORMED for another binning
 */
export function calibration (
  truth: ArrayLike<number>, probabilities: ArrayLike<number>,
  { bins = BINS, binning = 'equal-width' }: { readonly bins?: number, readonly binning?: Binning } = {}
): Calibration {
  requireProbabilities(truth, probabilities)
  requireChoice('binning', binning, BINNINGS)
  if (!(Number.isInteger(bins) && bins >= 1 && bins <= BINS_MAX)) {
    throw new EvaluatorError('OUT_OF_RANGE', 'bins', `expected a whole number from 1 to ${BINS_MAX}, got ${bins}`)
  }
  const n = truth.length
  const counts = new Float64Array(bins)
  const predicted = new Float64Array(bins)
  const observed = new Float64Array(bins)
  let left = n
  for (const [positives, negatives, p] of groupTies(truth, probabilities).descending()) {
    const size = positives + negatives
    const bin = binOf(binning === 'equal-width' ? p : (left - size / 2) / n, bins)
    counts[bin]! += size
    predicted[bin]! += size * p
    observed[bin]! += positives
    left -= size
  }
  return summarise(counts, predicted, observed, n)
}

/** The bin k of B with k/B <= place < (k+1)/B, also where place·B rounds to the next whole number; 1 is in the last. */
function binOf (place: number, bins: number): number {
  const bin = Math.floor(place * bins)
  if (bin / bins > place) return bin - 1
  return Math.min(bins - 1, (bin + 1) / bins <= place ? bin + 1 : bin)
}

function summarise (counts: Float64Array, predicted: Float64Array, observed: Float64Array, n: number): Calibration {
  const bins: CalibrationBin[] = []
  let [expectedError, greatestError] = [0, 0]
  counts.forEach((count, bin) => {
    if (count === 0) return
    const full = { n: count, predicted: predicted[bin]! / count, observed: observed[bin]! / count }
    const error = Math.abs(full.predicted - full.observed)
    expectedError += count / n * error
    greatestError = Math.max(greatestError, error)
    bins.push(full)
  })
  return { expectedError, greatestError, bins }
}

function requireProbabilities (truth: ArrayLike<number>, probabilities: ArrayLike<number>): void {
  requireBinary('truth', truth)
  requireSameLength(['truth', truth], ['probabilities', probabilities])
  for (let i = 0; i < probabilities.length; i++) {
    const p = probabilities[i]!
    if (typeof p === 'number' && p >= 0 && p <= 1) continue
    throw new EvaluatorError('OUT_OF_RANGE', `probabilities[${i}]`, `expected a number from 0 to 1, got ${String(p)}`)
  }
}
