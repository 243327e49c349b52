import type { JudgeResult } from './judge/judge.js'
import { budgetFault, overallEta } from './verdict/budget.js'
import { checkHealth, type HealthFinding } from './verdict/health.js'
import { judge, levelsOf } from './verdict/judgement.js'
import { isHarmful, isWithinMargin, numbers, type Eta, type Judgement, type MetricVerdict } from './verdict/metric-verdict.js'
import type { AnalysisSpec, Evidence } from './verdict/spec.js'

export type { Gate } from './effects/effect.js'
export type { HealthFinding } from './verdict/health.js'
export { levelsOf, sequenceLevels } from './verdict/judgement.js'
export type { Eta, MetricVerdict } from './verdict/metric-verdict.js'
export type {
  AnalysisSpec, ArmEvidence, Budget, DriftFinding, Evidence, HealthEvidence, Margin, MetricSpec, PairEvidence,
  StageCounts, Stratum
} from './verdict/spec.js'

/** What to do with the rollout. */
export type Decision = 'promote' | 'rollback' | 'pause' | 'continue'

/**
 * The conclusion over all metrics; `rule` is the number of the rule of {@link decide} that applied and `reason` one
 * sentence naming what decided, with its numbers. `health` lists every check of the trial itself that was made. `eta`
 * says how long the decision will take. `judge` is the latest judgement, of so many, where a canary judge decides.
 */
export interface Verdict {
  readonly decision: Decision
  readonly rule: 1 | 2 | 3 | 4 | 5 | 6
  readonly reason: string
  readonly metrics: MetricVerdict[]
  readonly health: HealthFinding[]
  readonly eta: Eta
  readonly judge?: { readonly judgement: number, readonly judgements: number, readonly result: JudgeResult }
}

type Conclusion = Pick<Verdict, 'decision' | 'rule' | 'reason'>

/**
 * What should happen to the challenger, given everything seen so far. δ is the effect, positive = better; m a metric's
 * margin; a primary with a margin is critical too. First match wins:
 *
 * 1. rollback: a circuit breaker tripped, a critical metric is proven worse than its margin (upper δ < −m; a two-sided
 *    one also when lower δ > m), or a severe drift was found for which the spec asks a rollback;
 * 2. pause: the trial cannot be trusted: a critical or primary metric could not be computed, the sessions are not split
 *    as intended or outcomes are missing unevenly (each at p < 0.001), a severe drift for which the spec asks a pause,
 *    or a version that changed. What only a monitor shows never pauses;
 * 3. pause: a primary is proven worse but not beyond its margin (upper δ < 0 and lower δ > −m, any lower δ without a
 *    margin), or a primary is proven better while a critical metric is proven worse (upper δ < 0);
 * 4. promote: no gate of a critical or primary metric is unmet, every critical metric has lower δ > −m (a two-sided one
 *    also upper δ < m), and either mode is superiority and a primary has lower δ > 0, or mode is equivalence and every
 *    primary has lower δ > −m. Never without a critical or primary metric; in mode equivalence never with a primary
 *    that has no margin;
 * 5. pause: the budget is used up, or what is open would not be decided within what is left of it (futility);
 * 6. continue otherwise, with a reason and an ETA per metric.
 *
 * Levels, all anytime-valid so that looking often costs nothing: lower bounds at alpha, since a promotion needs every
 * critical metric (intersection-union test, Berger 1982); upper bounds at alpha / critical metrics, since any of them
 * can roll back; superiority at alpha / primaries (Bonferroni). Monitor metrics are reported and decide nothing. Pure:
 * equal arguments give equal bytes of JSON; every number is finite or null. A metric that cannot be computed, or any
 * under a spec whose alpha or planned samples are out of range, is inconclusive with the cause in its reason.
 * O(metrics · strata).
 *
 * @throws EvaluatorError MALFORMED when the spec's metrics are not a list, for nothing else
 */
export function decide (spec: AnalysisSpec, evidence: Evidence): Verdict {
  const levels = levelsOf(spec)
  const judgements = spec.metrics.map((metric) => judge(metric, spec, evidence, levels))
  const health = checkHealth(evidence.health, judgements)
  const conclusion = harm(judgements, health, evidence) ?? illness(health) ?? tradeOff(judgements) ??
    advance(judgements, spec.mode) ?? wait(judgements, spec.mode, budgetFault(judgements, spec, evidence, levels))
  const metrics = judgements.map(({ verdict }) => verdict)
  return { ...conclusion, metrics, health, eta: overallEta(judgements, spec.mode) }
}

