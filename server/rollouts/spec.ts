import type { IntervalSpec } from '../../evaluators/interval-verdict.js'
import type { AnalysisSpec } from '../../evaluators/verdict.js'
import { type KeySource, parseKeySource, parseValueSource } from '../routing/affinity-key.js'
import type { Layer } from '../routing/layer.js'
import type { IssuedCookie } from '../routing/session-cookie.js'
import { type Attribute, attributeNameFault, conditionFault } from '../routing/targeting.js'
import { parseDocument } from './faults.js'
import type { PlanStep } from './plan.js'
import { compileAgreements, compileAnalysis, type MetricAgreement } from './spec/analysis.js'
import { compileCanaryJudge } from './spec/canary-judge.js'
import { durationMs } from './spec/duration.js'
import { compileGate, gateFaults, type GatePlan } from './spec/gate.js'
import { metricFaults, mirrorFaults } from './spec/metric-faults.js'
import { compileProbes, type ProbesPlan, probesFaults } from './spec/probes.js'
import { type RolloutSpec, RolloutSpecSchema } from './spec/schema.js'
import { compileStrategy, promotionOf, strategyFaults } from './spec/strategies.js'
import { type AfterPromotion, compileAfterPromotion, watchFaults } from './watch.js'
import { type Fault, SpecError } from './spec-error.js'

export { durationMs } from './spec/duration.js'
export type { RolloutSpec } from './spec/schema.js'

const SOURCE_EXPECTED = 'expected header:NAME, cookie:NAME or body:/json/pointer'
const KEY_EXPECTED = 'expected header:NAME, cookie:NAME, body:/json/pointer, apiKey, apiKey:HEADER or sequenceId'

/** What the engine needs of a spec, parsed. */
export interface Plan {
  readonly spec: RolloutSpec
  readonly steps: readonly PlanStep[]
  readonly keys: readonly KeySource[]
  /** The cookie that sessions without a key are given; null for none. */
  readonly issue: IssuedCookie | null
  /** How long a session keeps its version; null when it is not pinned. */
  readonly pinTtlMs: number | null
  readonly attributes: readonly Attribute[]
  /** The slice of the sessions that is on trial; null for all. */
  readonly layer: Layer | null
  readonly analysis: AnalysisSpec | null
  /** A judge that decides instead of the analysis' metrics, of which there are none then. */
  readonly judge: IntervalSpec | null
  readonly agreements: readonly MetricAgreement[]
  /** The versions on trial, at least one. */
  readonly challengers: readonly string[]
  /** The challengers and their shares where there are several; null where there is one. */
  readonly contest: ReadonlyArray<{ readonly version: string, readonly weightBps: number }> | null
  /** What must be passed before anybody is served. */
  readonly gate: GatePlan | null
  readonly probes: ProbesPlan | null
  /** No statistical promotion before a weight has been in place this long; 0 is off. */
  readonly minDurationMs: number
  readonly promotion: 'automatic' | 'manual'
  /** Null when a promotion is final at once. */
  readonly afterPromotion: AfterPromotion | null
  /** Counted from its creation; null without one. */
  readonly progressDeadlineMs: number | null
}

/**
 * Validates a rollout document whole and compiles it.
 * @throws SpecError naming the path of every wrong field
 */
