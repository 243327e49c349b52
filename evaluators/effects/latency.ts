import { EvaluatorError } from '../errors.js'
import { LogHistogram } from '../statistics/histogram.js'
import { hasTail, quantileEstimate } from '../statistics/quantiles.js'
import type { Evidence, MetricSpec } from '../verdict/spec.js'
import { gateOf, isRelative, signOf, type Effect, type EffectOptions, type Gate, type Unmet } from './effect.js'
import { sequenceEffect, type ArmPart } from './sequence.js'

/** Fewest values beyond a quantile, per arm. */
const TAIL_MIN = 20

/** Standard deviation of a value's place within its bucket, as a fraction of the bucket's width. */
const BUCKET_SPREAD = 1 / Math.sqrt(12)

/** Both arms' latencies, milliseconds. */
export interface Latencies { readonly champion: LogHistogram, readonly challenger: LogHistogram }

/**
 * Difference of a latency quantile, or of its logarithm for a relative margin, from order statistics. What the buckets
 * of the histogram hide is added to the standard error, so that 10⁶ requests claim no more than the buckets can show.
 */
export function quantileEffect (metric: MetricSpec, arms: Latencies, options: EffectOptions): Effect | Unmet {
  const p = metric.quantile
  if (p === undefined) throw new EvaluatorError('MALFORMED', metric.name, 'latency needs a quantile, a limit or a transform')
  const gates: Gate[] = []
  for (const arm of ['challenger', 'champion'] as const) {
    const { count } = arms[arm]
    const needed = Math.ceil(TAIL_MIN / (1 - p) - 1e-9)
    const gate = { ...gateOf(`${arm} samples that the quantile needs`, count, needed), met: hasTail(count, p, TAIL_MIN) }
    gates.push(gate)
    if (!gate.met) return { unmet: `${count} of ${needed} ${arm} samples that quantile ${p} needs at this weight`, gates }
  }
  const [a, b] = [quantileEstimate(arms.champion, p), quantileEstimate(arms.challenger, p)]
  if (a.se === null || b.se === null) {
    return { unmet: `the values around quantile ${p} are too few or too equal to tell its spread`, gates }
  }
  const isRatio = isRelative(metric)
  if (isRatio && !(a.value > 0 && b.value > 0)) return { unmet: `quantile ${p} is 0, so a ratio is undefined`, gates }
  const part = ({ value, se }: { value: number, se: number }, n: number): ArmPart => {
    const spread = Math.hypot(se, arms.champion.relativeError * BUCKET_SPREAD * value)
    return { n, variance: (isRatio ? spread / value : spread) ** 2 }
  }
  const champion = part({ value: a.value, se: a.se }, arms.champion.count)
  const challenger = part({ value: b.value, se: b.se }, arms.challenger.count)
  return sequenceEffect({
    estimator: isRatio ? 'log-quantile' : 'quantile',
    raw: isRatio ? Math.log(b.value / a.value) : b.value - a.value,
    sign: signOf(metric),
    scale: isRatio ? 'ratio' : 'linear',
    units: champion.n + challenger.n,
    variance: champion.variance + challenger.variance,
    arms: { champion, challenger },
    gates,
    note: `quantile ${p}: ${Number(b.value.toPrecision(4))} ms against ${Number(a.value.toPrecision(4))} ms`
  }, options)
}

/** Latencies of the current stage, its time blocks merged: quantiles may only be pooled while the split is constant. */
export function currentHistograms (name: string, evidence: Evidence): Latencies {
  const arms: Record<'champion' | 'challenger', LogHistogram | null> = { champion: null, challenger: null }
  for (const stratum of evidence.strata.filter(({ stage }) => stage === evidence.stage)) {
    for (const arm of ['champion', 'challenger'] as const) {
      const found = stratum[arm][name]
      if (found === undefined) continue
      if (!('histogram' in found)) {
        throw new EvaluatorError('MALFORMED', `${arm} ${name}`, `expected a histogram, got ${Object.keys(found).join()}`)
      }
      if (arms[arm] === null) arms[arm] = LogHistogram.fromJSON(found.histogram)
      else arms[arm].mergeJSON(found.histogram)
    }
  }
  return { champion: arms.champion ?? new LogHistogram(), challenger: arms.challenger ?? new LogHistogram() }
}

/** Latencies counted in all strata, both arms. O(buckets). */
export function latenciesCounted (name: string, { strata }: Evidence): number {
  let total = 0
  for (const stratum of strata) {
    for (const arm of ['champion', 'challenger'] as const) {
      const found = stratum[arm][name]
      if (found === undefined || !('histogram' in found)) continue
      const { buckets } = found.histogram
      for (let i = 0; i < buckets.length; i++) total += buckets[i]![1]
    }
  }
  return total
}
