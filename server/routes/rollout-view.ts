import { Type, type Static } from 'typebox'
import type { Verdict } from '../../evaluators/verdict.js'
import type { RolloutRow } from '../../registry/rollouts/rollout.js'

const nullable = Type.Union([Type.Number(), Type.Null()])

const MetricView = Type.Object({
  name: Type.String(),
  role: Type.String(),
  outcome: Type.String(),
  estimator: Type.String(),
  estimate: nullable,
  lower: nullable,
  upper: nullable,
  margin: nullable,
  n: Type.Object({ champion: Type.Number(), challenger: Type.Number() }),
  reason: Type.String()
})

/** A rollout as the API and `gauntlet rollout status --json` show it. */
export const RolloutViewSchema = Type.Object({
  id: Type.String(),
  model: Type.String(),
  champion: Type.String(),
  challenger: Type.String(),
  state: Type.String(),
  step: Type.Integer(),
  weightBps: Type.Integer({ description: 'share of the sessions on the challenger, basis points' }),
  reason: Type.String(),
  pausedUntil: nullable,
  createdAt: Type.Number(),
  updatedAt: Type.Number(),
  endedAt: nullable,
  reverted: Type.Union([Type.Object({ at: Type.Number(), actor: Type.String(), reason: Type.String() }), Type.Null()]),
  verdict: Type.Object({ decision: Type.String(), reason: Type.String(), metrics: Type.Array(MetricView) })
})

export type RolloutView = Static<typeof RolloutViewSchema>

/** A row and its verdict as one document. */
export function viewRollout (row: RolloutRow, verdict: Verdict): RolloutView {
  return {
    id: row.id,
    model: row.model,
    champion: row.champion,
    challenger: row.challenger,
    state: row.state,
    step: row.step,
    weightBps: row.weightBps,
    reason: row.reason,
    pausedUntil: row.pausedUntil,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    endedAt: row.endedAt,
    reverted: row.reverted,
    verdict: { ...verdict, metrics: [...verdict.metrics] }
  }
}
