import { EvaluatorError, requireList } from '../errors.js'
import { requireInside } from './open-interval.js'
import { boundary } from './roots.js'
import { lnBeta } from './special.js'
import { usableStrata, type ArmMean, type StratifiedMeans } from './strata.js'

/** `events` of `n` units had the event; integers, 0 <= events <= n. */
export interface Tally { readonly events: number, readonly n: number }

/** The tallies of both arms over a span of constant split. */
export interface TallyStratum { readonly champion: Tally, readonly challenger: Tally }

/**
 * Exact confidence sequence for one proportion: the p for which the beta(½, ½) mixture has not outgrown the binomial
 * likelihood, {p: ln B(½+x, ½+n−x) − ln B(½, ½) − x ln p − (n−x) ln(1−p) < ln(2/alpha)}, by bisection. It covers the
 * truth at every n at once with probability 1 − alpha/2 (Ville's inequality, no approximation), so that the
 * differences of two arms' bounds hold together with probability 1 − alpha. Robbins (1970), Ann. Math. Stat.
 * 41:1397-1409; prior of Krichevsky and Trofimov (1981).
 *
 * With no event the upper bound solves −n ln(1−p) = ln(2/alpha) + ln B(½, ½) − ln B(½, ½+n); the bounds are then [0,
 * upper]. O(1), about 60 halvings per bound.
 *
 * @param tally the arm's counts; no unit at all gives [0, 1]
 * @param alpha error level of the pair of arms, 0 < alpha < 1
 * @throws EvaluatorError OUT_OF_RANGE when the tally is not 0 <= events <= n in integers, or alpha is outside (0, 1)
 */
export function proportionSequence (tally: Tally, alpha: number): { lower: number, upper: number } {
  checkTally('tally', tally)
  requireInside('alpha', alpha, 0, 1)
  const { events, n } = tally
  if (n === 0) return { lower: 0, upper: 1 }
  const limit = Math.log(2 / alpha) - lnBeta(0.5 + events, 0.5 + n - events) + lnBeta(0.5, 0.5)
  const isInside = (p: number): boolean => -times(events, Math.log(p)) - times(n - events, Math.log1p(-p)) < limit
  const rate = events / n
  return {
    lower: events === 0 ? 0 : boundary(isInside, rate, 0),
    upper: events === n ? 1 : boundary(isInside, rate, 1)
  }
}

/**
 * Agresti-Caffo proportions of both arms, stratified. Agresti and Caffo (2000), Am. Stat. 54:280-288, add one event
 * and one non-event to each arm: p = (x+1)/(n+2), variance p(1−p)/(n+2). Here each arm's +1 and +2 are spread over its
 * strata in proportion to their size: p_g = (x_g + n_g/n)/(n_g + 2n_g/n), so that one stratum gives exactly
 * Agresti-Caffo and many small strata shrink the difference no more than one large one would. For the same reason a
 * stratum's variance p_g(1−p_g)/(n_g + 2n_g/n) is multiplied by (1 − 1/n)/(1 − 1/n_g): 1 for a single stratum, and the
 * usual n_g − 1 for many. Strata weigh w = n_A + n_B and are skipped as in `stratifiedMeans`. O(strata).
 *
 * @returns the stratified proportions, ready for `difference`; null when no stratum is left
 * @throws EvaluatorError OUT_OF_RANGE when a tally is not 0 <= events <= n in integers
 */
export function stratifiedProportions (strata: readonly TallyStratum[]): StratifiedMeans | null {
  requireList('strata', strata)
  strata.forEach(({ champion, challenger }, g) => {
    checkTally(`strata[${g}].champion`, champion)
    checkTally(`strata[${g}].challenger`, challenger)
  })
  const usable = usableStrata(strata)
  if (usable.length === 0) return null
  const weights = usable.map(({ champion, challenger }) => champion.n + challenger.n)
  return {
    champion: pooled(usable.map(({ champion }) => champion), weights),
    challenger: pooled(usable.map(({ challenger }) => challenger), weights),
    n: weights.reduce((total, w) => total + w, 0),
    used: usable.length,
    skipped: strata.length - usable.length
  }
}

/**
 * Events to expect in the arm that expects fewest if both arms had the same rate: the least over arms of Σ events_g ·
 * (arm's share of the units of stratum g). With one stratum: total events × smaller share. An event is the rarer of
 * the two values over all strata, so that an accuracy of 1 counts like an error rate of 0. Strata that
 * `stratifiedProportions` would skip do not count; without any other the answer is 0. O(strata).
 * @throws EvaluatorError OUT_OF_RANGE when a tally is not 0 <= events <= n in integers
 */
export function expectedEvents (strata: readonly TallyStratum[]): number {
  requireList('strata', strata)
  strata.forEach(({ champion, challenger }, g) => {
    checkTally(`strata[${g}].champion`, champion)
    checkTally(`strata[${g}].challenger`, challenger)
  })
  const usable = usableStrata(strata)
  const events = usable.reduce((sum, { champion, challenger }) => sum + champion.events + challenger.events, 0)
  const units = usable.reduce((sum, { champion, challenger }) => sum + champion.n + challenger.n, 0)
  const isRarer = 2 * events <= units
  let [expectedChampion, expectedChallenger] = [0, 0]
  for (const { champion, challenger } of usable) {
    const n = champion.n + challenger.n
    const x = champion.events + challenger.events
    const rare = isRarer ? x : n - x
    expectedChampion += rare * champion.n / n
    expectedChallenger += rare * challenger.n / n
  }
  return Math.min(expectedChampion, expectedChallenger)
}

function pooled (tallies: readonly Tally[], weights: readonly number[]): ArmMean {
  const n = tallies.reduce((sum, tally) => sum + tally.n, 0)
  const total = weights.reduce((sum, w) => sum + w, 0)
  let mean = 0
  let varianceOfMean = 0
  tallies.forEach((tally, g) => {
    const share = weights[g]! / total
    const size = tally.n + 2 * tally.n / n
    const p = (tally.events + tally.n / n) / size
    mean += share * p
    varianceOfMean += share * share * p * (1 - p) / size * (1 - 1 / n) / (1 - 1 / tally.n)
  })
  return { n, mean, varianceOfMean }
}

function checkTally (argument: string, { events, n }: Tally): void {
  if (!(Number.isSafeInteger(events) && Number.isSafeInteger(n) && events >= 0 && events <= n)) {
    throw new EvaluatorError('OUT_OF_RANGE', argument, `a tally needs integers 0 <= events <= n, got ${events} of ${n}`)
  }
}

/** count · ln p with 0 · ln 0 = 0. */
function times (count: number, lnP: number): number {
  return count === 0 ? 0 : count * lnP
}
