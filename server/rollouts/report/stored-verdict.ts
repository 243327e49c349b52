import { isIntervalSpec } from '../../../evaluators/interval-verdict.js'
import type { AnalysisSpec, Evidence, HealthFinding, MetricVerdict, Verdict } from '../../../evaluators/verdict.js'
import type { RolloutVerdict } from '../../../registry/rollouts/rollout.js'
import type { Arm } from '../../routing/assign.js'

/** One metric as a verdict left it; effects are positive when the challenger is better. */
export interface ReportedMetric {
  readonly name: string
  readonly role: string
  readonly source: string | null
  readonly outcome: string
  readonly estimate: number | null
  readonly lower: number | null
  readonly upper: number | null
  readonly margin: number | null
  readonly marginKind: 'absolute' | 'relative' | null
  readonly isTwoSided: boolean
  readonly n: Readonly<Record<Arm, number>>
  readonly reason: string
  /** How long it would still have taken, in words; empty when that is not known. */
  readonly eta: string
}

/** The verdict that decided, or the last one where none did. */
export interface ReportedDecision {
  readonly number: number
  readonly at: number
  readonly decision: string
  /** Number of the rule of `decide`; null in verdicts of version 0.1.0. */
  readonly rule: Verdict['rule'] | null
  readonly reason: string
  /** Whether the rollout is where it is because of it. */
  readonly hasDecided: boolean
  /** Whether a canary judge drew it, which proves nothing. */
  readonly isByJudge: boolean
  /** The release that drew it. */
  readonly engine: string
  /** The sentence of a tripped breaker. */
  readonly breaker: string | null
  readonly metrics: readonly ReportedMetric[]
  /** What was found about the trial itself. */
  readonly health: readonly HealthFinding[]
}

/** Verdicts of version 0.1.0 lack some of the fields, and what was asked of the metrics. */
type StoredMetric = Pick<MetricVerdict, 'name' | 'role' | 'outcome' | 'estimate' | 'lower' | 'upper' | 'margin' | 'n' | 'reason'> &
  Partial<MetricVerdict>

/** What a stored verdict was drawn from. Pure. */
export function evidenceOf ({ evidence }: RolloutVerdict): Partial<Evidence> {
  return (evidence ?? {}) as Partial<Evidence>
}

/** The metrics of a stored verdict, in the order of the spec. Pure. */
export function metricsOf ({ verdict, analysis }: Pick<RolloutVerdict, 'verdict' | 'analysis'>): ReportedMetric[] {
  const { metrics = [] } = (verdict ?? {}) as { metrics?: readonly StoredMetric[] }
  const asked = new Map(((analysis as AnalysisSpec | null)?.metrics ?? []).map((metric) => [metric.name, metric]))
  return metrics.map(({ name, role, outcome, estimate, lower, upper, margin, marginKind, n, reason, eta }) => ({
    name,
    role,
    source: asked.get(name)?.source ?? null,
    outcome,
    estimate,
    lower,
    upper,
    margin,
    marginKind: marginKind ?? null,
    isTwoSided: asked.get(name)?.twoSided === true,
    n: { champion: n.champion, challenger: n.challenger },
    reason,
    eta: eta?.reason ?? ''
  }))
}

/** A stored verdict as a report tells it. Pure. */
export function decisionOf (stored: RolloutVerdict, hasDecided: boolean): ReportedDecision {
  const { number, at, decision, reason, engine, verdict } = stored
  const { rule = null, health = [] } = (verdict ?? {}) as Partial<Verdict> & { health?: readonly HealthFinding[] }
  const { breaker = null } = evidenceOf(stored)
  const isByJudge = isIntervalSpec(stored.analysis) && breaker === null && rule !== 2
  const metrics = metricsOf(stored)
  return { number, at, decision, rule, reason, hasDecided, isByJudge, engine, breaker, metrics, health }
}

/** The finding that asked for a rollback, where no metric and no breaker did. */
export function isOfHealth ({ verdict }: RolloutVerdict): boolean {
  const { reason, health = [] } = (verdict ?? {}) as Partial<Verdict>
  return health.some((finding) => finding.action === 'rollback' && finding.reason === reason)
}
