import { EvaluatorError, requireBetween, requireList, requireSameLength } from '../errors.js'
import { chiSquareUpper, lnGamma } from './special.js'

/** Weight of the prior in units: wide for ordinary trials, narrow around the intended split for large ones. */
const CONCENTRATION = { small: 100, large: 10_000 } as const

/** Beyond, the prior is one that no number can tell from none, or from certainty. */
const CONCENTRATION_RANGE = { min: 1e-6, max: 1e12 } as const

/** Relative weights of arms; outside, a share would be lost in rounding. */
const WEIGHT_RANGE = { min: 1e-9, max: 1e9 } as const

/** Units from which on the large concentration finds a small mismatch sooner. */
const LARGE_UNITS = 50_000

/** Units per arm while the intended split was constant: `weights` are relative (50, 50 is 0.5, 0.5), 1e-9..1e9 each. */
export interface SplitCounts { readonly counts: ArrayLike<number>, readonly weights: ArrayLike<number> }

export interface SampleRatioOptions {
  /** Weight of the prior in units, 1e-6..1e12; by {@link defaultConcentration} over all stages unless given. */
  readonly concentration?: number
  /** Smallest p so far, 0..1; 1 at the first look. */
  readonly pBefore?: number
}

/**
 * What the counts say about the split: `logBayesFactor` for "some other split", `pThisLook` = min(1, 1/Bayes factor),
 * and `p`, the running minimum, which is valid however often one looked.
 */
export interface SampleRatioResult {
  readonly logBayesFactor: number
  readonly pThisLook: number
  readonly p: number
  readonly concentration: number
}

/** Pearson's goodness of fit: `statistic` >= 0, `dof` = arms − 1, `p` 0..1. */
export interface GoodnessOfFit { readonly statistic: number, readonly dof: number, readonly p: number }

/** Prior weight for so many units, all arms and stages together: 100 up to 50,000 units, above 10,000. O(1). */
export function defaultConcentration (units: number): number {
  return units <= LARGE_UNITS ? CONCENTRATION.small : CONCENTRATION.large
}

/**
 * Log Bayes factor of "the split is another one" against "it is as intended" for one stage, any number of arms:
 * ln B(c·w + n) − ln B(c·w) − Σ n_k ln w_k, B the multivariate beta function. Under the intended split
 * e^logBayesFactor is a nonnegative martingale of mean 1: P(it ever reaches 1/α) <= α. Lindon and Malek (2022),
 * "Anytime-valid inference for multinomial count data", NeurIPS. O(arms).
 *
 * @param stage cumulative counts (integers >= 0) and relative weights (1e-9..1e9) of at least two arms
 * @param concentration weight c of the Dirichlet prior in units, 1e-6..1e12
 * @throws EvaluatorError LENGTH_MISMATCH, EMPTY below two arms, or OUT_OF_RANGE, naming the place
 */
export function sampleRatioEvidence (stage: SplitCounts, concentration: number): number {
  const shares = checkStage(stage)
  requireBetween('concentration', concentration, CONCENTRATION_RANGE.min, CONCENTRATION_RANGE.max)
  let units = 0
  let logFactor = 0
  shares.forEach((share, k) => {
    const count = stage.counts[k]!
    if (count === 0) return
    units += count
    logFactor += lnGamma(concentration * share + count) - lnGamma(concentration * share) - count * Math.log(share)
  })
  return units === 0 ? 0 : logFactor + lnGamma(concentration) - lnGamma(concentration + units)
}

/**
 * Sequential test for a sample-ratio mismatch: do the arms get the traffic that they should? The log Bayes factors of
 * the stages of a ramp are added up (each stage has its own intended split). A mismatch is usually claimed at p < 0.001
 * and makes every comparison void. Without a given concentration a run that grows past 50,000 units is tested with two
 * priors, one after the other; its error level is then at most doubled. O(stages · arms).
 *
 * @param stages one entry per span of constant intended split; none at all is no evidence, p 1
 * @param options prior weight, and the running minimum of p from the look before
 * @throws EvaluatorError as {@link sampleRatioEvidence}, or OUT_OF_RANGE when pBefore is not 0..1
 */
export function testSampleRatio (
  stages: readonly SplitCounts[], { concentration, pBefore = 1 }: SampleRatioOptions = {}
): SampleRatioResult {
  requireBetween('pBefore', pBefore, 0, 1)
  let units = 0
  requireList('stages', stages)
  for (const { counts } of stages) {
    requireList('counts', counts)
    for (let k = 0; k < counts.length; k++) units += counts[k]!
  }
  const prior = concentration ?? defaultConcentration(units)
  const logBayesFactor = stages.reduce((sum, stage) => sum + sampleRatioEvidence(stage, prior), 0)
  const pThisLook = Math.min(1, Math.exp(-logBayesFactor))
  return { logBayesFactor, pThisLook, p: Math.min(pBefore, pThisLook), concentration: prior }
}

/**
 * Chi-square goodness of fit of one stage's counts to its weights, for people who expect that figure: Pearson (1900),
 * Σ (n_k − n·w_k)²/(n·w_k) on arms − 1 degrees of freedom, upper tail. It is valid at one look only: after 100 looks at
 * level 0.05 it raises a false alarm in a third of all trials. No unit at all: statistic 0, p 1. O(arms).
 *
 * @param stage counts and relative weights of at least two arms
 * @throws EvaluatorError as {@link sampleRatioEvidence}
 */
export function chiSquareSampleRatio (stage: SplitCounts): GoodnessOfFit {
  const shares = checkStage(stage)
  const units = shares.reduce((sum, _, k) => sum + stage.counts[k]!, 0)
  const dof = shares.length - 1
  if (units === 0) return { statistic: 0, dof, p: 1 }
  const statistic = shares.reduce((sum, share, k) =>
    sum + (stage.counts[k]! - units * share) ** 2 / (units * share), 0)
  return { statistic, dof, p: chiSquareUpper(statistic, dof) }
}

/** The shares that the weights stand for. */
function checkStage ({ counts, weights }: SplitCounts): number[] {
  requireSameLength(['counts', counts], ['weights', weights])
  if (counts.length < 2) throw new EvaluatorError('EMPTY', 'counts', `expected at least 2 arms, got ${counts.length}`)
  let total = 0
  for (let k = 0; k < counts.length; k++) {
    const [count, weight] = [counts[k]!, weights[k]!]
    if (!(Number.isSafeInteger(count) && count >= 0)) {
      throw new EvaluatorError('OUT_OF_RANGE', `counts[${k}]`, `expected an integer of at least 0, got ${count}`)
    }
    requireBetween(`weights[${k}]`, weight, WEIGHT_RANGE.min, WEIGHT_RANGE.max)
    total += weight
  }
  return Array.from(weights, (weight) => weight / total)
}
