import { EvaluatorError, finiteOr, requireCount, requireSameLength } from '../errors.js'
import { requireFiniteField, requireWhole } from './summary-fields.js'

/** Greatest magnitude of a value: the squares of larger ones, summed over many units, leave the range of a number. */
export const MAGNITUDE_MAX = 1e140

/**
 * Everything that a ratio or a covariate adjustment needs to know about `n` units that each have two measurements, y
 * and x: their means (units of y and x), `m2Y` = Σ(y − meanY)², `m2X` = Σ(x − meanX)² and `coXY` = Σ(x − meanX)(y −
 * meanY). Plain JSON, mergeable.
 */
export interface PairMomentsSummary {
  readonly n: number
  readonly meanY: number
  readonly meanX: number
  readonly m2Y: number
  readonly m2X: number
  readonly coXY: number
}

/**
 * Running means, squares and co-moment of two measurements per unit; an offset of 1e6 costs no digits. Welford (1962),
 * Technometrics 4:419-420; for the co-moment Bennett et al. (2009), "Numerically stable, single-pass, parallel
 * statistics algorithms", IEEE Cluster. O(1) per unit.
 */
export class PairMoments {
  #n = 0
  #meanY = 0
  #meanX = 0
  #m2Y = 0
  #m2X = 0
  #coXY = 0

  /**
   * Takes in one unit. O(1).
   *
   * @param y the measurement (the metric, or a ratio's numerator), magnitude at most 1e140
   * @param x what goes with it (the covariate, or a ratio's denominator), magnitude at most 1e140
   * @throws EvaluatorError NOT_FINITE or OUT_OF_RANGE; nothing is changed then
   */
  add (y: number, x: number): void {
    requireMagnitude('y', y)
    requireMagnitude('x', x)
    this.#n += 1
    const deltaY = y - this.#meanY
    const deltaX = x - this.#meanX
    this.#meanY += deltaY / this.#n
    this.#meanX += deltaX / this.#n
    this.#m2Y += deltaY * (y - this.#meanY)
    this.#m2X += deltaX * (x - this.#meanX)
    this.#coXY += deltaX * (y - this.#meanY)
  }

  /** The state so far, as JSON. O(1). */
  summary (): PairMomentsSummary {
    return {
      n: this.#n, meanY: this.#meanY, meanX: this.#meanX, m2Y: this.#m2Y, m2X: this.#m2X, coXY: this.#coXY
    }
  }
}

/** The summary of no unit. */
export const NO_PAIR_MOMENTS: PairMomentsSummary = new PairMoments().summary()

/**
 * The summary of two lists that go together by place. O(n).
 *
 * @param y one measurement per unit, magnitude at most 1e140
 * @param x the other, same order
 * @param names what errors call the two lists
 * @throws EvaluatorError EMPTY, LENGTH_MISMATCH, NOT_FINITE or OUT_OF_RANGE, naming the list and the place
 */
export function pairMoments (
  y: ArrayLike<number>, x: ArrayLike<number>, names: { readonly y: string, readonly x: string } = { y: 'y', x: 'x' }
): PairMomentsSummary {
  requireSameLength([names.y, y], [names.x, x])
  requireCount(names.y, y)
  requireMagnitudes(names.y, y)
  requireMagnitudes(names.x, x)
  const moments = new PairMoments()
  for (let i = 0; i < y.length; i++) {
    moments.add(y[i]!, x[i]!)
  }
  return moments.summary()
}

/**
 * The summary of two sets of different units together. Chan, Golub, LeVeque (1983), Am. Stat. 37:242-247; for the
 * co-moment Bennett et al. (2009). O(1).
 * @throws EvaluatorError NOT_FINITE, MALFORMED or OUT_OF_RANGE for a summary that no sample gives
 */
export function mergePairMoments (a: PairMomentsSummary, b: PairMomentsSummary): PairMomentsSummary {
  requirePairMoments('a', a)
  requirePairMoments('b', b)
  if (a.n === 0) return b
  if (b.n === 0) return a
  const n = a.n + b.n
  const [deltaY, deltaX] = [b.meanY - a.meanY, b.meanX - a.meanX]
  const weight = a.n * (b.n / n)
  return {
    n,
    meanY: a.meanY + deltaY * (b.n / n),
    meanX: a.meanX + deltaX * (b.n / n),
    m2Y: finiteOr('a and b', a.m2Y + b.m2Y + deltaY * deltaY * weight),
    m2X: finiteOr('a and b', a.m2X + b.m2X + deltaX * deltaX * weight),
    coXY: finiteOr('a and b', a.coXY + b.coXY + deltaX * deltaY * weight)
  }
}

/**
 * Refuses a list with a value whose square would leave the range of a number. O(n).
 * @throws EvaluatorError NOT_FINITE or OUT_OF_RANGE, naming the place
 */
export function requireMagnitudes (argument: string, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (typeof value !== 'number' || !(Math.abs(value) <= MAGNITUDE_MAX)) requireMagnitude(`${argument}[${i}]`, value)
  }
}

/**
 * Refuses a value whose square would leave the range of a number. O(1).
 * @throws EvaluatorError NOT_FINITE or OUT_OF_RANGE
 */
export function requireMagnitude (argument: string, value: number): void {
  if (typeof value === 'number' && Math.abs(value) <= MAGNITUDE_MAX) return
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new EvaluatorError('NOT_FINITE', argument, `expected a finite number, got ${String(value)}`)
  }
  throw new EvaluatorError('OUT_OF_RANGE', argument, `expected a magnitude of at most ${MAGNITUDE_MAX}, got ${value}`)
}

/** @throws EvaluatorError MALFORMED or NOT_FINITE when the summary is not what a sample can have */
export function requirePairMoments (argument: string, { n, meanY, meanX, m2Y, m2X, coXY }: PairMomentsSummary): void {
  requireFiniteField(argument, 'n', n)
  requireFiniteField(argument, 'meanY', meanY)
  requireFiniteField(argument, 'meanX', meanX)
  requireFiniteField(argument, 'm2Y', m2Y)
  requireFiniteField(argument, 'm2X', m2X)
  requireFiniteField(argument, 'coXY', coXY)
  requireWhole(argument, 'n', n)
  if (m2Y < 0 || m2X < 0) {
    throw new EvaluatorError('MALFORMED', argument, `expected m2Y and m2X of at least 0, got ${m2Y} and ${m2X}`)
  }
}
