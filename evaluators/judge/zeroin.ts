import { requireBetween } from '../errors.js'

/** A function's value at one end of a bracket, or at any other place. */
export interface Point { readonly at: number, readonly value: number }

export interface ZeroinOptions {
  /** Half of this is how close two ends must come before the search ends; > 0, in the unit of the argument. */
  readonly tolerance: number
  /** Evaluations after which the best point so far is returned. */
  readonly stepsMax: number
}

/**
 * Root of `f` between two points, by Brent's method as the netlib C routine `zeroin` (which R's `uniroot` uses) steps:
 * inverse quadratic interpolation through three points, the secant through two, bisection when neither helps enough.
 * It ends when half of the bracket is at most 2·2⁻⁵²·|b| + tolerance/2, or f(b) is 0. On a step function the point it
 * ends at depends on its path, so the path is kept to the letter: the order of the comparisons below matters, and
 * without a change of sign at the ends it still ends somewhere. At most `stepsMax` calls of `f`.
 *
 * Brent (1973), Algorithms for Minimization without Derivatives, chapter 4.
 *
 * @param f the function; whatever it throws passes through
 * @param low one end with its value
 * @param high the other end
 * @returns the end of the last bracket with the value nearer to 0
 * @throws EvaluatorError OUT_OF_RANGE when the tolerance is not finite and above 0
 */
export function zeroin (f: (x: number) => number, low: Point, high: Point, options: ZeroinOptions): number {
  const { tolerance, stepsMax } = options
  requireBetween('tolerance', tolerance, Number.MIN_VALUE, Number.MAX_VALUE)
  // The root lies between `best` and `across`; `previous` is where `best` was one step ago.
  let [previous, best, across] = [low, high, low]
  for (let step = 0; step < stepsMax; step++) {
    const lastMove = best.at - previous.at
    if (Math.abs(across.value) < Math.abs(best.value)) [previous, best, across] = [best, across, best]
    const leastMove = 2 * Number.EPSILON * Math.abs(best.at) + tolerance / 2
    const halfway = (across.at - best.at) / 2
    if (Math.abs(halfway) <= leastMove || Math.abs(best.value) <= Number.MIN_VALUE) return best.at

    const isTrusted = Math.abs(lastMove) >= leastMove && Math.abs(previous.value) > Math.abs(best.value)
    let move = (isTrusted ? interpolate(previous, best, across, { lastMove, leastMove }) : null) ?? halfway
    if (Math.abs(move) < leastMove) move = move > 0 ? leastMove : -leastMove
    previous = best
    const at = best.at + move
    best = { at, value: f(at) }
    if (isSameSign(best.value, across.value)) across = previous
  }
  return best.at
}

/** The step that interpolation suggests, or null where it goes too far or gains less than halving. */
function interpolate (
  previous: Point, best: Point, across: Point, { lastMove, leastMove }: { lastMove: number, leastMove: number }
): number | null {
  const toAcross = across.at - best.at
  let p: number
  let q: number
  if (previous.at === across.at) {
    const ratio = best.value / previous.value
    p = toAcross * ratio
    q = 1 - ratio
  } else {
    const r = previous.value / across.value
    const s = best.value / across.value
    const t = best.value / previous.value
    p = t * (toAcross * r * (r - s) - (best.at - previous.at) * (s - 1))
    q = (r - 1) * (s - 1) * (t - 1)
  }
  if (p > 0) q = -q
  else p = -p
  const isInside = p < 0.75 * toAcross * q - Math.abs(leastMove * q) / 2
  return isInside && p < Math.abs(lastMove * q / 2) ? p / q : null
}

function isSameSign (a: number, b: number): boolean {
  return (a > 0 && b > 0) || (a < 0 && b < 0)
}
