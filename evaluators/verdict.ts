import { judge, levelsOf, numbers, type Judgement, type MetricVerdict } from './judgement.js'
import type { AnalysisSpec, Evidence } from './spec.js'

export type { MetricVerdict } from './judgement.js'
export type { AnalysisSpec, ArmEvidence, Evidence, MetricSpec, Stratum } from './spec.js'

/** What to do with the rollout. */
export type Decision = 'promote' | 'rollback' | 'pause' | 'continue'

/** The conclusion over all metrics; `reason` is one sentence naming what decided, with its numbers. */
export interface Verdict {
  readonly decision: Decision
  readonly reason: string
  readonly metrics: MetricVerdict[]
}

/**
 * What should happen to the challenger, given everything seen so far. δ is the effect, positive = better; m a metric's
 * margin; a primary with a margin is critical too. First match wins:
 *
 * 1. rollback: a circuit breaker tripped, or a critical metric is proven worse than its margin (upper δ < −m);
 * 2. (a metric that cannot be computed, or whose gates are unmet, is inconclusive: it proves nothing and passes
 *    nothing);
 * 3. pause: a primary is proven worse but not beyond its margin (upper δ < 0 and lower δ > −m, any lower δ without a
 *    margin), or a primary is proven better while a critical metric is proven worse (upper δ < 0);
 * 4. promote: no gate of a critical or primary metric is unmet, every critical metric has lower δ > −m, and either
 *    mode is superiority and a primary has lower δ > 0, or mode is equivalence and every primary has lower δ > −m.
 *    Never without a critical or primary metric; in mode equivalence never with a primary that has no margin;
 * 6. continue otherwise.
 *
 * Levels, all anytime-valid so that looking often costs nothing: lower bounds at alpha, since a promotion needs every
 * critical metric (intersection-union test, Berger 1982); upper bounds at alpha / critical metrics, since any of them
 * can roll back; superiority at alpha / primaries (Bonferroni). Monitor metrics are reported and decide nothing. Pure:
 * equal arguments give equal bytes of JSON. Never throws: a metric that cannot be computed is inconclusive with the
 * cause in its reason. O(metrics · strata).
 */
export function decide (spec: AnalysisSpec, evidence: Evidence): Verdict {
  const levels = levelsOf(spec)
  const judgements = spec.metrics.map((metric) => judge(metric, spec, evidence, levels))
  const metrics = judgements.map(({ verdict }) => verdict)
  if (evidence.breaker !== null) return { decision: 'rollback', reason: evidence.breaker, metrics }
  const proven = harm(judgements) ?? tradeOff(judgements)
  if (proven !== null) return { ...proven, metrics }
  const open = judgements.find((judgement) => !isSettled(judgement, spec.mode))
  if (open !== undefined) return { decision: 'continue', reason: waiting(open), metrics }
  return { ...advance(judgements, spec.mode), metrics }
}

/** Rule 1. */
function harm (judgements: readonly Judgement[]): Pick<Verdict, 'decision' | 'reason'> | null {
  const worse = judgements.find(({ bounds, margin, isCritical }) =>
    isCritical && bounds !== null && bounds.upper < -margin)
  if (worse === undefined) return null
  return { decision: 'rollback', reason: `${worse.verdict.name} is proven worse beyond its margin: ${numbers(worse)}` }
}

/** Rule 3. */
function tradeOff (judgements: readonly Judgement[]): Pick<Verdict, 'decision' | 'reason'> | null {
  const within = judgements.find(({ bounds, margin, isPrimary, isCritical }) =>
    isPrimary && bounds !== null && bounds.upper < 0 && (!isCritical || bounds.lower > -margin))
  if (within !== undefined) {
    const limit = within.isCritical ? 'though inside its margin' : 'and has no margin'
    return { decision: 'pause', reason: `${within.verdict.name} is proven worse, ${limit}: ${numbers(within)}` }
  }
  const better = judgements.find(({ bounds, isPrimary }) => isPrimary && bounds !== null && bounds.better > 0)
  const worse = judgements.find(({ bounds, isCritical }) => isCritical && bounds !== null && bounds.upper < 0)
  if (better === undefined || worse === undefined) return null
  const reason = `${better.verdict.name} is proven better (${numbers(better)}) ` +
    `but ${worse.verdict.name} worse (${numbers(worse)})`
  return { decision: 'pause', reason }
}

/** Whether a metric leaves the way free for rule 4, apart from superiority. */
function isSettled ({ bounds, margin, isCritical, isPrimary }: Judgement, mode: AnalysisSpec['mode']): boolean {
  if (!isCritical && !isPrimary) return true
  if (bounds === null) return false
  return isCritical ? bounds.lower > -margin : mode === 'superiority'
}

/** Rule 4 and 6, once every critical and primary metric is settled. */
function advance (judgements: readonly Judgement[], mode: AnalysisSpec['mode']): Pick<Verdict, 'decision' | 'reason'> {
  const deciding = judgements.filter(({ isCritical, isPrimary }) => isCritical || isPrimary)
  if (deciding.length === 0) return { decision: 'continue', reason: 'no critical or primary metric to decide by' }
  if (mode === 'equivalence') {
    const closest = deciding.map((judgement) => `${judgement.verdict.name} ${numbers(judgement)}`).join('; ')
    return { decision: 'promote', reason: `no metric is worse beyond its margin: ${closest}` }
  }
  const primaries = judgements.filter(({ isPrimary }) => isPrimary)
  const better = primaries.find(({ bounds }) => bounds !== null && bounds.better > 0)
  if (better !== undefined) {
    const rest = deciding.length > 1 ? ' and no critical metric is worse beyond its margin' : ''
    return { decision: 'promote', reason: `${better.verdict.name} is proven better: ${numbers(better)}${rest}` }
  }
  const first = primaries[0]
  if (first === undefined) return { decision: 'continue', reason: 'mode superiority needs a primary metric to be better' }
  return { decision: 'continue', reason: `${first.verdict.name} is not proven better yet: ${numbers(first)}` }
}

function waiting (judgement: Judgement): string {
  return `${judgement.verdict.name} is inconclusive: ${judgement.verdict.reason}`
}
