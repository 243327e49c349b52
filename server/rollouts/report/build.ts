import type { RolloutHistoryEntry, RolloutRow, RolloutVerdict } from '../../../registry/rollouts/rollout.js'
import type { Arm } from '../../routing/assign.js'
import { adviceOf } from './advice.js'
import { endingOf } from './ending.js'
import { exposureOf } from './exposure.js'
import type { RolloutReport, Series, SeriesPoint, WeightPoint } from './model.js'
import { decisionOf, metricsOf } from './stored-verdict.js'
import { thin } from './thin.js'

/** Most verdicts, and most transitions and changes of weight, that a report shows; see {@link thin}. */
export interface ReportLimits { readonly pointsMax: number, readonly transitionsMax: number }

export const REPORT_LIMITS: ReportLimits = { pointsMax: 500, transitionsMax: 500 }

/** All that a report is made of. `now` counts for a rollout that is open. Times are in ms since the epoch. */
export interface ReportSource {
  readonly row: RolloutRow
  /** Oldest first. */
  readonly history: readonly RolloutHistoryEntry[]
  /** Oldest first; read once. */
  readonly verdicts: Iterable<RolloutVerdict>
  readonly counts: { readonly saved: number, readonly kept: number }
  /** Who opened it and why; null when the audit trail does not say. */
  readonly opened: { readonly actor: string, readonly reason: string } | null
  readonly digests: Readonly<Record<Arm, string | null>>
  /** Mirrored share in basis points once so many steps are done. */
  readonly mirrorBps: (step: number) => number
  readonly now: number
}

/** Tells a rollout from what is stored of it. Pure. Memory: a point per verdict, one's evidence at a time. */
export function buildReport (source: ReportSource, limits: ReportLimits = REPORT_LIMITS): RolloutReport {
  const { row, history, opened, digests, counts } = source
  const until = row.endedAt ?? Math.max(source.now, row.updatedAt)
  const { points, last, lastActed } = readVerdicts(source.verdicts)
  const ending = endingOf(row, history, lastActed, until)
  const deciding = ending.isJudged ? lastActed : last
  const decision = deciding === null ? null : decisionOf(deciding, ending.isJudged)
  const shown = thin(points, limits.pointsMax, ({ acted }) => acted)
  const entries = thin(history, limits.transitionsMax, () => false)
  const told = {
    rollout: row.id,
    model: row.model,
    champion: { version: row.champion, digest: digests.champion },
    challenger: { version: row.challenger, digest: digests.challenger },
    strategy: strategyOf(row.spec),
    opened: { at: row.createdAt, actor: opened?.actor ?? null, reason: opened?.reason ?? null },
    ending,
    decision,
    timeline: { entries, omitted: history.length - entries.length },
    weights: thin(weightsOf(source), limits.transitionsMax, () => false),
    series: seriesOf(shown, last),
    exposure: exposureOf({ row, history, until, last, mirrorBps: source.mirrorBps }),
    verdicts: { ...counts, shown: shown.length },
    spec: row.spec,
    until
  }
  return { ...told, advice: adviceOf(told) }
}

interface Point {
  readonly at: number
  readonly acted: boolean
  readonly metrics: ReadonlyMap<string, Omit<SeriesPoint, 'at'>>
}

interface Read {
  readonly points: readonly Point[]
  readonly last: RolloutVerdict | null
  readonly lastActed: RolloutVerdict | null
}

function readVerdicts (verdicts: Iterable<RolloutVerdict>): Read {
  const points: Point[] = []
  let last: RolloutVerdict | null = null
  let lastActed: RolloutVerdict | null = null
  for (const stored of verdicts) {
    const { at, acted } = stored
    const metrics = new Map<string, Omit<SeriesPoint, 'at'>>()
    for (const { name, estimate, lower, upper } of metricsOf(stored)) metrics.set(name, { estimate, lower, upper })
    points.push({ at, acted, metrics })
    last = stored
    if (stored.acted) lastActed = stored
  }
  return { points, last, lastActed }
}

function seriesOf (points: readonly Point[], last: RolloutVerdict | null): Series[] {
  return (last === null ? [] : metricsOf(last)).map(({ name, role, margin, marginKind, isTwoSided }) => {
    const seen = points.flatMap(({ at, metrics }) => {
      const numbers = metrics.get(name)
      return numbers === undefined || numbers.estimate === null ? [] : [{ at, ...numbers }]
    })
    return { name, role, margin, marginKind, isTwoSided, points: seen }
  })
}

/** Where the weight or the mirrored share changed, from the beginning on. */
function weightsOf ({ row, history, mirrorBps }: ReportSource): WeightPoint[] {
  const weights: WeightPoint[] = [{ at: row.createdAt, weightBps: 0, mirrorBps: 0 }]
  for (const { at, weightBps, step, to, event } of history) {
    if (event === 'revert') continue
    const isOver = to === 'rolled-back' || to === 'failed' || to === 'promoted'
    const mirrored = isOver ? 0 : mirrorBps(step)
    const before = weights.at(-1)!
    const isSame = before.weightBps === weightBps && before.mirrorBps === mirrored
    if (!isSame) weights.push({ at, weightBps, mirrorBps: mirrored })
  }
  return weights
}

function strategyOf (spec: unknown): string | null {
  const { strategy } = (spec ?? {}) as { strategy?: object }
  return Object.keys(strategy ?? {})[0] ?? null
}
