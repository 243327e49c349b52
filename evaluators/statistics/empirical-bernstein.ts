import { EvaluatorError, requireBetween, requireList } from '../errors.js'
import { requireInside } from './open-interval.js'

/** What an empirical-Bernstein sequence is set up with, before its first value. */
export interface EmpiricalBernsteinOptions {
  /** Error level of the two-sided sequence, 1e-300 < alpha < 1; 0.05 unless given. */
  readonly alpha?: number
  /** Largest bet λ, 1e-100 < lambdaCap < 1; 0.5 unless given. */
  readonly lambdaCap?: number
  /**
   * Least and greatest possible value, min < max, at most 1e150 apart; 0 and 1 unless given (−1 and 1 for paired
   * differences).
   */
  readonly min?: number
  readonly max?: number
}

/**
 * State of an {@link EmpiricalBernstein}: its set-up, and over its `n` values, scaled to x in 0..1, `sum` = Σx,
 * `squares` = Σ(x_i − μ_i)², `bets` = Σλ, `bettedSum` = Σλx, `penalty` = Σvψ; `lowest` and `highest` bound the running
 * intersection on the scale of x.
 */
export interface EmpiricalBernsteinJson {
  readonly alpha: number
  readonly lambdaCap: number
  readonly min: number
  readonly max: number
  readonly n: number
  readonly sum: number
  readonly squares: number
  readonly bets: number
  readonly bettedSum: number
  readonly penalty: number
  readonly lowest: number
  readonly highest: number
}

/**
 * Interval at one look, in the unit of the values: center ± halfWidth, cut to what is possible. `sumLambda` has no
 * unit. Without a value, center and halfWidth are null and the interval is the whole range.
 */
export interface EmpiricalBernsteinInterval {
  readonly center: number | null
  readonly halfWidth: number | null
  readonly lower: number
  readonly upper: number
  readonly sumLambda: number
}

/** Bounds of the set-up: beyond, the width of the interval leaves the range of a number. */
const [ALPHA_MIN, LAMBDA_MIN, RANGE_MAX] = [1e-300, 1e-100, 1e150]

const SUMS = ['sum', 'squares', 'bets', 'bettedSum', 'penalty'] as const

/**
 * Confidence sequence for the mean of bounded values that holds exactly at every sample size, however small or skewed
 * the sample: the predictable plug-in empirical-Bernstein sequence. Waudby-Smith and Ramdas (2024), "Estimating means
 * of bounded random variables by betting", J. R. Stat. Soc. B 86(1):1-27, theorem 2. With x scaled to 0..1,
 * μ_t = (½ + Σx)/(t+1), s²_t = (¼ + Σ(x_i − μ_i)²)/(t+1), λ_t = min(√(2 ln(2/α)/(s²_{t−1} t ln(1+t))), cap),
 * ψ = (−ln(1−λ) − λ)/4, v_t = 4(x_t − μ_{t−1})²: the interval is Σλx/Σλ ± (ln(2/α) + Σvψ)/Σλ.
 *
 * The values arrive in the order in which they were observed and each has the same conditional mean given those
 * before; the interval depends on the order. For one bound at level a take that bound of a sequence with alpha = 2a:
 * each side spends half of alpha. State is twelve numbers, O(1) per value.
 */
export class EmpiricalBernstein {
  readonly #options: Required<EmpiricalBernsteinOptions>
  #n = 0
  #sum = 0
  #squares = 0
  #bets = 0
  #bettedSum = 0
  #penalty = 0
  #lowest = 0
  #highest = 1

  /**
   * @param options error level, cap of the bets and range of the values
   * @throws EvaluatorError OUT_OF_RANGE when alpha or lambdaCap is not between 0 and 1, or the range is not finite and
   * of some length
   */
  constructor ({ alpha = 0.05, lambdaCap = 0.5, min = 0, max = 1 }: EmpiricalBernsteinOptions = {}) {
    requireInside('alpha', alpha, ALPHA_MIN, 1)
    requireInside('lambdaCap', lambdaCap, LAMBDA_MIN, 1)
    if (!(Number.isFinite(min) && Number.isFinite(max) && max > min && max - min <= RANGE_MAX)) {
      throw new EvaluatorError('OUT_OF_RANGE', 'max', `expected a range of finite length above min ${min}, got ${max}`)
    }
    this.#options = { alpha, lambdaCap, min, max }
  }

  /** How many values were taken in. */
  get count (): number {
    return this.#n
  }

