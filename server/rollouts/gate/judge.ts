import type { MetricVerdict, Verdict } from '../../../evaluators/verdict.js'
import type { Better } from '../../evaluation/compare-pairs.js'

/** What was agreed about a metric: limits of the challenger's value, and how much worse than the champion it may be. */
export interface GateLimits {
  readonly metric: string
  readonly min?: number
  readonly max?: number
  readonly margin?: { readonly absolute: number }
}

/** What a gate asks for, as it is stored beside its verdict. */
export interface GateSpec {
  readonly kind: 'gate'
  readonly minRows: number
  readonly failuresMax: number
  readonly metrics: readonly GateLimits[]
}

/** A metric over all rows, of both versions; null where it could not be computed. */
export interface GateValue {
  readonly better: Better
  readonly champion: number | null
  readonly challenger: number | null
}

/** What both versions answered to the rows of a dataset, in numbers. */
export interface GateEvidence {
  readonly gate: {
    /** `name:version`, and its digest; null when it could not be opened. */
    readonly dataset: string
    readonly digest: string | null
    readonly rows: number
    /** Rows that a version did not answer, and what the challenger said of the first. */
    readonly failures: { readonly champion: number, readonly challenger: number, readonly first: string | null }
    readonly values: Readonly<Record<string, GateValue>>
    /** Why there are no values: the gate could not be run. */
    readonly fault: string | null
  }
}

/** What differs by less comes from rounding alone. */
const ROUNDING = 1e-9
const NO_ETA = {
  samples: null, samplesAtPower: null, days: null, daysAtPower: null, assumed: null, reason: 'a gate is decided at once'
}

type Check = MetricVerdict['gates'][number]

/** Whether a stored `analysis` is that of a gate. */
export function isGateSpec (analysis: unknown): analysis is GateSpec {
  return typeof analysis === 'object' && analysis !== null && (analysis as { kind?: unknown }).kind === 'gate'
}

/**
 * Whether a challenger may be tried at all. The rows are all there is to know here, so that values are compared as they
 * are, without intervals. Rule 1, rollback: the rows could not be replayed, are too few, are failed on too often, or a
 * metric is outside its limits or worse than the champion's by more than its margin (one with no better side: different
 * by more); what could not be computed does not pass. Rule 4, promote, otherwise. Pure: equal arguments give equal
 * bytes of JSON.
 */
export function judgeGate (spec: GateSpec, { gate }: GateEvidence): Verdict {
  const metrics = spec.metrics.map((limits) => judgeMetric(limits, gate))
  const { rows, failures, fault, dataset } = gate
  const failed = metrics.find(({ outcome }) => outcome !== 'pass')
  const reason = fault !== null
    ? `the gate could not be run: ${fault}`
    : rows < spec.minRows
      ? `the gate has ${rows} rows of ${dataset}, ${spec.minRows} are needed`
      : failures.challenger > spec.failuresMax
        ? `the challenger failed on ${failures.challenger} of ${rows} rows of ${dataset}, at most ${spec.failuresMax} may fail: ${failures.first}`
        : failed !== undefined ? `the gate is not passed: ${failed.name} ${failed.reason}` : null
  const passed = metrics.map(({ name, reason }) => `${name} ${reason}`).join('; ')
  return {
    ...reason === null
      ? { decision: 'promote', rule: 4, reason: `the gate of ${rows} rows of ${dataset} is passed: ${passed}` }
      : { decision: 'rollback', rule: 1, reason },
    metrics,
    health: [],
    eta: NO_ETA
  }
}

function judgeMetric (limits: GateLimits, { rows, values }: GateEvidence['gate']): MetricVerdict {
  const { metric, margin } = limits
  const { better, champion, challenger } = values[metric] ?? { better: 'higher', champion: null, challenger: null }
  const sign = better === 'lower' ? -1 : 1
  const estimate = champion === null || challenger === null ? null : sign * (challenger - champion)
  const effect = better === 'neither' && estimate !== null ? -Math.abs(estimate) : estimate
  const checks = checksOf(limits, challenger, effect)
  const isPassed = challenger !== null && checks.every(({ met }) => met)
  const none = { lower: null, upper: null, better: null }
  return {
    name: metric,
    role: 'critical',
    direction: better === 'lower' ? 'down' : 'up',
    outcome: isPassed ? 'pass' : 'fail',
    estimator: 'golden rows',
    estimate,
    lower: null,
    upper: null,
    margin: margin?.absolute ?? null,
    marginKind: margin === undefined ? null : 'absolute',
    alpha: none,
    n: { champion: rows, challenger: rows },
    units: rows,
    plannedSamples: null,
    anytimeP: null,
    gates: checks,
    eta: NO_ETA,
    reason: reasonOf(champion, challenger, checks),
    note: ''
  }
}

function checksOf ({ min, max, margin }: GateLimits, value: number | null, effect: number | null): Check[] {
  const atLeast = (gate: string, have: number | null, need: number): Check =>
    ({ gate, have, need, met: have !== null && have >= need - ROUNDING })
  return [
    ...min === undefined ? [] : [atLeast('least value', value, min)],
    ...max === undefined
      ? []
      : [{ gate: 'greatest value', have: value, need: max, met: value !== null && value <= max + ROUNDING }],
    ...margin === undefined ? [] : [atLeast('effect', effect, -margin.absolute)]
  ]
}

function reasonOf (champion: number | null, challenger: number | null, checks: readonly Check[]): string {
  if (challenger === null) return 'could not be computed'
  const numbers = `is ${short(challenger)}, the champion's is ${champion === null ? 'unknown' : short(champion)}`
  const broken = checks.filter(({ met }) => !met)
  if (broken.length === 0) return numbers
  const told = broken.map(({ gate, have, need }) =>
    `${gate} ${have === null ? 'unknown' : short(have)}, limit ${short(need!)}`)
  return `${numbers}: ${told.join(', ')}`
}

function short (x: number): string {
  return String(Number(x.toPrecision(4)))
}
