import { EvaluatorError, requireList } from '../errors.js'

/**
 * Which null hypotheses fall at level `q`: those whose adjusted p-value is at most q, in input order. O(n).
 *
 * @param adjusted p-values adjusted by one of the functions of this module, each 0..1
 * @param q the level, 0 < q < 1: a false discovery rate after {@link benjaminiHochberg} or {@link benjaminiYekutieli},
 *   a family-wise error rate after {@link holm} or {@link bonferroni}
 * @throws EvaluatorError OUT_OF_RANGE or NOT_FINITE, naming the place
 */
export function rejectAt (adjusted: ArrayLike<number>, q: number): boolean[] {
  if (!(typeof q === 'number' && q > 0 && q < 1)) throw new EvaluatorError('OUT_OF_RANGE', 'q', `expected a number between 0 and 1, got ${q}`)
  return Array.from(requireProbabilities('adjusted', adjusted), (p) => p <= q)
}

/**
 * p-values adjusted so that rejecting those at most q keeps the expected share of false rejections at most q, for
 * independent (or positively dependent) tests: min over the larger ones of p·n/rank, at most 1, in input order. An
 * empty list gives an empty list. Benjamini, Hochberg (1995), J. R. Stat. Soc. B 57:289-300. O(n log n).
 *
 * @param p p-values, each 0..1
 * @throws EvaluatorError OUT_OF_RANGE or NOT_FINITE, naming the place
 */
export function benjaminiHochberg (p: ArrayLike<number>): number[] {
  return stepUp(p, 1)
}

/**
 * As {@link benjaminiHochberg}, valid under any dependence of the tests: multiplied by 1 + 1/2 + … + 1/n. Benjamini,
 * Yekutieli (2001), Ann. Statist. 29:1165-1188. O(n log n).
 *
 * @param p p-values, each 0..1; an empty list gives an empty list
 * @throws EvaluatorError OUT_OF_RANGE or NOT_FINITE, naming the place
 */
export function benjaminiYekutieli (p: ArrayLike<number>): number[] {
  requireList('p', p)
  let harmonic = 0
  for (let i = 1; i <= p.length; i++) harmonic += 1 / i
  return stepUp(p, harmonic)
}

/**
 * p-values adjusted so that rejecting those at most q keeps the chance of any false rejection at most q, whatever the
 * dependence: max over the smaller ones of p·(n − rank + 1), at most 1, in input order. Never above
 * {@link bonferroni}. Holm (1979), Scand. J. Statist. 6:65-70. O(n log n).
 *
 * @param p p-values, each 0..1; an empty list gives an empty list
 * @throws EvaluatorError OUT_OF_RANGE or NOT_FINITE, naming the place
 */
export function holm (p: ArrayLike<number>): number[] {
  const order = ascending(p)
  const adjusted = new Array<number>(p.length)
  let greatest = 0
  order.forEach((place, i) => {
    greatest = Math.max(greatest, p[place]! * (p.length - i))
    adjusted[place] = Math.min(1, greatest)
  })
  return adjusted
}

/**
 * p-values times their number, at most 1: rejecting those at most q keeps the chance of any false rejection at most q,
 * whatever the dependence. Dunn (1961), J. Am. Stat. Assoc. 56:52-64. O(n).
 *
 * @param p p-values, each 0..1; an empty list gives an empty list
 * @throws EvaluatorError OUT_OF_RANGE or NOT_FINITE, naming the place
 */
export function bonferroni (p: ArrayLike<number>): number[] {
  return Array.from(requireProbabilities('p', p), (each) => Math.min(1, each * p.length))
}

function stepUp (p: ArrayLike<number>, factor: number): number[] {
  const order = ascending(p)
  const adjusted = new Array<number>(p.length)
  let least = 1
  for (let i = order.length - 1; i >= 0; i--) {
    const place = order[i]!
    // Divided by rank/n, which is exactly 1 for the last: a list of equal p-values keeps them to the last digit.
    least = Math.min(least, p[place]! / ((i + 1) / p.length / factor))
    adjusted[place] = least
  }
  return adjusted
}

/** Places of the p-values in ascending order of value. */
function ascending (p: ArrayLike<number>): Uint32Array {
  const values = requireProbabilities('p', p)
  return Uint32Array.from(values, (_, i) => i).sort((i, j) => values[i]! - values[j]!)
}

function requireProbabilities (argument: string, values: ArrayLike<number>): ArrayLike<number> {
  requireList(argument, values)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (typeof value === 'number' && value >= 0 && value <= 1) continue
    const code = Number.isFinite(value) ? 'OUT_OF_RANGE' : 'NOT_FINITE'
    throw new EvaluatorError(code, `${argument}[${i}]`, `expected a probability from 0 to 1, got ${String(value)}`)
  }
  return values
}
