import { EvaluatorError, requireCount, requireFinite, requireSameLength } from '../errors.js'

/** How well scores order the positives (true label 1) before the negatives (0). */
export interface RankingScores {
  readonly positives: number
  readonly negatives: number
  /** Probability that a positive scores above a negative, ties half, 0..1; null when either is missing. */
  readonly rocAuc: number | null
  /** Σ (R_k − R_(k−1))·P_k over the distinct thresholds, descending, 0..1; null when there is no positive. */
  readonly averagePrecision: number | null
}

/**
 * Area under the ROC curve (Mann-Whitney form; Hanley, McNeil (1982), Radiology 143:29-36) and average precision
 * without interpolation, tied scores taken together. O(n log n).
 *
 * @param truth 0 or 1 each, at least one
 * @param scores equally many finite numbers, any unit, more meaning more positive
 * @throws EvaluatorError EMPTY, LENGTH_MISMATCH, NOT_FINITE, or OUT_OF_RANGE for a truth that is neither 0 nor 1
 */
export function rankingScores (truth: ArrayLike<number>, scores: ArrayLike<number>): RankingScores {
  const groups = groupTies(truth, scores)
  let [before, hits, pairs, precision] = [0, 0, 0, 0]
  for (const [positives, negatives] of groups.descending()) {
    pairs += negatives * (hits + positives / 2)
    hits += positives
    before += positives + negatives
    precision += positives * (hits / before)
  }
  const negatives = before - hits
  return {
    positives: hits,
    negatives,
    rocAuc: hits === 0 || negatives === 0 ? null : pairs / (hits * negatives),
    averagePrecision: hits === 0 ? null : precision / hits
  }
}

/** Scores grouped by value, each group with its positives and negatives. */
export interface TieGroups {
  /** `[positives, negatives, score]` from the greatest score to the least. */
  descending (): Generator<readonly [number, number, number]>
}

/**
 * Groups scores by value with the counts of both truths, by sorting the positives' and the negatives' scores apart and
 * merging them, so that nothing but numbers is sorted. O(n log n).
 *
 * @throws EvaluatorError as {@link rankingScores}
 */
export function groupTies (truth: ArrayLike<number>, scores: ArrayLike<number>): TieGroups {
  const [positives, negatives] = splitByTruth(truth, scores)
  return {
    * descending () {
      let [i, j] = [positives.length - 1, negatives.length - 1]
      while (i >= 0 || j >= 0) {
        const value = j < 0 || (i >= 0 && positives[i]! > negatives[j]!) ? positives[i]! : negatives[j]!
        const [startI, startJ] = [i, j]
        while (i >= 0 && positives[i] === value) i--
        while (j >= 0 && negatives[j] === value) j--
        yield [startI - i, startJ - j, value]
      }
    }
  }
}

/** Refuses a list of truths with anything but 0 and 1. @throws EvaluatorError EMPTY or OUT_OF_RANGE with the place */
export function requireBinary (argument: string, truth: ArrayLike<number>): void {
  requireCount(argument, truth)
  for (let i = 0; i < truth.length; i++) {
    if (truth[i] === 0 || truth[i] === 1) continue
    throw new EvaluatorError('OUT_OF_RANGE', `${argument}[${i}]`, `expected 0 or 1, got ${String(truth[i])}`)
  }
}

function splitByTruth (truth: ArrayLike<number>, scores: ArrayLike<number>): [Float64Array, Float64Array] {
  requireBinary('truth', truth)
  requireSameLength(['truth', truth], ['scores', scores])
  requireFinite('scores', scores)
  let positiveCount = 0
  for (let i = 0; i < truth.length; i++) positiveCount += truth[i]!
  const [positives, negatives] = [new Float64Array(positiveCount), new Float64Array(truth.length - positiveCount)]
  let [p, q] = [0, 0]
  for (let i = 0; i < truth.length; i++) {
    if (truth[i] === 1) positives[p++] = scores[i]!
    else negatives[q++] = scores[i]!
  }
  return [positives.sort(), negatives.sort()]
}
