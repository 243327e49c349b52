import { EvaluatorError } from '../errors.js'
import { EmpiricalBernstein, type EmpiricalBernsteinJson } from '../statistics/empirical-bernstein.js'
import {
  clusterVariance, requestVariance, requireMoments, varianceOfMean, type MomentsSummary
} from '../statistics/moments.js'
import { requirePairMoments } from '../statistics/pair-moments.js'
import { ratioMean } from '../statistics/ratio.js'
import { samplesToDecide } from '../statistics/power.js'
import type { MetricSpec, PairEvidence } from '../verdict/spec.js'
import { gateOf, isRelative, signOf, type Effect, type EffectOptions, type Question, type Unmet } from './effect.js'
import { isClearOfZero } from './means.js'
import { sequenceEffect } from './sequence.js'

/** Pairs from which on the asymptotic sequence is trusted with bounded scores. */
export const ASYMPTOTIC_PAIRS_MIN = 1_000

/** How much wider the exact sequence is than the asymptotic one at about 1,000 ordinary pairs. */
const EXACT_WIDENING = 1.33

/** Slack for levels that were multiplied and divided on their way here. */
const LEVEL_GUARD = 1e-12

/** How many pairs there are. @throws EvaluatorError when the differences are not what a sample can have */
export function pairCount (name: string, { differences }: PairEvidence): number {
  requireMoments(`pairs of ${name}`, differences)
  return differences.n
}

/**
 * Mean difference of shadow pairs, or its ratio to the champion's mean for a relative margin: for values of a known
 * range through the exact empirical-Bernstein sequence until there are 1,000 pairs (for ever with `rareLosses` or while
 * nothing varies), otherwise through the asymptotic sequence with N = pairs. O(1).
 *
 * @throws EvaluatorError when the evidence is not what such pairs can give
 */
export function pairEffect (metric: MetricSpec, pairs: PairEvidence, options: EffectOptions): Effect | Unmet {
  const { differences } = pairs
  const { range, rareLosses = false } = metric
  const isKept = range !== undefined && pairs.sequences !== undefined && pairs.sequences.length > 0
  const isMany = differences.n >= ASYMPTOTIC_PAIRS_MIN && !(isKept && differences.m2 === 0)
  const isAsymptotic = !rareLosses && (range === undefined || isMany)
  if (isAsymptotic && isRelative(metric)) return liftEffect(metric, pairs, options)
  if (isAsymptotic) return differenceEffect(metric, differences, options)
  if (isKept && !isRelative(metric)) return exactEffect(metric, range, pairs, options)
  if (rareLosses) {
    return { unmet: 'rare losses need a range, an absolute margin and the exact sequences over the pairs', gates: [] }
  }
  return {
    unmet: `${differences.n} of ${ASYMPTOTIC_PAIRS_MIN} pairs that bounded scores need without an exact sequence`,
    gates: [gateOf('pairs without an exact sequence', differences.n, ASYMPTOTIC_PAIRS_MIN)]
  }
}

function differenceEffect (metric: MetricSpec, differences: MomentsSummary, options: EffectOptions): Effect | Unmet {
  return sequenceEffect({
    estimator: 'paired-mean',
    raw: differences.mean,
    sign: signOf(metric),
    scale: 'linear',
    units: differences.n,
    variance: varianceOfMean(differences),
    note: ''
  }, options)
}

