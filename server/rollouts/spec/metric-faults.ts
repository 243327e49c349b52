import type { Fault } from '../spec-error.js'
import { settingAfter, type PlanStep } from '../plan.js'
import { durationMs } from './duration.js'
import { canaryJudgeFaults } from './canary-judge.js'
import { ANALYSIS_DEFAULTS, type AnalysisDocument, type MetricDocument, type RolloutSpec } from './schema.js'

/** What a schema cannot say about the metrics of an analysis. */
export function metricFaults (spec: RolloutSpec): Fault[] {
  if (spec.analysis === undefined) return []
  const { metrics, judge } = spec.analysis
  if (judge !== undefined) {
    const contest = spec.strategy.abn === undefined ? [] : [{ path: 'analysis.judge', message: 'compares one challenger: not for strategy abn' }]
    return [...contest, ...judgeFaults(spec.analysis), ...canaryJudgeFaults(judge.kayenta)]
  }
  if (metrics === undefined) return [{ path: 'analysis.metrics', message: 'is required' }]
  const names = new Set<string>()
  const faults = metrics.flatMap((metric, index) => {
    const path = `analysis.metrics[${index}]`
    const found = [...oneMetricFaults(metric, path)]
    if (names.has(metric.name)) found.push({ path: `${path}.name`, message: `${metric.name} is there twice` })
    names.add(metric.name)
    return found
  })
  const roles = metrics.map(({ role, dryRun }) => dryRun === true ? 'monitor' : role)
  if (spec.analysis.mode === 'superiority' && !roles.includes('primary')) {
    faults.push({ path: 'analysis.metrics', message: 'mode superiority needs a metric of role primary' })
  }
  if (spec.analysis.mode === 'equivalence' && roles.every((role) => role === 'monitor')) {
    faults.push({ path: 'analysis.metrics', message: 'mode equivalence needs a metric of role critical or primary' })
  }
  return faults
}

/**
 * Metrics that the steps cannot give: agreement needs mirrored requests, and an answer nobody saw has no feedback.
 */
export function mirrorFaults ({ analysis }: RolloutSpec, steps: readonly PlanStep[]): Fault[] {
  if (analysis === undefined) return []
  const gates = steps.flatMap(({ kind }, index) => kind === 'analysis' ? [settingAfter(steps, index)] : [])
  const isUnseen = gates.some(({ weightBps }) => weightBps === 0 || weightBps >= 10_000)
  const isMirrored = steps.some((step) => step.kind === 'setMirror' && step.mirrorBps > 0)
  const judged = (analysis.judge?.kayenta.metrics ?? []).flatMap(({ query }, index): Fault[] => query.source === 'feedback' && isUnseen
    ? [{ path: `analysis.judge.kayenta.metrics[${index}].query.source`, message: 'answers that nobody saw have no feedback' }]
    : [])
  return [...judged, ...(analysis.metrics ?? []).flatMap(({ source, role, dryRun }, index): Fault[] => {
    const path = `analysis.metrics[${index}]`
    if (source === 'agreement' && !isMirrored) {
      return [{ path: `${path}.source`, message: 'agreement needs mirrored requests, and no step mirrors any' }]
    }
    if (source === 'feedback' && role !== 'monitor' && dryRun !== true && isUnseen) {
      return [{ path: `${path}.source`, message: 'answers that nobody saw have no feedback: use agreement, or role monitor' }]
    }
    return []
  })]
}

/** What means something to the metrics of an analysis alone: a judge knows no error level and has a time of its own. */
function judgeFaults (analysis: AnalysisDocument): Fault[] {
  const alone = ['metrics', 'maxDuration', 'maxSamples', 'minDuration'] as const
  const given = alone.filter((field) => analysis[field] !== undefined)
  const changed = (Object.keys(ANALYSIS_DEFAULTS) as (keyof typeof ANALYSIS_DEFAULTS)[])
    .filter((field) => analysis[field] !== ANALYSIS_DEFAULTS[field])
  return [...given, ...changed].map((field) => ({ path: `analysis.${field}`, message: 'has no meaning beside analysis.judge' }))
}

function * oneMetricFaults (metric: MetricDocument, path: string): Generator<Fault> {
  const isFeedback = metric.source === 'feedback'
  if (isFeedback !== (metric.key !== undefined)) {
    yield { path: `${path}.key`, message: isFeedback ? 'is required for source feedback' : 'is only for source feedback' }
  }
  yield * latencyFaults(metric, path)
  if (isFeedback && metric.direction === undefined) {
    yield { path: `${path}.direction`, message: 'is required for source feedback: up when a higher value is better, else down' }
  }
  if (!isFeedback && metric.source !== 'agreement' && metric.direction === 'up') {
    yield { path: `${path}.direction`, message: `${metric.source} are better when lower: expected down` }
  }
  if (metric.margin !== undefined && Object.keys(metric.margin).length !== 1) {
    yield { path: `${path}.margin`, message: 'expected exactly one of absolute, relative' }
  }
  if (metric.role === 'critical' && metric.margin === undefined) {
    yield { path: `${path}.margin`, message: 'is required for role critical' }
  }
  yield * kindFaults(metric, path)
  yield * agreementFaults(metric, path)
}

function * agreementFaults (metric: MetricDocument, path: string): Generator<Fault> {
  const { source, role, method, tolerance } = metric
  if (source !== 'agreement') {
    for (const field of ['output', 'method', 'tolerance'] as const) {
      if (metric[field] !== undefined) yield { path: `${path}.${field}`, message: 'is only for source agreement' }
    }
    return
  }
  if (role === 'primary') yield { path: `${path}.role`, message: 'agreement cannot get better than full: expected critical or monitor' }
  if (metric.direction !== undefined) yield { path: `${path}.direction`, message: 'is not for source agreement' }
  if (metric.margin?.relative !== undefined) yield { path: `${path}.margin`, message: 'expected absolute for source agreement' }
  if (tolerance !== undefined && method !== 'close') yield { path: `${path}.tolerance`, message: 'is only for method close' }
}

function * latencyFaults ({ source, quantile, limit }: MetricDocument, path: string): Generator<Fault> {
  if (source !== 'latency') {
    if (quantile !== undefined) yield { path: `${path}.quantile`, message: 'is only for source latency' }
    if (limit !== undefined) yield { path: `${path}.limit`, message: 'is only for source latency' }
  } else if (quantile === undefined && limit === undefined) {
    yield { path: `${path}.quantile`, message: 'is required for source latency, unless there is a limit' }
  } else if (quantile !== undefined && limit !== undefined) {
    yield { path: `${path}.limit`, message: 'expected exactly one of quantile, limit' }
  } else if (limit !== undefined && durationMs(limit) <= 0) {
    yield { path: `${path}.limit`, message: 'expected a duration above 0' }
  }
}

/** What is only for some metrics: a margin to both sides, and means of values with rare large ones. */
function * kindFaults (metric: MetricDocument, path: string): Generator<Fault> {
  const { source, role, margin, twoSided, heavyTailed } = metric
  if (twoSided === true && (role === 'primary' || margin === undefined)) {
    const message = 'needs a margin and cannot be had by role primary, which has a better side'
    yield { path: `${path}.twoSided`, message }
  }
  if (metric.window !== undefined && source !== 'feedback') {
    yield { path: `${path}.window`, message: 'is only for source feedback' }
  }
  if (heavyTailed !== undefined && source !== 'feedback') {
    yield { path: `${path}.heavyTailed`, message: 'is only for source feedback' }
  }
}
