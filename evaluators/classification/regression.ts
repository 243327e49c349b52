import { EvaluatorError, requireFinite, requireSameLength } from '../errors.js'
import { spreadOf } from '../statistics/descriptive.js'

/** Scores of predicted numbers; all but `r2` in the unit of the values. */
export interface RegressionScores {
  readonly n: number
  /** Mean |predicted − truth|, >= 0. */
  readonly meanAbsoluteError: number
  /** √ of the mean squared error, >= the mean absolute error. */
  readonly rootMeanSquaredError: number
  /** Mean of predicted − truth: positive when the model overestimates. */
  readonly bias: number
  /**
   * Coefficient of determination 1 − Σ(predicted − truth)²/Σ(truth − mean)², at most 1, negative when worse than always
   * predicting the mean of the truth; null when the truth is constant (or so nearly that the quotient overflows).
   */
  readonly r2: number | null
}

/**
 * Errors of predicted numbers. Sums are taken of errors scaled by the greatest one, so that neither huge nor tiny
 * values overflow or vanish. O(n).
 *
 * @param truth, predicted equally many finite numbers, at least one, in one unit
 * @throws EvaluatorError EMPTY, LENGTH_MISMATCH, NOT_FINITE with the place; OUT_OF_RANGE when values lie further apart
 *   than a double can hold
 */
export function regressionScores (truth: ArrayLike<number>, predicted: ArrayLike<number>): RegressionScores {
  requireFinite('truth', truth)
  requireFinite('predicted', predicted)
  requireSameLength(['truth', truth], ['predicted', predicted])
  const { greatest, absolute, squared, signed } = errorSums(truth, predicted)
  const n = truth.length
  const rootMeanSquaredError = greatest * Math.sqrt(squared / n)
  return {
    n,
    meanAbsoluteError: greatest * (absolute / n),
    rootMeanSquaredError,
    bias: greatest * (signed / n),
    r2: determination(rootMeanSquaredError, truth)
  }
}

/** Sums of errors, each divided by the greatest in magnitude (1 when all are 0). */
function errorSums (
  truth: ArrayLike<number>, predicted: ArrayLike<number>
): { greatest: number, absolute: number, squared: number, signed: number } {
  let largest = 0
  for (let i = 0; i < truth.length; i++) largest = Math.max(largest, Math.abs(predicted[i]! - truth[i]!))
  if (!Number.isFinite(largest)) {
    throw new EvaluatorError('OUT_OF_RANGE', 'predicted', 'expected values that lie less than 1e308 from the truth')
  }
  const greatest = largest === 0 ? 1 : largest
  let [absolute, squared, signed] = [0, 0, 0]
  for (let i = 0; i < truth.length; i++) {
    const error = (predicted[i]! - truth[i]!) / greatest
    absolute += Math.abs(error)
    squared += error * error
    signed += error
  }
  return { greatest, absolute, squared, signed }
}

function determination (rootMeanSquaredError: number, truth: ArrayLike<number>): number | null {
  const { n, standardDeviation } = spreadOf('truth', truth)
  if (standardDeviation === null || standardDeviation === 0) return null
  const r2 = 1 - (rootMeanSquaredError / (standardDeviation * Math.sqrt((n - 1) / n))) ** 2
  return Number.isFinite(r2) ? r2 : null
}
