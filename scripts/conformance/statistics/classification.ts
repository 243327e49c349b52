import { probabilityLosses } from '../../../evaluators/classification/calibration.js'
import { confusionMatrix, countConfusion, type Label } from '../../../evaluators/classification/confusion.js'
import { rankingScores } from '../../../evaluators/classification/ranking.js'
import { classificationScores } from '../../../evaluators/classification/scores.js'
import type { Compute } from '../format.js'

/** Scores of labels and of probabilities under the names that the reference files give them. */
export const classificationStatistics: Readonly<Record<string, Compute>> = {
  classification (input) {
    const { y_true: truth, y_pred: predicted, score } = input as {
      y_true: number[], y_pred?: Label[], score?: number[]
    }
    return {
      ...(predicted === undefined ? {} : labelFigures(truth, predicted)),
      ...(score === undefined ? {} : scoreFigures(truth, score))
    }
  }
}

function labelFigures (truth: readonly Label[], predicted: readonly Label[]): Record<string, unknown> {
  const confusion = countConfusion(truth, predicted)
  const scores = classificationScores(confusion)
  return {
    labels: confusion.labels,
    accuracy: scores.accuracy,
    balanced_accuracy: scores.balancedAccuracy,
    macro_f1: scores.macro.f1,
    weighted_f1: scores.weighted.f1,
    micro_f1: scores.micro.f1,
    mcc: scores.matthewsCorrelation,
    kappa: scores.kappa,
    kappa_quadratic: scores.kappaQuadratic,
    confusion: confusionMatrix(confusion),
    precision: scores.classes.map(({ precision }) => precision),
    recall: scores.classes.map(({ recall }) => recall),
    f1: scores.classes.map(({ f1 }) => f1)
  }
}

function scoreFigures (truth: readonly number[], score: readonly number[]): Record<string, unknown> {
  const { rocAuc, averagePrecision } = rankingScores(truth, score)
  const { logLoss, brier } = probabilityLosses(truth, score)
  return { roc_auc: rocAuc, average_precision: averagePrecision, log_loss: logLoss, brier }
}
