import { countConfusion } from '../../../evaluators/classification/confusion.js'
import { regressionScores } from '../../../evaluators/classification/regression.js'
import { classificationScores } from '../../../evaluators/classification/scores.js'
import type { Better } from '../../evaluation/compare-pairs.js'

/** Metrics of answers that are labels or numbers; all others are of texts. */
export const ANSWER_METRICS = ['accuracy', 'balanced_accuracy', 'macro_f1', 'mae', 'rmse'] as const
export type AnswerMetric = typeof ANSWER_METRICS[number]

/** Which way is better: errors of numbers are better when small. */
export function betterOf (metric: AnswerMetric): Better {
  return metric === 'mae' || metric === 'rmse' ? 'lower' : 'higher'
}

/**
 * One metric of all answers; an answer that is missing is '' and wrong. Null when it cannot be said: numbers that are
 * none. O(n).
 */
export function scoreAnswers (
  metric: AnswerMetric, truth: readonly string[], answers: readonly string[]
): number | null {
  if (metric === 'mae' || metric === 'rmse') {
    const [expected, got] = [truth.map(numberOf), answers.map(numberOf)]
    if (![...expected, ...got].every(Number.isFinite)) return null
    const { meanAbsoluteError, rootMeanSquaredError } = regressionScores(expected, got)
    return metric === 'mae' ? meanAbsoluteError : rootMeanSquaredError
  }
  const { accuracy, balancedAccuracy, macro } = classificationScores(countConfusion(truth, answers))
  return metric === 'accuracy' ? accuracy : metric === 'balanced_accuracy' ? balancedAccuracy : macro.f1
}

function numberOf (text: string): number {
  return text.trim() === '' ? NaN : Number(text)
}
