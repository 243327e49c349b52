import { EvaluatorError, requireBetween, requireCount } from '../errors.js'
import { mannWhitney } from '../statistics/mann-whitney.js'
import { normalQuantile, normalUpper } from '../statistics/special.js'
import type { Random } from '../statistics/random.js'
import { ascendingCopy } from './ascending.js'
import { hashNgrams, type NgramOptions, type SparseVector } from './hashed-ngrams.js'
import { samplePlaces, shufflePlaces } from './sampling.js'
import { requireTexts } from '../text/texts.js'

/** Rate of the first step, and the ridge penalty per step: texts are vectors of length 1. */
const STEP = 2
const PENALTY = 1e-4

export interface DomainClassifierOptions {
  /** Draws the subsample, the folds and the order of the steps: the same seed gives the same result. */
  readonly random: Random
  /** Folds, whole, 2..20; default 5. */
  readonly folds?: number
  /** Passes over the texts, whole, 1..100; default 5. */
  readonly epochs?: number
  /** Texts used of each side at most, default 1,000. */
  readonly textsMax?: number
  /** Default: words, runs of 1 to 2, 2¹⁴ places, the first 500 words. */
  readonly ngrams?: Partial<NgramOptions>
  /** Confidence of the interval, above 0 and below 1; default 0.95. */
  readonly confidence?: number
}

/** How well a classifier tells the current texts from the reference's. */
export interface DomainClassifierResult {
  /** Probability (0..1) that a current text scores above one of the reference; 0.5: it cannot tell. */
  readonly auc: number
  readonly lower: number
  readonly upper: number
  /** One-sided p that the classifier tells nothing (auc <= 0.5). */
  readonly p: number
  /** Texts used. */
  readonly n: { readonly reference: number, readonly current: number }
}

/**
 * Domain classifier for texts: a logistic regression on hashed n-grams learns to tell current from reference texts
 * (stochastic gradient descent, ridge penalty, both sides of equal weight). By k-fold cross-validation, folds
 * stratified by side, every text is scored by a model that has not seen it; scores are turned into ranks within their
 * fold. The area under the ROC curve has the interval of DeLong, DeLong, Clarke-Pearson (1988), Biometrics 44, and the
 * one-sided p of Mann and Whitney's z, without correction for ties. As folds share their training texts, both standard
 * errors are multiplied by √(1 + folds/(folds − 1)), after Nadeau, Bengio (2003), Mach. Learn. 52; without it p would
 * be too small. Bounded by `textsMax` and `unitsMax`. O(folds × epochs × texts × n-grams).
 *
 * @param reference texts, at least as many as folds
 * @param current texts, at least as many as folds
 * @throws EvaluatorError EMPTY, MALFORMED or OUT_OF_RANGE, naming the argument
 */
export function classifyDomains (
  reference: readonly string[], current: readonly string[], options: DomainClassifierOptions
): DomainClassifierResult {
  const { random, folds = 5, epochs = 5, textsMax = 1_000, confidence = 0.95 } = options
  requireWhole('folds', folds, 2, 20)
  requireWhole('epochs', epochs, 1, 100)
  requireWhole('textsMax', textsMax, folds, 1_000_000)
  requireBetween('confidence', confidence, Number.MIN_VALUE, 1 - 1e-12)
  requireTexts('reference', reference)
  requireTexts('current', current)
  requireCount('reference', reference, folds)
  requireCount('current', current, folds)
  const ngrams = { unit: 'word', min: 1, max: 2, dimension: 2 ** 14, unitsMax: 500, ...options.ngrams } as const
  const vectorsOf = (texts: readonly string[]): SparseVector[] =>
    samplePlaces(texts.length, textsMax, random).map((i) => hashNgrams(texts[i]!, ngrams))
  const sides = [vectorsOf(reference), vectorsOf(current)] as const
  const scores = crossValidate(sides, { folds, epochs, dimension: ngrams.dimension, random })
  return summarise(scores[0], scores[1], confidence, Math.sqrt(1 + folds / (folds - 1)))
}

interface Training {
  readonly folds: number
  readonly epochs: number
  readonly dimension: number
  readonly random: Random
}

