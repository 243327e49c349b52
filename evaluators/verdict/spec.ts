import type { EmpiricalBernsteinJson } from '../statistics/empirical-bernstein.js'
import type { LogHistogramJson } from '../statistics/histogram.js'
import type { MomentsSummary } from '../statistics/moments.js'
import type { PairMomentsSummary } from '../statistics/pair-moments.js'
import type { Tally } from '../statistics/proportions.js'

/** How much worse is still acceptable: in the metric's unit, or as a fraction of the champion's value. Above 0. */
export type Margin = { readonly absolute: number } | { readonly relative: number }

/**
 * One metric of a trial.
 *
 * - `key` names the feedback; latency is read as the `quantile` (0..1), as the share of requests above `limitMs`
 *   (milliseconds), or, with `transform: 'log'`, as the mean of its logarithm.
 * - `transform: 'log'` says that the moments are those of ln(value): the effect of a relative margin is then the ratio
 *   of geometric means − 1, an absolute margin is in logarithms.
 * - `twoSided` (critical and monitor only): a margin to both sides, for what must neither rise nor fall.
 * - `heavyTailed`: means of unbounded values with rare large ones, which need 1,000 samples of each arm.
 * - `range`: the least and greatest value possible; pairs then use an exact sequence until there are 1,000 of them,
 *   with `rareLosses` (rare but large losses are possible) for ever.
 * - `windowMs`: feedback that comes later than that after its answer is not in the evidence, but for a count.
 * - `minSamples`: instead of the spec's, for this metric alone.
 * - `assumedEffect`: the true effect that the ETA assumes, default 0; only where the metric is to be proven not worse.
 */
export interface MetricSpec {
  readonly name: string
  readonly source: 'errors' | 'latency' | 'feedback'
  readonly key?: string
  readonly quantile?: number
  readonly limitMs?: number
  readonly transform?: 'log'
  readonly role: 'primary' | 'critical' | 'monitor'
  readonly direction: 'up' | 'down'
  readonly margin?: Margin
  readonly twoSided?: boolean
  readonly heavyTailed?: boolean
  readonly range?: { readonly min: number, readonly max: number }
  readonly rareLosses?: boolean
  readonly assumedEffect?: number
  readonly windowMs?: number
  readonly minSamples?: number
}

/** What a trial may cost: units of both arms (the most any deciding metric has), and milliseconds. */
export interface Budget { readonly samplesMax?: number, readonly durationMs?: number }

/**
 * What was agreed before the trial: error level `alpha` (0..0.5), samples each arm needs per metric at the current
 * weight, the N* (units of both arms) at which the sequences are tightest, the metrics, what the trial may cost, and
 * the chance `beta` (0..0.5, default 0.2) that a good challenger is still undecided at the ETA with power.
 */
export interface AnalysisSpec {
  readonly alpha: number
  readonly mode: 'superiority' | 'equivalence'
  readonly minSamples: number
  readonly plannedSamples: number
  readonly metrics: readonly MetricSpec[]
  readonly budget?: Budget
  readonly beta?: number
}

/**
 * What one arm showed of one metric:
 *
 * - `moments` of 0/1 (errors: 1 = failed; latency over a limit: 1 = over), of feedback values, or of logarithms;
 * - `covariate`: moments of independent units, y the metric and x something known before the arm was chosen;
 * - `ratio`: moments of independent units, y the numerator and x the denominator of a ratio of sums;
 * - `histogram` of milliseconds, for a latency quantile.
 */
export type ArmEvidence =
  | { readonly moments: MomentsSummary }
  | { readonly covariate: PairMomentsSummary }
  | { readonly ratio: PairMomentsSummary }
  | { readonly histogram: LogHistogramJson }

/** What both arms showed in one time block of one visit of one weight; keyed by metric name, missing = none yet. */
export interface Stratum {
  readonly stage: number
  readonly weightBps: number
  readonly block: number
  readonly champion: Readonly<Record<string, ArmEvidence>>
  readonly challenger: Readonly<Record<string, ArmEvidence>>
}

/**
 * Shadow pairs of one metric: both versions answered the same input. `differences` are the moments of challenger −
 * champion, in the metric's unit and not turned by its direction; `baseline` (needed by a relative margin) the moments
 * with y the difference and x the champion's value. `sequences` are the exact sequences over the same differences in
 * their order, with min and max = ±(range.max − range.min), one per level of `sequenceLevels`.
 */
export interface PairEvidence {
  readonly differences: MomentsSummary
  readonly baseline?: PairMomentsSummary
  readonly sequences?: readonly EmpiricalBernsteinJson[]
}

/** What was counted of the two arms at one stage. */
export interface StageCounts<Count> {
  readonly stage: number
  readonly weightBps: number
  readonly champion: Count
  readonly challenger: Count
}

/** A drift that was found, and what the trial's spec wants to be done about it when it is severe. */
export interface DriftFinding {
  readonly subject: string
  readonly status: 'warning' | 'severe'
  readonly action: 'annotate' | 'pause' | 'rollback'
  readonly reason: string
}

/**
 * What says whether the trial itself can be trusted; what is absent was not checked.
 *
 * - `assignments`: different sessions per arm, each counted once, at the stage where it was first seen.
 * - `missing`: per metric and stage, how many units (`events` of `n`) have no outcome: no score, no label, a judge that
 *   timed out.
 * - `failures`: per metric, why it could not be computed at all.
 * - `drift`: findings; `versionChange`: a sentence when a version under trial is not the one the trial began with.
 */
export interface HealthEvidence {
  readonly assignments?: readonly StageCounts<number>[]
  readonly missing?: Readonly<Record<string, readonly StageCounts<Tally>[]>>
  readonly failures?: Readonly<Record<string, string>>
  readonly drift?: readonly DriftFinding[]
  readonly versionChange?: string | null
}

/**
 * All strata from the first request on, which stage is the current one, and the sentence of a tripped breaker; shadow
 * pairs and health where there are any. `elapsedMs` is the age of the trial; with it, or with `samplesPerDay` (units of
 * both arms, per metric the same), ETAs are in days too.
 */
export interface Evidence {
  readonly stage: number
  readonly strata: readonly Stratum[]
  readonly breaker: string | null
  readonly pairs?: Readonly<Record<string, PairEvidence>>
  readonly health?: HealthEvidence
  readonly elapsedMs?: number
  /** Per metric the values of feedback that came too late to be counted. Decides nothing. */
  readonly late?: Readonly<Record<string, { readonly champion: number, readonly challenger: number }>>
  readonly samplesPerDay?: number
  /** The version that it is of, where several are on trial; nothing is decided by it. */
  readonly challenger?: string
}