export function parseRolloutSpec (document: unknown): Plan {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new SpecError([{ path: '', message: 'expected an object with model, challenger and strategy' }])
  }
  const spec = parseDocument(RolloutSpecSchema, document)
  const faults = [
    ...strategyFaults(spec),
    ...keyFaults(spec),
    ...layerFaults(spec),
    ...attributeFaults(spec),
    ...metricFaults(spec),
    ...watchFaults(spec),
    ...gateFaults(spec.gate),
    ...probesFaults(spec.probes)
  ]
  if (faults.length === 0) faults.push(...mirrorFaults(spec, compileStrategy(spec)))
  if (faults.length > 0) throw new SpecError(faults)
  const { analysis, affinity, attributes, layer, progressDeadline } = spec
  return {
    spec,
    steps: compileStrategy(spec),
    keys: affinity.keys.map((key) => parseKeySource(key)!),
    issue: issuedCookie(affinity),
    pinTtlMs: affinity.mode === 'hash' ? null : durationMs(affinity.ttl),
    attributes: Object.entries(attributes).map(([name, source]) => ({ name, source: parseValueSource(source)! })),
    layer: layer === undefined ? null : { name: layer.name, fromBps: bps(layer.from), toBps: bps(layer.to) },
    analysis: analysis === undefined ? null : compileAnalysis(analysis),
    judge: analysis?.judge === undefined ? null : compileCanaryJudge(analysis.judge.kayenta),
    agreements: compileAgreements(analysis),
    probes: spec.probes === undefined ? null : compileProbes(spec.probes),
    challengers: spec.strategy.abn?.arms.map(({ version }) => version) ?? [spec.challenger!],
    contest: spec.strategy.abn?.arms.map(({ version, weight }) => ({ version, weightBps: bps(weight) })) ?? null,
    gate: spec.gate === undefined ? null : compileGate(spec.gate),
    minDurationMs: analysis?.minDuration === undefined ? 0 : durationMs(analysis.minDuration),
    promotion: promotionOf(spec),
    afterPromotion: compileAfterPromotion(spec),
    progressDeadlineMs: progressDeadline === undefined ? null : durationMs(progressDeadline)
  }
}

function keyFaults (spec: RolloutSpec): Fault[] {
  const { keys, issue } = spec.affinity
  const faults: Fault[] = keys.flatMap((key, index) => parseKeySource(key) !== null
    ? []
    : [{ path: `affinity.keys[${index}]`, message: KEY_EXPECTED }])
  if (issue === undefined || keys.includes(`cookie:${issue}`)) return faults
  return [...faults, { path: 'affinity.issue', message: `expected the NAME of a cookie:NAME of affinity.keys, which has no cookie:${issue}` }]
}

function issuedCookie ({ issue, ttl }: RolloutSpec['affinity']): IssuedCookie | null {
  return issue === undefined ? null : { name: issue, maxAgeSeconds: Math.max(1, Math.ceil(durationMs(ttl) / 1_000)) }
}

/** A slice holds at least one of the 10,000 buckets. */
function layerFaults ({ layer }: RolloutSpec): Fault[] {
  if (layer === undefined || bps(layer.from) < bps(layer.to)) return []
  return [{ path: 'layer.to', message: `must be above layer.from, ${layer.from}, by at least 0.01` }]
}

function bps (percent: number): number {
  return Math.round(percent * 100)
}

/** Attributes have names and sources, and every condition fits them. */
function attributeFaults ({ attributes, strategy }: RolloutSpec): Fault[] {
  const faults: Fault[] = []
  for (const [name, source] of Object.entries(attributes)) {
    const message = attributeNameFault(name) ?? (parseValueSource(source) === null ? SOURCE_EXPECTED : null)
    if (message !== null) faults.push({ path: `attributes.${name}`, message })
  }
  if (faults.length > 0) return faults
  const names = Object.keys(attributes)
  return [...conditionsOf(strategy)].flatMap(({ path, when }) => {
    const message = conditionFault(when, names)
    return message === null ? [] : [{ path, message }]
  })
}

function * conditionsOf (strategy: RolloutSpec['strategy']): Generator<{ path: string, when: string }> {
  const { canary, blueGreen, featureFlag, darkLaunch } = strategy
  for (const [step, { setTarget }] of (canary?.steps ?? []).entries()) {
    for (const [rule, { when }] of (setTarget?.rules ?? []).entries()) {
      yield { path: `strategy.canary.steps[${step}].setTarget.rules[${rule}].when`, when }
    }
  }
  for (const [rule, { when }] of (featureFlag?.rules ?? []).entries()) {
    yield { path: `strategy.featureFlag.rules[${rule}].when`, when }
  }
  if (blueGreen?.preview !== undefined) yield { path: 'strategy.blueGreen.preview.when', when: blueGreen.preview.when }
  if (darkLaunch !== undefined) yield { path: 'strategy.darkLaunch.when', when: darkLaunch.when }
}
