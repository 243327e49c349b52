import { concludeRun } from './judge/run.js'
import { judgeCanary, type JudgedMetric, type JudgeResult } from './judge/judge.js'
import type { ScoreThresholds } from './judge/score.js'
import { decide, type AnalysisSpec, type Evidence, type MetricSpec, type MetricVerdict, type Verdict } from './verdict.js'

/**
 * What one metric of a run is measured from: errors in per cent of the requests of a step, latency as the `quantile`
 * (0..1) of its answers in milliseconds, feedback as the mean of the values of `key` that came in it. Its role follows
 * from the config: critical, or a monitor when muted.
 */
export type IntervalMetric = Pick<MetricSpec, 'name' | 'source' | 'key' | 'quantile' | 'role' | 'direction'>

/**
 * A run that a canary judge decides: values per `stepMs`, a judgement after each `intervalMs` (a whole number of
 * steps), the last of ⌊lifetimeMs / intervalMs⌋ decides. Each looks at all steps since the beginning, or at the last
 * `lookbackMs`. `config` is Kayenta's canary config (see `parseCanaryConfig`).
 */
export interface IntervalSpec {
  readonly kind: 'kayenta'
  readonly stepMs: number
  readonly intervalMs: number
  readonly lifetimeMs: number
  readonly lookbackMs: number | null
  readonly thresholds: ScoreThresholds
  readonly config: unknown
  readonly metrics: readonly IntervalMetric[]
}

/**
 * Per step that the judgement looks at one value of each arm, null without data; `n` are the requests, or values of
 * feedback, behind them.
 */
export interface IntervalSeries {
  readonly champion: readonly (number | null)[]
  readonly challenger: readonly (number | null)[]
  readonly n: Readonly<Record<'champion' | 'challenger', number>>
}

/** What is known at the end of the last judgement that was due; `elapsedMs` counts from the beginning of the run. */
export interface IntervalEvidence extends Evidence {
  readonly elapsedMs: number
  readonly intervals: {
    /** What the noise that constant series need is drawn from. */
    readonly seed: string
    /** The first step of the series. */
    readonly from: number
    readonly series: Readonly<Record<string, IntervalSeries>>
  }
}

/** `decide` without any metric: the breaker, and whether the sessions are split as intended. */
const TRIAL_ALONE: AnalysisSpec = { alpha: 0.05, mode: 'equivalence', minSamples: 1, plannedSamples: 1, metrics: [] }

/** Whether a stored analysis is that of a judge. */
export function isIntervalSpec (analysis: unknown): analysis is IntervalSpec {
  return typeof analysis === 'object' && analysis !== null && (analysis as { kind?: unknown }).kind === 'kayenta'
}

type Conclusion = Pick<Verdict, 'decision' | 'rule' | 'reason'>

/** How many judgements a run has, and how many of them are due after so many milliseconds. O(1). */
export function judgementsOf (
  { intervalMs, lifetimeMs }: IntervalSpec, elapsedMs: number
): { due: number, total: number } {
  const total = Math.floor(lifetimeMs / intervalMs)
  return { due: Math.max(0, Math.min(total, Math.floor(elapsedMs / intervalMs))), total }
}

/**
 * What should happen to the challenger when a canary judge decides. First match wins:
 *
 * 1. rollback (rule 1) or pause (rule 2), as `decide` has them: a tripped breaker, sessions that are not split as
 *    intended;
 * 2. continue while no judgement was due;
 * 3. rollback (rule 1): the score of the latest judgement is at or below `marginal`, or the last one is below `pass`;
 * 4. promote (rule 4): the last judgement reaches `pass`;
 * 5. pause (rule 5): the last judgement is Inconclusive (the strict judge alone says so);
 * 6. continue (rule 6) otherwise.
 *
 * An earlier judgement is not looked at again: one that failed has ended the run, unless a person accepted it. No error
 * level holds: each judgement is another chance of a false alarm. Pure: equal arguments give equal bytes of JSON.
 * O(metrics · values · log(values)) per judgement.
 *
 * Netflix, Google (2018), Kayenta: the standalone canary analysis.
 *
 * @throws EvaluatorError MALFORMED or OUT_OF_RANGE for a config that `parseCanaryConfig` refuses
 */
