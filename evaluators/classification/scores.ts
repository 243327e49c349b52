import { checkConfusion, type Confusion, type Label } from './confusion.js'

/** Precision, recall and their harmonic mean, each 0..1. */
export interface PrecisionRecall {
  readonly precision: number
  readonly recall: number
  readonly f1: number
}

/** One class; `support` counts how often it is true, `predicted` how often it was predicted. */
export interface ClassScores extends PrecisionRecall {
  readonly label: Label
  readonly support: number
  readonly predicted: number
  /** Standard errors; null where the score is 0 or 1 or has no cases, so that its spread cannot be told. */
  readonly se: { readonly precision: number | null, readonly recall: number | null, readonly f1: number | null }
}

/** Scores of predicted labels against true ones. */
export interface ClassificationScores {
  readonly n: number
  /** Share of equal labels, 0..1. */
  readonly accuracy: number
  /** Mean recall of the classes that occur in the truth, 0..1. */
  readonly balancedAccuracy: number
  /** Unweighted mean over all labels. */
  readonly macro: PrecisionRecall
  /** From the counts of all labels together; with one label each per case all three equal the accuracy. */
  readonly micro: PrecisionRecall
  /** Mean over the labels weighted by how often each is true. */
  readonly weighted: PrecisionRecall
  readonly classes: readonly ClassScores[]
  /** Matthews correlation coefficient, −1..1; 0 when all truths or all predictions are one label. */
  readonly matthewsCorrelation: number
  /** Cohen's kappa, at most 1; null when only one label occurs at all. */
  readonly kappa: number | null
  /** Kappa with disagreement weighted by the squared distance of places in the sorted labels; null as kappa. */
  readonly kappaQuadratic: number | null
  /** Standard errors of accuracy, balanced accuracy and macro F1; null as in a class. */
  readonly se: {
    readonly accuracy: number | null
    readonly balancedAccuracy: number | null
    readonly macroF1: number | null
  }
}

/** All pairs; row, column and diagonal sums. */
interface Marginals {
  readonly n: number
  readonly truth: readonly number[]
  readonly predicted: readonly number[]
  readonly hits: readonly number[]
}

/**
 * Scores that need labels alone. A score whose denominator is 0 is 0, as in scikit-learn 1.2; `support` and `predicted`
 * tell those apart from earned zeros. O(labels + cells).
 *
 * Sources: Matthews correlation for more than two classes: Gorodkin (2004), Comput. Biol. Chem. 28:367-374; kappa:
 * Cohen (1960), Educ. Psychol. Meas. 20:37-46, weighted: Cohen (1968), Psychol. Bull. 70:213-220.
 *
 * Standard errors hold the counts for a multinomial sample and use the delta method. With TP, FP, FN of a class:
 * precision √(P(1−P)/(TP+FP)), recall √(R(1−R)/(TP+FN)), F1 √(F(1−F)(2−F)/(2TP+FP+FN)); accuracy √(A(1−A)/n); balanced
 * accuracy √(Σ R(1−R)/(TP+FN))/classes; macro F1 √(Σ count·g²), where g, the derivative by a cell, is
 * 2(1−F_k)/(D_k·labels) on the diagonal and −(F_i/D_i + F_j/D_j)/labels off it, D = 2TP+FP+FN. Takahashi, Yamamoto,
 * Kuchiba, Koyama (2022), Appl. Intell. 52:4961-4972.
 *
 * @param confusion counts as given by `countConfusion` or `mergeConfusions`
 * @throws EvaluatorError EMPTY or MALFORMED when they are not
 */
export function classificationScores (confusion: Confusion): ClassificationScores {
  checkConfusion('confusion', confusion)
  const marginals = marginalsOf(confusion)
  const { n, truth, hits } = marginals
  const classes = confusion.labels.map((label, k) => classScores(label, k, marginals))
  const accuracy = hits.reduce((sum, hit) => sum + hit, 0) / n
  const present = classes.filter(({ support }) => support > 0)
  return {
    n,
    accuracy,
    balancedAccuracy: present.reduce((sum, { recall }) => sum + recall, 0) / present.length,
    macro: average(classes, classes.map(() => 1)),
    micro: { precision: accuracy, recall: accuracy, f1: accuracy },
    weighted: average(classes, truth),
    classes,
    matthewsCorrelation: matthewsCorrelation(marginals),
    kappa: kappaOf(marginals),
    kappaQuadratic: quadraticKappa(confusion, marginals),
    se: {
      accuracy: positive(Math.sqrt(accuracy * (1 - accuracy) / n)),
      balancedAccuracy: positive(Math.sqrt(
        present.reduce((sum, { recall, support }) => sum + recall * (1 - recall) / support, 0)
      ) / present.length),
      macroF1: macroF1Error(confusion, classes)
    }
  }
}

