import { isIntervalSpec } from '../../../evaluators/interval-verdict.js'
import type { AnalysisSpec, ArmEvidence, Evidence } from '../../../evaluators/verdict.js'
import type { RolloutHistoryEntry, RolloutRow, RolloutVerdict } from '../../../registry/rollouts/rollout.js'
import type { Arm } from '../../routing/assign.js'
import { evidenceOf } from './stored-verdict.js'

export type ArmCounts = Readonly<Record<Arm, number>>

/**
 * How long a weight was set, and what was counted under it; null where no metric counts requests, or where the same
 * weight was in place with different mirrored shares.
 */
export interface WeightExposure {
  readonly weightBps: number
  readonly mirrorBps: number
  readonly durationMs: number
  readonly requests: ArmCounts | null
}

/** Who met the challenger. Everything counted is as of the last stored verdict. */
export interface Exposure {
  /** When the counts were taken; null without a verdict. */
  readonly asOf: number | null
  /** Requests of the analysis: those with a session's key, while the traffic was split. */
  readonly requests: ArmCounts | null
  /** Different buckets of sessions, of 10,000, each in the arm where it was first seen. */
  readonly sessionBuckets: ArmCounts | null
  /** Mirrored requests, whose answers of the challenger nobody saw; null without any. */
  readonly mirrored: number | null
  readonly weights: readonly WeightExposure[]
  /** How long the challenger could answer users: every weight above 0. */
  readonly exposedMs: number
}

interface Told {
  readonly row: RolloutRow
  readonly history: readonly RolloutHistoryEntry[]
  readonly until: number
  readonly last: RolloutVerdict | null
  readonly mirrorBps: (step: number) => number
}

/** Pure. A weight counts for as long as it was set, also while the challenger was switched off. */
export function exposureOf ({ row, history, until, last, mirrorBps }: Told): Exposure {
  const evidence = last === null ? {} : evidenceOf(last)
  const metric = countingMetric(last?.analysis as AnalysisSpec | null ?? null)
  const spans = new Map<string, { weightBps: number, mirrorBps: number, durationMs: number }>()
  const moves = history.filter(({ event }) => event !== 'revert')
  for (const [i, { at, step, weightBps, to }] of moves.entries()) {
    if (to === 'pending' || to === 'warming') continue
    const setting = { weightBps, mirrorBps: mirrorBps(step) }
    const key = `${setting.weightBps}:${setting.mirrorBps}`
    const durationMs = Math.max(0, (moves[i + 1]?.at ?? until) - at)
    if (row.endedAt !== null && i === moves.length - 1) continue
    spans.set(key, { ...setting, durationMs: (spans.get(key)?.durationMs ?? 0) + durationMs })
  }
  const all = [...spans.values()]
  const isOnlyOne = (weightBps: number): boolean => all.filter((span) => span.weightBps === weightBps).length === 1
  return {
    asOf: last?.at ?? null,
    requests: requestsOf(evidence, metric, () => true),
    sessionBuckets: bucketsOf(evidence),
    mirrored: mirroredOf(evidence),
    weights: all.map((span) => ({
      ...span,
      requests: isOnlyOne(span.weightBps)
        ? requestsOf(evidence, metric, (weightBps) => weightBps === span.weightBps)
        : null
    })),
    exposedMs: all.reduce((sum, { weightBps, durationMs }) => weightBps > 0 ? sum + durationMs : sum, 0)
  }
}

/** The metric that counts every request: errors; otherwise any of latency, which counts those that were answered. */
function countingMetric (analysis: AnalysisSpec | null): string | null {
  // A judge counts the present run alone.
  const metrics = isIntervalSpec(analysis) ? [] : analysis?.metrics ?? []
  const found = metrics.find(({ source }) => source === 'errors') ?? metrics.find(({ source }) => source === 'latency')
  return found?.name ?? null
}

function requestsOf (
  { strata = [], pairs }: Partial<Evidence>, metric: string | null, isWanted: (weightBps: number) => boolean
): ArmCounts | null {
  if (metric === null || pairs?.[metric] !== undefined) return null
  const counts = { champion: 0, challenger: 0 }
  for (const { weightBps, champion, challenger } of strata) {
    if (!isWanted(weightBps)) continue
    counts.champion += countOf(champion[metric])
    counts.challenger += countOf(challenger[metric])
  }
  return counts
}

function countOf (arm: ArmEvidence | undefined): number {
  if (arm === undefined) return 0
  if ('moments' in arm) return arm.moments.n
  if ('histogram' in arm) return arm.histogram.buckets.reduce((sum, [, count]) => sum + count, 0)
  return 0
}

function bucketsOf ({ health }: Partial<Evidence>): ArmCounts | null {
  const stages = health?.assignments
  if (stages === undefined) return null
  const sum = (arm: Arm): number => stages.reduce((total, stage) => total + stage[arm], 0)
  return { champion: sum('champion'), challenger: sum('challenger') }
}

function mirroredOf ({ pairs = {} }: Partial<Evidence>): number | null {
  const counts = Object.values(pairs).map(({ differences }) => differences.n)
  return counts.length === 0 ? null : Math.max(...counts)
}
