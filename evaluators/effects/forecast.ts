import { normalQuantile } from '../statistics/special.js'
import type { Sign } from './effect.js'

/** Precision of a forecast that extrapolates a rate. */
export const RATE_PRECISION = 0.005

/** Beyond this many further units a trial is as good as endless. */
const STEP_MAX = 1e12

/**
 * The smallest whole number at which a predicate holds, by doubling and bisection; for a predicate that holds from some
 * point on. O(log) calls.
 *
 * @param precision how much too large the answer may be, as a fraction of it: a forecast from noisy rates needs no
 * digits; 0 is exact
 * @returns null when it does not hold at 1e12
 */
export function smallestStep (holds: (step: number) => boolean, precision: number): number | null {
  if (holds(0)) return 0
  let [fails, step] = [0, 1]
  while (!holds(step)) {
    if (step >= STEP_MAX) return null
    fails = step
    step = Math.min(STEP_MAX, 4 * step)
  }
  while (step - fails > Math.max(1, precision * step)) {
    const middle = Math.floor((fails + step) / 2)
    if (holds(middle)) step = middle
    else fails = middle
  }
  return step
}

/**
 * A count of events as bad for the challenger as only 1 − power of all trials have it: the expected count, moved by the
 * normal quantile of its standard deviation, more of what is bad, less of what is good; from 0 to n.
 */
export function unfavourable (expected: number, variance: number, power: number, sign: Sign, n: number): number {
  const z = power === 0.5 ? 0 : normalQuantile(power)
  return Math.min(n, Math.max(0, Math.round(expected - sign * z * Math.sqrt(variance))))
}