function marginalsOf ({ labels, cells }: Confusion): Marginals {
  const zeros = (): number[] => new Array<number>(labels.length).fill(0)
  const [truth, predicted, hits] = [zeros(), zeros(), zeros()]
  let n = 0
  for (const [from, to, count] of cells) {
    n += count
    truth[from]! += count
    predicted[to]! += count
    if (from === to) hits[from]! += count
  }
  return { n, truth, predicted, hits }
}

function classScores (label: Label, k: number, { truth, predicted, hits }: Marginals): ClassScores {
  const [support, guesses, hit] = [truth[k]!, predicted[k]!, hits[k]!]
  const [precision, recall, f1] = [share(hit, guesses), share(hit, support), share(2 * hit, support + guesses)]
  return {
    label,
    support,
    predicted: guesses,
    precision,
    recall,
    f1,
    se: {
      precision: positive(Math.sqrt(precision * (1 - precision) / guesses)),
      recall: positive(Math.sqrt(recall * (1 - recall) / support)),
      f1: positive(Math.sqrt(f1 * (1 - f1) * (2 - f1) / (support + guesses)))
    }
  }
}

function average (classes: readonly PrecisionRecall[], weights: readonly number[]): PrecisionRecall {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const mean = (field: keyof PrecisionRecall): number =>
    classes.reduce((sum, each, k) => sum + weights[k]! * each[field], 0) / total
  return { precision: mean('precision'), recall: mean('recall'), f1: mean('f1') }
}

function matthewsCorrelation ({ n, truth, predicted, hits }: Marginals): number {
  let [agreement, expected, truthSquares, predictedSquares] = [0, 0, 0, 0]
  truth.forEach((count, k) => {
    const [t, p] = [count / n, predicted[k]! / n]
    agreement += hits[k]! / n
    expected += t * p
    truthSquares += t * t
    predictedSquares += p * p
  })
  const isDegenerate = truth.includes(n) || predicted.includes(n)
  if (isDegenerate) return 0
  const spread = Math.sqrt(1 - truthSquares) * Math.sqrt(1 - predictedSquares)
  return Math.min(1, Math.max(-1, (agreement - expected) / spread))
}

/** 1 − observed / expected share of unequal labels; null when one label is all there is. */
function kappaOf ({ n, truth, predicted, hits }: Marginals): number | null {
  if (hits.includes(n)) return null
  const expected = truth.reduce((sum, count, k) => sum + count / n * (predicted[k]! / n), 0)
  const agreement = hits.reduce((sum, hit) => sum + hit, 0) / n
  return (agreement - expected) / (1 - expected)
}

/** As {@link kappaOf} with squared distances; the expected one is E(i²) + E(j²) − 2 E(i) E(j). */
function quadraticKappa ({ cells }: Confusion, { n, truth, predicted, hits }: Marginals): number | null {
  if (hits.includes(n)) return null
  const moment = (counts: readonly number[], power: number): number =>
    counts.reduce((sum, count, k) => sum + count / n * k ** power, 0)
  const observed = cells.reduce((sum, [from, to, count]) => sum + (from - to) ** 2 * (count / n), 0)
  const expected = moment(truth, 2) + moment(predicted, 2) - 2 * moment(truth, 1) * moment(predicted, 1)
  return 1 - observed / expected
}

function macroF1Error ({ cells }: Confusion, classes: readonly ClassScores[]): number | null {
  const slopes = classes.map(({ f1, support, predicted }) => f1 / (support + predicted))
  const variance = cells.reduce((sum, [from, to, count]) => {
    const { f1, support, predicted } = classes[from]!
    const slope = from === to ? 2 * (1 - f1) / (support + predicted) : -(slopes[from]! + slopes[to]!)
    return sum + count * slope * slope
  }, 0)
  return positive(Math.sqrt(variance) / classes.length)
}

function share (part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}

function positive (value: number): number | null {
  return value > 0 ? value : null
}