/** Rule 1. */
function harm (
  judgements: readonly Judgement[], health: readonly HealthFinding[], { breaker }: Evidence
): Conclusion | null {
  if (breaker !== null) return { decision: 'rollback', rule: 1, reason: breaker }
  const worse = judgements.find((judgement) => judgement.isCritical && isHarmful(judgement))
  if (worse !== undefined) {
    const how = worse.metric.twoSided === true ? 'different' : 'worse'
    const reason = `${worse.verdict.name} is proven ${how} beyond its margin: ${numbers(worse)}`
    return { decision: 'rollback', rule: 1, reason }
  }
  const asked = health.find(({ action }) => action === 'rollback')
  return asked === undefined ? null : { decision: 'rollback', rule: 1, reason: asked.reason }
}

/** Rule 2. */
function illness (health: readonly HealthFinding[]): Conclusion | null {
  const found = health.filter(({ action }) => action === 'pause')
  if (found.length === 0) return null
  return { decision: 'pause', rule: 2, reason: found.map(({ reason }) => reason).join('; ') }
}

/** Rule 3. */
function tradeOff (judgements: readonly Judgement[]): Conclusion | null {
  const within = judgements.find(({ bounds, margin, isPrimary, isCritical }) =>
    isPrimary && bounds !== null && bounds.upper < 0 && (!isCritical || bounds.lower > -margin))
  if (within !== undefined) {
    const limit = within.isCritical ? 'though inside its margin' : 'and has no margin'
    return { decision: 'pause', rule: 3, reason: `${within.verdict.name} is proven worse, ${limit}: ${numbers(within)}` }
  }
  const better = judgements.find(({ bounds, isPrimary }) => isPrimary && bounds !== null && bounds.better > 0)
  const worse = judgements.find(({ bounds, isCritical, metric }) =>
    isCritical && metric.twoSided !== true && bounds !== null && bounds.upper < 0)
  if (better === undefined || worse === undefined) return null
  const reason = `${better.verdict.name} is proven better (${numbers(better)}) ` +
    `but ${worse.verdict.name} worse (${numbers(worse)})`
  return { decision: 'pause', rule: 3, reason }
}

/** Rule 4. */
function advance (judgements: readonly Judgement[], mode: AnalysisSpec['mode']): Conclusion | null {
  const deciding = judgements.filter(isDeciding)
  if (deciding.length === 0 || !deciding.every((judgement) => isSettled(judgement, mode))) return null
  if (mode === 'equivalence') {
    const closest = deciding.map((judgement) => `${judgement.verdict.name} ${numbers(judgement)}`).join('; ')
    return { decision: 'promote', rule: 4, reason: `no metric is worse beyond its margin: ${closest}` }
  }
  const better = deciding.find(({ bounds, isPrimary }) => isPrimary && bounds !== null && bounds.better > 0)
  if (better === undefined) return null
  const rest = deciding.length > 1 ? ' and no critical metric is worse beyond its margin' : ''
  return { decision: 'promote', rule: 4, reason: `${better.verdict.name} is proven better: ${numbers(better)}${rest}` }
}

/** Whether a metric leaves the way free for rule 4, apart from superiority. */
function isSettled (judgement: Judgement, mode: AnalysisSpec['mode']): boolean {
  if (judgement.bounds === null) return false
  return judgement.isCritical ? isWithinMargin(judgement) : mode === 'superiority'
}

function isDeciding ({ isCritical, isPrimary }: Judgement): boolean {
  return isCritical || isPrimary
}

/** Rules 5 and 6. */
function wait (judgements: readonly Judgement[], mode: AnalysisSpec['mode'], overBudget: string | null): Conclusion {
  const reason = openReason(judgements, mode)
  if (overBudget === null) return { decision: 'continue', rule: 6, reason }
  return { decision: 'pause', rule: 5, reason: `${overBudget}; ${reason}` }
}

/** What is still open, once rule 4 did not apply. */
function openReason (judgements: readonly Judgement[], mode: AnalysisSpec['mode']): string {
  const deciding = judgements.filter(isDeciding)
  const open = deciding.find((judgement) => !isSettled(judgement, mode))
  if (open !== undefined) return `${open.verdict.name} is inconclusive: ${open.verdict.reason}`
  if (deciding.length === 0) return 'no critical or primary metric to decide by'
  const first = deciding.find(({ isPrimary }) => isPrimary)
  if (first === undefined) return 'mode superiority needs a primary metric to be better'
  return `${first.verdict.name} is not proven better yet: ${numbers(first)}`
}
