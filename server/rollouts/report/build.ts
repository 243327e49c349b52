import type { RolloutHistoryEntry, RolloutRow, RolloutVerdict } from '../../../registry/rollouts/rollout.js'
import type { Arm } from '../../routing/assign.js'
import { adviceOf } from './advice.js'
import { endingOf } from './ending.js'
import { exposureOf } from './exposure.js'
import type { RolloutReport, Series, SeriesPoint, WeightPoint } from './model.js'
import { decisionOf, metricsOf } from './stored-verdict.js'
import { thin } from './thin.js'

/** Most transitions, and most changes of weight, that a report shows; see {@link thin}. */
const TRANSITIONS_MAX = 500

/** All that a report is made of. `now` counts for a rollout that is open. Times are in ms since the epoch. */
export interface ReportSource {
  readonly row: RolloutRow
  /** Oldest first. */
  readonly history: readonly RolloutHistoryEntry[]
  /** What verdicts said, oldest first: those that are to be shown. */
  readonly said: ReadonlyArray<Pick<RolloutVerdict, 'at' | 'verdict'>>
  /** The last verdict, and the last one that moved the rollout, with their evidence. */
  readonly last: RolloutVerdict | null
  readonly lastActed: RolloutVerdict | null
  readonly counts: { readonly saved: number, readonly kept: number }
  /** Who opened it and why; null when the audit trail does not say. */
  readonly opened: { readonly actor: string, readonly reason: string } | null
  readonly digests: Readonly<Record<Arm, string | null>>
  /** Mirrored share in basis points once so many steps are done. */
  readonly mirrorBps: (step: number) => number
  readonly now: number
}

/** Tells a rollout from what is stored of it. Pure. */
export function buildReport (source: ReportSource, transitionsMax = TRANSITIONS_MAX): RolloutReport {
  const { row, history, opened, digests, counts, said, last, lastActed } = source
  const until = row.endedAt ?? Math.max(source.now, row.updatedAt)
  const ending = endingOf(row, history, lastActed, until)
  const deciding = ending.isJudged ? lastActed : last
  const decision = deciding === null ? null : decisionOf(deciding, ending.isJudged)
  const entries = thin(history, transitionsMax, () => false)
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
    weights: thin(weightsOf(source), transitionsMax, () => false),
    series: seriesOf(said, last),
    exposure: exposureOf({ row, history, until, last, mirrorBps: source.mirrorBps }),
    verdicts: { ...counts, shown: said.length },
    spec: row.spec,
    until
  }
  return { ...told, advice: adviceOf(told) }
}

function seriesOf (said: ReportSource['said'], last: RolloutVerdict | null): Series[] {
  const points = new Map<string, SeriesPoint[]>()
  for (const { at, verdict } of said) {
    for (const { name, estimate, lower, upper } of metricsOf({ verdict, analysis: null })) {
      if (estimate === null) continue
      if (!points.has(name)) points.set(name, [])
      points.get(name)!.push({ at, estimate, lower, upper })
    }
  }
  return (last === null ? [] : metricsOf(last)).map(({ name, role, margin, marginKind, isTwoSided }) =>
    ({ name, role, margin, marginKind, isTwoSided, points: points.get(name) ?? [] }))
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
