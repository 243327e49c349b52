import { EvaluatorError, finiteOr, requireBetween, requireChoice } from '../errors.js'
import { noncentralTOutside } from './noncentral-t.js'
import { boundary } from './roots.js'
import { normalQuantile, normalUpper } from './special.js'
import { studentCritical } from './welch.js'

/** Greatest standardised effect for the t test: any greater one is seen in the smallest of samples. */
const STANDARDISED_MAX = 100

/** Where the search for a sample size begins: barely more than one unit, where a t test sees nothing. */
const LEAST_PER_ARM = 1.01

const RELATIVE_ERROR = 1e-10

/** Least error level: below, half of it is no longer a number that has a normal quantile. */
const ALPHA_MIN = 1e-300

/** A fixed-sample comparison of means. Read once, at the planned size: looking early needs a sequence instead. */
export interface MeanPlan {
  /** Difference to detect, or the distance from the assumed truth to the margin; the metric's unit, > 0. */
  readonly effect: number
  /** Standard deviation of one unit (of a difference, where pairs are compared), the metric's unit, > 0. */
  readonly sd: number
  /** Error level, 1e-300 <= alpha < 1; two-sided unless `sides` is 1. */
  readonly alpha: number
  /** Probability of detecting the effect, alpha < power < 1. */
  readonly power: number
  /** 1 for a non-inferiority (one-sided) test, default 2. */
  readonly sides?: 1 | 2
}

const METHODS = ['unpooled', 'pooled', 'arcsine'] as const

/** A fixed-sample, two-sided comparison of proportions p1 ≠ p2, each between 0 and 1; levels as {@link MeanPlan}. */
export interface ProportionPlan {
  readonly p1: number
  readonly p2: number
  readonly alpha: number
  readonly power: number
  /** Variance under the alternative alone (default), pooled under the null, or stabilised by the arcsine. */
  readonly method?: typeof METHODS[number]
}

/**
 * Units per arm for a comparison of two means by the normal approximation: 2(z_{1−α/sides} + z_{power})²·sd²/effect², a
 * real number to be rounded up. With one side this is the non-inferiority test. Chow, Shao, Wang, Lokhnygina (2017),
 * Sample Size Calculations in Clinical Research, ch. 3. O(1).
 *
 * @throws EvaluatorError OUT_OF_RANGE when a field is outside its range
 */
export function samplesPerArm (plan: MeanPlan): number {
  return finiteOr('sd', 2 * samplePairs(plan))
}

/**
 * Pairs for a comparison of two models on the same inputs, by the normal approximation:
 * (z_{1−α/sides} + z_{power})²·sd²/effect² with the standard deviation of the differences; a real number. Source as
 * {@link samplesPerArm}. O(1).
 *
 * @throws EvaluatorError OUT_OF_RANGE when a field is outside its range
 */
export function samplePairs (plan: MeanPlan): number {
  requirePositive('effect', plan.effect)
  requirePositive('sd', plan.sd)
  return finiteOr('sd', (quantileSum(plan) * (plan.sd / plan.effect)) ** 2)
}

/**
 * Units per arm of the two-sided t test with equal variances: the real n > 1 at which the noncentral t distribution
 * with 2n − 2 degrees of freedom and noncentrality effect/sd·√(n/2) leaves `power` outside both critical values; by
 * bisection, relative error 1e-10. Cohen (1988), Statistical Power Analysis, ch. 2. O(log n · (1 + effect/sd)).
 *
 * @param plan two-sided; effect/sd <= 100
 * @throws EvaluatorError OUT_OF_RANGE when a field is outside its range
 */
export function samplesPerArmOfT (plan: Omit<MeanPlan, 'sides'>): number {
  const start = samplesPerArm(plan)
  const standardised = plan.effect / plan.sd
  requireBetween('effect / sd', standardised, Number.MIN_VALUE, STANDARDISED_MAX)
  const isWeak = (n: number): boolean => tPower(standardised, plan.alpha, n) < plan.power
  let weak = isWeak(Math.max(LEAST_PER_ARM, start)) ? Math.max(LEAST_PER_ARM, start) : LEAST_PER_ARM
  let enough = Math.max(2, 1.01 * start) + 1
  while (isWeak(enough)) [weak, enough] = [enough, 2 * enough]
  while (enough - weak > RELATIVE_ERROR * enough) {
    const middle = (weak + enough) / 2
    if (isWeak(middle)) weak = middle
    else enough = middle
  }
  return enough
}

/**
 * Probability that a two-sided (or one-sided) normal test of two means, `perArm` units each, detects the effect; both
 * tails count. 0..1, rises in n and in the effect. O(1).
 *
 * @param plan as {@link MeanPlan}, without power
 * @param perArm units per arm, > 0
 * @throws EvaluatorError OUT_OF_RANGE when a field is outside its range
 */