export function decideByIntervals (spec: IntervalSpec, evidence: IntervalEvidence): Verdict {
  const trial = decide(TRIAL_ALONE, evidence)
  const { due, total } = judgementsOf(spec, evidence.elapsedMs)
  const eta = { ...trial.eta, reason: `the last of ${total} judgements is made ${spec.intervalMs * total / 1_000} s after the weight was set` }
  const head: Conclusion | null = trial.decision === 'continue' ? null : trial
  if (due === 0) {
    const waiting: Conclusion = head ?? {
      decision: 'continue', rule: 6, reason: `no judgement yet: the first is made ${spec.intervalMs / 1_000} s after the weight was set`
    }
    return { ...trial, ...pick(waiting), eta }
  }
  const result = judgeWindow(spec, evidence, due)
  const metrics = spec.metrics.map((metric, i) => metricVerdict(metric, result.results[i]!, evidence, eta))
  const conclusion = head ?? conclude(result, spec.thresholds, due, total)
  return { ...trial, ...pick(conclusion), metrics, eta, judge: { judgement: due, judgements: total, result } }
}

function pick ({ decision, rule, reason }: Conclusion): Conclusion {
  return { decision, rule, reason }
}

function judgeWindow (spec: IntervalSpec, evidence: IntervalEvidence, due: number): JudgeResult {
  const { seed, series } = evidence.intervals
  const sides = Object.entries(series).map(([name, { champion, challenger }]) =>
    ({ name, control: champion, experiment: challenger }))
  return judgeCanary(spec.config, sides, { thresholds: spec.thresholds, seed: `${seed}/${due}` })
}

/** The rule of Kayenta's runs, but that what is not settled is neither a failure nor a pass. */
function conclude (
  { score, results }: JudgeResult, thresholds: ScoreThresholds, due: number, total: number
): Conclusion {
  const labels = results.map(({ id, classification, muted }) => `${id} ${classification}${muted ? ' (muted)' : ''}`).join(', ')
  const said = `judgement ${due} of ${total}: score ${score.score}, ${score.classification} (pass ${thresholds.pass}, ` +
    `marginal ${thresholds.marginal}): ${labels}`
  const isLast = due === total
  if (score.classification === 'Inconclusive') {
    const reason = `${said}; ${score.classificationReason}`
    return isLast ? { decision: 'pause', rule: 5, reason } : { decision: 'continue', rule: 6, reason }
  }
  const { didPass, stoppedAt } = concludeRun([score.score], thresholds)
  if (stoppedAt !== null || (isLast && !didPass)) return { decision: 'rollback', rule: 1, reason: said }
  return isLast ? { decision: 'promote', rule: 4, reason: said } : { decision: 'continue', rule: 6, reason: said }
}

/** A judged metric in the form of every other verdict; it has no interval, for the judge claims no error level. */
function metricVerdict (
  { name, role, direction }: IntervalMetric, judged: JudgedMetric, evidence: IntervalEvidence, eta: Verdict['eta']
): MetricVerdict {
  const { classification, classificationReason, controlMetadata, experimentMetadata } = judged
  const { n } = evidence.intervals.series[name]!
  const failed = classification === 'High' || classification === 'Low' || classification === 'NodataFailMetric'
  return {
    name,
    role,
    direction,
    outcome: classification === 'Pass' ? 'pass' : failed ? 'fail' : 'inconclusive',
    estimator: 'kayenta',
    estimate: null,
    lower: null,
    upper: null,
    margin: null,
    marginKind: null,
    alpha: { lower: null, upper: null, better: null },
    n,
    units: controlMetadata.stats.count + experimentMetadata.stats.count,
    plannedSamples: null,
    anytimeP: null,
    gates: [],
    eta,
    reason: `${classification}: ${classificationReason}`,
    note: ''
  }
}