/** Rank scores (0..1) of both sides, each text by the model that has not seen its fold. */
function crossValidate (
  sides: readonly [readonly SparseVector[], readonly SparseVector[]], training: Training
): readonly [Float64Array, Float64Array] {
  const scores = [new Float64Array(sides[0].length), new Float64Array(sides[1].length)] as const
  const folds = sides.map((vectors) =>
    shufflePlaces(vectors.length, training.random).map((rank) => rank % training.folds))
  for (let fold = 0; fold < training.folds; fold++) {
    const examples = sides.flatMap((vectors, side) => vectors
      .filter((_, i) => folds[side]![i] !== fold)
      .map((vector) => ({ vector, side })))
    const model = train(examples, training)
    const held = sides.flatMap((vectors, side) => vectors
      .flatMap((vector, i) => folds[side]![i] === fold ? [{ side, i, score: model(vector) }] : []))
    const ascending = ascendingCopy('scores', held.map(({ score }) => score))
    for (const { side, i, score } of held) scores[side]![i] = midrank(ascending, score)
  }
  return scores
}

interface Example { readonly vector: SparseVector, readonly side: number }

/** Logistic regression; weights are kept as scale × weights, so that the penalty costs O(1) a step. */
function train (
  examples: readonly Example[], { epochs, dimension, random }: Training
): (vector: SparseVector) => number {
  const weights = new Float64Array(dimension)
  let [scale, bias, step] = [1, 0, 0]
  const counts = [0, 0]
  for (const { side } of examples) counts[side]!++
  const score = ({ places, values }: SparseVector): number => {
    let sum = 0
    for (let i = 0; i < places.length; i++) sum += weights[places[i]!]! * values[i]!
    return sum * scale + bias
  }
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const at of shufflePlaces(examples.length, random)) {
      const { vector, side } = examples[at]!
      const rate = STEP / (1 + STEP * PENALTY * step++)
      const weight = examples.length / (2 * counts[side]!)
      const change = rate * weight * (side - 1 / (1 + Math.exp(-score(vector))))
      scale *= 1 - rate * PENALTY
      for (let i = 0; i < vector.places.length; i++) weights[vector.places[i]!]! += change * vector.values[i]! / scale
      bias += change * 0.1
    }
  }
  return score
}

/** Mean rank of a score among the ascending ones it belongs to, over their number: 0..1. */
function midrank (ascending: Float64Array, score: number): number {
  const bound = (isBelow: (value: number) => boolean): number => {
    let [low, high] = [0, ascending.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (isBelow(ascending[middle]!)) low = middle + 1
      else high = middle
    }
    return low
  }
  return (bound((value) => value < score) + bound((value) => value <= score)) / (2 * ascending.length)
}

function summarise (
  reference: Float64Array, current: Float64Array, confidence: number, inflation: number
): DomainClassifierResult {
  const { auc } = mannWhitney(current, reference)
  const se = Math.sqrt(placementVariance(current, reference) + placementVariance(reference, current))
  const half = normalQuantile((1 + confidence) / 2) * se * inflation
  const [n, m] = [reference.length, current.length]
  const seWithoutDrift = Math.sqrt((n + m + 1) / (12 * n * m)) * inflation
  return {
    auc,
    lower: Math.max(0, auc - half),
    upper: Math.min(1, auc + half),
    p: normalUpper((auc - 0.5) / seWithoutDrift),
    n: { reference: n, current: m }
  }
}

/** Variance of the mean placement of `x` among `y`: one of the two parts of DeLong's variance. */
function placementVariance (x: Float64Array, y: Float64Array): number {
  const ascending = ascendingCopy('scores', y)
  let [mean, squares] = [0, 0]
  x.forEach((score, i) => {
    const placement = midrank(ascending, score)
    const difference = placement - mean
    mean += difference / (i + 1)
    squares += difference * (placement - mean)
  })
  return x.length < 2 ? 0 : squares / (x.length - 1) / x.length
}

function requireWhole (argument: string, value: number, min: number, max: number): void {
  requireBetween(argument, value, min, max)
  if (!Number.isInteger(value)) throw new EvaluatorError('OUT_OF_RANGE', argument, `expected a whole number, got ${value}`)
}
