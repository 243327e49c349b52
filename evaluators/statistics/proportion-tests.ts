import { EvaluatorError, requireBetween } from '../errors.js'
import type { Tally } from './proportions.js'
import { betaQuantile, normalQuantile, normalUpper } from './special.js'
import type { Interval } from './welch.js'

/** What {@link compareProportions} says of challenger − champion, both rates in 0..1. */
export interface ProportionComparison {
  /** Rate of the challenger minus that of the champion, −1..1. */
  readonly difference: number
  /** Pooled z statistic; null when neither or every unit had the event, so that nothing can be told. */
  readonly z: number | null
  /** Two-sided p of z; 1 when z is null. */
  readonly p: number
  /** Hybrid score interval of Newcombe; inside −1..1. */
  readonly newcombe: Interval
  /** Interval of Agresti and Caffo, one event and one non-event added per arm; not clipped to −1..1. */
  readonly agrestiCaffo: Interval
}

/**
 * Fixed-sample comparison of two proportions, to be read once: the pooled z test
 * (p₂ − p₁)/√(p(1−p)(1/n₁+1/n₂)), the interval of Newcombe (1998), Stat. Med. 17:873-890, method 10 (from two Wilson
 * intervals, no continuity correction), and that of Agresti, Caffo (2000), Am. Stat. 54:280-288. O(1).
 *
 * @param champion, challenger counts with n >= 1
 * @param confidence of both intervals, 0 < confidence < 1
 * @throws EvaluatorError EMPTY when n is 0; OUT_OF_RANGE unless 0 <= events <= n are whole, or for the confidence
 */
export function compareProportions (champion: Tally, challenger: Tally, confidence = 0.95): ProportionComparison {
  const one = wilsonInterval(requireTally('champion', champion), confidence)
  const two = wilsonInterval(requireTally('challenger', challenger), confidence)
  const [p1, p2] = [rateOf(champion), rateOf(challenger)]
  const difference = p2 - p1
  const z = pooledZ(champion, challenger)
  return {
    difference,
    z,
    p: z === null ? 1 : Math.min(1, 2 * normalUpper(Math.abs(z))),
    newcombe: {
      lower: Math.max(-1, difference - Math.hypot(p2 - two.lower, one.upper - p1)),
      upper: Math.min(1, difference + Math.hypot(two.upper - p2, p1 - one.lower))
    },
    agrestiCaffo: agrestiCaffo(champion, challenger, criticalValue(confidence))
  }
}

/**
 * Score interval of one proportion, without continuity correction; inside 0..1, and exactly 0 (or 1) at its end when no
 * (or every) unit had the event. Wilson (1927), J. Am. Stat. Assoc. 22:209-212. O(1).
 *
 * @param tally counts with n >= 1
 * @param confidence 0 < confidence < 1
 * @throws EvaluatorError as {@link compareProportions}
 */
export function wilsonInterval (tally: Tally, confidence = 0.95): Interval {
  const { events, n } = requireTally('tally', tally)
  const z = criticalValue(confidence)
  const p = events / n
  const centre = p + z * z / (2 * n)
  const reach = z * Math.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
  const widening = 1 + z * z / n
  return {
    lower: events === 0 ? 0 : Math.max(0, (centre - reach) / widening),
    upper: events === n ? 1 : Math.min(1, (centre + reach) / widening)
  }
}

/**
 * Exact interval of one proportion from the beta distribution: covers with at least the confidence asked for, at any
 * n. Clopper, Pearson (1934), Biometrika 26:404-413. O(1).
 *
 * @param tally counts with n >= 1
 * @param confidence 0 < confidence < 1
 * @throws EvaluatorError as {@link compareProportions}
 */
export function clopperPearsonInterval (tally: Tally, confidence = 0.95): Interval {
  const { events, n } = requireTally('tally', tally)
  requireConfidence(confidence)
  const tail = (1 - confidence) / 2
  return {
    lower: events === 0 ? 0 : betaQuantile(tail, events, n - events + 1),
    upper: events === n ? 1 : 1 - betaQuantile(tail, n - events, events + 1)
  }
}

function pooledZ (champion: Tally, challenger: Tally): number | null {
  const n = champion.n + challenger.n
  const events = champion.events + challenger.events
  if (events === 0 || events === n) return null
  const variance = events / n * ((n - events) / n) * (1 / champion.n + 1 / challenger.n)
  return (rateOf(challenger) - rateOf(champion)) / Math.sqrt(variance)
}

function agrestiCaffo (champion: Tally, challenger: Tally, z: number): Interval {
  const [one, two] = [champion, challenger].map(({ events, n }) => ({ events: events + 1, n: n + 2 })) as [Tally, Tally]
  const difference = rateOf(two) - rateOf(one)
  const variance = [one, two].reduce((sum, { events, n }) => sum + events * (n - events) / n ** 3, 0)
  const reach = z * Math.sqrt(variance)
  return { lower: difference - reach, upper: difference + reach }
}

function rateOf ({ events, n }: Tally): number {
  return events / n
}

function criticalValue (confidence: number): number {
  requireConfidence(confidence)
  return -normalQuantile((1 - confidence) / 2)
}

function requireConfidence (confidence: number): void {
  requireBetween('confidence', confidence, Number.EPSILON, 1 - Number.EPSILON)
}

function requireTally (argument: string, tally: Tally): Tally {
  const { events, n } = tally
  if (n === 0) throw new EvaluatorError('EMPTY', argument, 'expected at least 1 unit, got 0')
  if (Number.isSafeInteger(events) && Number.isSafeInteger(n) && events >= 0 && events <= n) return tally
  throw new EvaluatorError(
    'OUT_OF_RANGE', argument, `expected 0 <= events <= n in whole numbers, got ${events} of ${n}`
  )
}