/** ΣD / Σ(champion) is the lift; repeated sessions inflate its variance as they do that of the differences. */
function liftEffect (
  metric: MetricSpec, { differences, baseline }: PairEvidence, options: EffectOptions
): Effect | Unmet {
  if (baseline === undefined) {
    return { unmet: 'a relative margin of pairs needs the champion\'s values beside the differences', gates: [] }
  }
  requirePairMoments(`pairs of ${metric.name}`, baseline)
  const { n, meanX, m2X } = baseline
  if (n !== differences.n) {
    throw new EvaluatorError('MALFORMED', `pairs of ${metric.name}`, `expected ${differences.n} champion values, got ${n}`)
  }
  const lift = ratioMean(baseline)
  const champion = { n, mean: meanX, varianceOfMean: m2X / (n - 1) / n }
  if (lift === null || !isClearOfZero({ champion }, options)) {
    const unmet = `the champion's mean ${meanX} is not clearly different from 0, so a lift is undefined`
    return { unmet, gates: [{ gate: 'champion clear of 0', have: meanX, need: null, met: false }] }
  }
  const independent = requestVariance(differences)
  const inflation = independent > 0 ? Math.max(1, clusterVariance(differences) / independent) : 1
  return sequenceEffect({
    estimator: 'paired-lift',
    raw: lift.mean * Math.sign(meanX),
    sign: signOf(metric),
    scale: 'linear',
    units: n,
    variance: lift.varianceOfMean * inflation,
    note: ''
  }, options)
}

function exactEffect (
  metric: MetricSpec, { min, max }: NonNullable<MetricSpec['range']>, { differences, sequences = [] }: PairEvidence,
  options: EffectOptions
): Effect {
  const sign = signOf(metric)
  const length = max - min
  for (const { n, min: least, max: greatest } of sequences) {
    const isSame = n === differences.n && Math.abs(greatest - length) <= LEVEL_GUARD * length && least === -greatest
    if (isSame) continue
    throw new EvaluatorError('MALFORMED', `sequences of ${metric.name}`,
      `expected ${differences.n} differences from ${-length} to ${length}, got ${n} from ${least} to ${greatest}`)
  }
  const bounds = (alpha: number): { lower: number, upper: number } => {
    const { lower, upper } = EmpiricalBernstein.fromJSON(sequenceAt(metric.name, sequences, alpha)).interval()
    return sign > 0 ? { lower, upper } : { lower: -upper, upper: -lower }
  }
  return {
    estimator: 'paired-empirical-bernstein',
    estimate: sign * differences.mean,
    units: differences.n,
    lower: (alpha) => bounds(alpha).lower,
    upper: (alpha) => bounds(alpha).upper,
    anytimeP: () => null,
    unitsUntil: (question) => pairsUntil(question, differences, length, metric.rareLosses === true, options),
    gates: [],
    note: `exact for values from ${min} to ${max}`
  }
}

/** The sequence kept at level 2·alpha (each side spends half), or the nearest stricter one. */
function sequenceAt (
  name: string, sequences: readonly EmpiricalBernsteinJson[], alpha: number
): EmpiricalBernsteinJson {
  const strict = sequences.filter((sequence) => sequence.alpha <= 2 * alpha * (1 + LEVEL_GUARD))
  const [best] = strict.sort((a, b) => b.alpha - a.alpha)
  if (best !== undefined) return best
  throw new EvaluatorError('MALFORMED', `sequences of ${name}`, `expected one at a level of at most ${2 * alpha}`)
}

/**
 * A forecast: as for the asymptotic sequence, a third wider as long as the exact one is in use; and without any spread
 * the exact one still has to shrink, by about 2 ln(1/alpha) bets of ½ over the range.
 */
function pairsUntil (
  { assumed, above, alpha, power }: Question, differences: MomentsSummary, length: number, hasRareLosses: boolean,
  { plannedSamples }: EffectOptions
): number | null {
  const gap = assumed - above
  if (!(gap > 0)) return null
  const variance = varianceOfMean(differences) * differences.n
  const least = Math.ceil(4 * length * Math.log(1 / alpha) / gap)
  if (!(variance > 0)) return least
  const until = (by: number): number | null =>
    samplesToDecide({ gap, variance: variance * by, alpha, plannedSamples, power })
  const exact = until(EXACT_WIDENING ** 2)
  if (hasRareLosses || (exact !== null && Math.max(exact, least) <= ASYMPTOTIC_PAIRS_MIN)) {
    return exact === null ? null : Math.max(exact, least)
  }
  const asymptotic = until(1)
  return asymptotic === null ? null : Math.max(ASYMPTOTIC_PAIRS_MIN, asymptotic)
}
