import type { Evidence, MetricSpec } from '../spec.js'
import { LogHistogram } from '../statistics/histogram.js'
import { hasTail, quantileEstimate } from '../statistics/quantiles.js'
import { oneSidedHalfWidth } from '../statistics/sequences.js'
import { signOf, type Effect, type EffectOptions, type Unmet } from './effect.js'

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
export function quantileEffect (
  metric: MetricSpec, arms: Latencies, options: EffectOptions
): Effect | Unmet {
  const p = metric.quantile
  if (p === undefined) throw new RangeError('latency needs a quantile')
  for (const arm of ['challenger', 'champion'] as const) {
    if (!hasTail(arms[arm].count, p, TAIL_MIN)) {
      const needed = Math.ceil(TAIL_MIN / (1 - p) - 1e-9)
      return { unmet: `${arms[arm].count} of ${needed} ${arm} samples that quantile ${p} needs at this weight` }
    }
  }
  const [a, b] = [quantileEstimate(arms.champion, p), quantileEstimate(arms.challenger, p)]
  if (a.se === null || b.se === null) return { unmet: `the values around quantile ${p} are too few or too equal to tell its spread` }
  const isRelative = metric.margin !== undefined && 'relative' in metric.margin
  if (isRelative && !(a.value > 0 && b.value > 0)) return { unmet: `quantile ${p} is 0, so a ratio is undefined` }
  const bucketError = (value: number): number => arms.champion.relativeError * BUCKET_SPREAD * value
  const [seA, seB] = [Math.hypot(a.se, bucketError(a.value)), Math.hypot(b.se, bucketError(b.value))]
  const raw = isRelative ? Math.log(b.value / a.value) : b.value - a.value
  const se = isRelative ? Math.hypot(seA / a.value, seB / b.value) : Math.hypot(seA, seB)
  const sign = signOf(metric)
  const n = arms.champion.count + arms.challenger.count
  const half = (alpha: number): number => oneSidedHalfWidth({ se, n, alpha, plannedSamples: options.plannedSamples })
  const effect = (x: number): number => sign * (isRelative ? Math.expm1(x) : x)
  return {
    estimator: isRelative ? 'log-quantile' : 'quantile',
    estimate: effect(raw),
    lower: (alpha) => effect(raw - sign * half(alpha)),
    upper: (alpha) => effect(raw + sign * half(alpha)),
    note: `quantile ${p}: ${Number(b.value.toPrecision(4))} ms against ${Number(a.value.toPrecision(4))} ms`
  }
}

/** Latencies of the current stage, its time blocks merged: quantiles may only be pooled while the split is constant. */
export function currentHistograms (name: string, evidence: Evidence): Latencies {
  const arms: Record<'champion' | 'challenger', LogHistogram | null> = { champion: null, challenger: null }
  for (const stratum of evidence.strata.filter(({ stage }) => stage === evidence.stage)) {
    for (const arm of ['champion', 'challenger'] as const) {
      const found = stratum[arm][name]
      if (found === undefined) continue
      if (!('histogram' in found)) throw new RangeError('expected a histogram, got moments')
      const histogram = LogHistogram.fromJSON(found.histogram)
      if (arms[arm] === null) arms[arm] = histogram
      else arms[arm].merge(histogram)
    }
  }
  return { champion: arms.champion ?? new LogHistogram(), challenger: arms.challenger ?? new LogHistogram() }
}