export function powerAt (plan: Omit<MeanPlan, 'power'>, perArm: number): number {
  requirePositive('effect', plan.effect)
  requirePositive('sd', plan.sd)
  requirePositive('perArm', perArm)
  const sides = plan.sides ?? 2
  const critical = criticalValue(plan.alpha, sides)
  const distance = plan.effect / plan.sd * Math.sqrt(perArm / 2)
  return sides === 2 ? bothTails(critical, distance) : normalUpper(critical - distance)
}

/**
 * Least effect that a fixed-sample comparison with `perArm` units per arm detects with the given power:
 * (z_{1−α/sides} + z_{power})·sd·√(2/n), in the metric's unit; the inverse of {@link samplesPerArm}. O(1).
 *
 * @param plan as {@link MeanPlan}, without effect
 * @param perArm units per arm, > 0
 * @throws EvaluatorError OUT_OF_RANGE when a field is outside its range
 */
export function detectableEffect (plan: Omit<MeanPlan, 'effect'>, perArm: number): number {
  requirePositive('sd', plan.sd)
  requirePositive('perArm', perArm)
  return finiteOr('sd', quantileSum(plan) * plan.sd * Math.sqrt(2 / perArm))
}

/**
 * Units per arm for a two-sided comparison of two proportions, a real number to be rounded up: with the variance of the
 * alternative (unpooled), with that of the null under the critical value (pooled; Fleiss, Levin, Paik (2003),
 * Statistical Methods for Rates and Proportions, eq. 4.14), or for Cohen's h = 2 asin √p2 − 2 asin √p1 (arcsine; Cohen
 * (1988), ch. 6), where the power counts both tails. O(1).
 *
 * @throws EvaluatorError OUT_OF_RANGE when a field is outside its range or p1 equals p2
 */
export function proportionSamplesPerArm (plan: ProportionPlan): number {
  const { p1, p2, alpha, power, method = 'unpooled' } = plan
  for (const [name, p] of [['p1', p1], ['p2', p2]] as const) requireBetween(name, p, Number.MIN_VALUE, 1 - Number.EPSILON)
  if (p1 === p2) throw new EvaluatorError('OUT_OF_RANGE', 'p2', `expected another proportion than p1, got ${p2} twice`)
  requireChoice('method', method, METHODS)
  const sum = quantileSum({ alpha, power })
  const variance = p1 * (1 - p1) + p2 * (1 - p2)
  if (method === 'unpooled') return sum ** 2 * variance / (p1 - p2) ** 2
  if (method === 'arcsine') return 2 * (twoTailedDistance(alpha, power) / effectSizeH(p1, p2)) ** 2
  const critical = criticalValue(alpha, 2)
  const mean = (p1 + p2) / 2
  return ((critical * Math.sqrt(2 * mean * (1 - mean)) + (sum - critical) * Math.sqrt(variance)) / (p1 - p2)) ** 2
}

/** Cohen's h. */
function effectSizeH (p1: number, p2: number): number {
  return 2 * Math.asin(Math.sqrt(p2)) - 2 * Math.asin(Math.sqrt(p1))
}

/** How many standard errors the truth must lie from the null for a two-sided normal test to have the power. */
function twoTailedDistance (alpha: number, power: number): number {
  const critical = criticalValue(alpha, 2)
  const isWeak = (distance: number): boolean => bothTails(critical, distance) < power
  return boundary(isWeak, 0, 2 * critical + Math.abs(normalQuantile(power)))
}

function bothTails (critical: number, distance: number): number {
  return normalUpper(critical - distance) + normalUpper(critical + distance)
}

/** Probability that |T| exceeds its critical value when the standardised effect is true. */
function tPower (standardised: number, alpha: number, n: number): number {
  const df = 2 * n - 2
  const critical = studentCritical(alpha / 2, df)
  const delta = standardised * Math.sqrt(n / 2)
  return noncentralTOutside(critical, df, delta)
}

/** z_{1−α/sides} + z_{power}: positive, or no unit at all would have the power. */
function quantileSum ({ alpha, power, sides = 2 }: { alpha: number, power: number, sides?: 1 | 2 }): number {
  const critical = criticalValue(alpha, sides)
  if (typeof power === 'number' && power > alpha && power < 1) return critical + normalQuantile(power)
  throw new EvaluatorError('OUT_OF_RANGE', 'power', `expected a number between alpha (${alpha}) and 1, got ${power}`)
}

function criticalValue (alpha: number, sides: 1 | 2): number {
  requireBetween('alpha', alpha, ALPHA_MIN, 1 - Number.EPSILON)
  if (sides !== 1 && sides !== 2) throw new EvaluatorError('OUT_OF_RANGE', 'sides', `expected 1 or 2, got ${String(sides)}`)
  return -normalQuantile(alpha / sides)
}

function requirePositive (argument: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return
  throw new EvaluatorError('OUT_OF_RANGE', argument, `expected a finite number above 0, got ${value}`)
}