  /**
   * Takes in the next value. O(1).
   *
   * @param value from min to max, in the unit of both
   * @throws EvaluatorError OUT_OF_RANGE when it lies outside or is NaN; nothing is changed then
   */
  add (value: number): void {
    const { alpha, lambdaCap, min, max } = this.#options
    requireBetween('value', value, min, max)
    const x = Math.min(1, (value - min) / (max - min))
    const t = this.#n + 1
    const lambda = Math.min(Math.sqrt(2 * Math.log(2 / alpha) / (this.#variance() * t * Math.log1p(t))), lambdaCap)
    this.#penalty += (x - this.#mean()) ** 2 * (-Math.log1p(-lambda) - lambda)
    this.#bets += lambda
    this.#bettedSum += lambda * x
    this.#n = t
    this.#sum += x
    this.#squares += (x - this.#mean()) ** 2
    const { center, half } = this.#scaled()
    this.#lowest = Math.max(this.#lowest, center - half)
    this.#highest = Math.min(this.#highest, center + half)
  }

  /** The interval at this look alone. It covers the mean at every look at once with probability 1 − alpha. O(1). */
  interval (): EmpiricalBernsteinInterval {
    const { min, max } = this.#options
    if (this.#n === 0) return { center: null, halfWidth: null, lower: min, upper: max, sumLambda: 0 }
    const { center, half } = this.#scaled()
    return {
      center: this.#unscaled(center),
      halfWidth: half * (max - min),
      lower: center - half <= 0 ? min : this.#unscaled(center - half),
      upper: center + half >= 1 ? max : this.#unscaled(center + half),
      sumLambda: this.#bets
    }
  }

  /**
   * The part that the intervals at all looks so far have in common: shorter, and as valid while the mean stays what it
   * was. Null when they have nothing in common: then the mean moved, or an event of probability alpha happened. O(1).
   */
  intersection (): { lower: number, upper: number } | null {
    if (this.#lowest > this.#highest) return null
    const { min, max } = this.#options
    return {
      lower: this.#lowest === 0 ? min : this.#unscaled(this.#lowest),
      upper: this.#highest === 1 ? max : this.#unscaled(this.#highest)
    }
  }

  /** The state as plain JSON. O(1). */
  toJSON (): EmpiricalBernsteinJson {
    return {
      ...this.#options,
      n: this.#n,
      sum: this.#sum,
      squares: this.#squares,
      bets: this.#bets,
      bettedSum: this.#bettedSum,
      penalty: this.#penalty,
      lowest: this.#lowest,
      highest: this.#highest
    }
  }

  /**
   * The sequence that gave the JSON; it goes on as if it had never been away. O(1).
   * @throws EvaluatorError MALFORMED when a field is not a number that a sequence could have written, OUT_OF_RANGE for
   * the set-up
   */
  static fromJSON (json: EmpiricalBernsteinJson): EmpiricalBernstein {
    const sequence = new EmpiricalBernstein(json)
    if (!(Number.isSafeInteger(json.n) && json.n >= 0)) throw malformed('n', json.n)
    for (const field of SUMS) {
      if (!(json[field] >= 0 && json[field] < Infinity)) throw malformed(field, json[field])
    }
    for (const field of ['lowest', 'highest'] as const) {
      if (!Number.isFinite(json[field])) throw malformed(field, json[field])
    }
    if (json.n > 0 && !(json.bets > 0)) throw malformed('bets', json.bets)
    sequence.#n = json.n
    sequence.#sum = json.sum
    sequence.#squares = json.squares
    sequence.#bets = json.bets
    sequence.#bettedSum = json.bettedSum
    sequence.#penalty = json.penalty
    sequence.#lowest = json.lowest
    sequence.#highest = json.highest
    return sequence
  }

  #mean (): number {
    return (0.5 + this.#sum) / (this.#n + 1)
  }

  #variance (): number {
    return (0.25 + this.#squares) / (this.#n + 1)
  }

  #scaled (): { center: number, half: number } {
    const half = (Math.log(2 / this.#options.alpha) + this.#penalty) / this.#bets
    return { center: this.#bettedSum / this.#bets, half }
  }

  #unscaled (x: number): number {
    const { min, max } = this.#options
    return min + (max - min) * x
  }
}

/**
 * The interval after all values of a list, taken in their order; see {@link EmpiricalBernstein}. O(n).
 *
 * @param values from min to max; none at all gives the whole range
 * @param options error level, cap of the bets and range of the values
 * @throws EvaluatorError OUT_OF_RANGE for a value (naming its place) or an option
 */
export function empiricalBernsteinInterval (
  values: ArrayLike<number>, options: EmpiricalBernsteinOptions = {}
): EmpiricalBernsteinInterval {
  const sequence = new EmpiricalBernstein(options)
  const { min = 0, max = 1 } = options
  requireList('values', values)
  for (let i = 0; i < values.length; i++) {
    requireBetween(`values[${i}]`, values[i]!, min, max)
    sequence.add(values[i]!)
  }
  return sequence.interval()
}

function malformed (field: string, value: unknown): EvaluatorError {
  return new EvaluatorError('MALFORMED', field, `not one that a sequence could have written: ${String(value)}`)
}
