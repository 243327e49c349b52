import { Type, type Static } from 'typebox'
import type { Verdict } from '../../evaluators/verdict.js'
import type { RolloutRow } from '../../registry/rollouts/rollout.js'
import type { Standing } from '../rollouts/contest.js'
import { watchedUntil } from '../rollouts/watch.js'

const nullable = Type.Union([Type.Number(), Type.Null()])

const EtaView = Type.Object({
  samples: nullable,
  samplesAtPower: nullable,
  days: nullable,
  daysAtPower: nullable,
  assumed: nullable,
  reason: Type.String()
}, { description: 'further samples of both arms and days: of the median trial, and with power 1 - beta / critical metrics' })

/** Fields from `direction` on, `rule`, `health` and `eta` are missing in verdicts that version 0.1.0 stored. */
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
  reason: Type.String(),
  direction: Type.Optional(Type.String()),
  marginKind: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  alpha: Type.Optional(Type.Object({ lower: nullable, upper: nullable, better: nullable })),
  units: Type.Optional(nullable),
  plannedSamples: Type.Optional(nullable),
  anytimeP: Type.Optional(Type.Union([Type.Object({ against: Type.Number(), p: Type.Number() }), Type.Null()])),
  gates: Type.Optional(Type.Array(
    Type.Object({ gate: Type.String(), have: nullable, need: nullable, met: Type.Boolean() })
  )),
  eta: Type.Optional(EtaView),
  note: Type.Optional(Type.String())
})

const HealthView = Type.Object({
  check: Type.String(),
  subject: Type.Union([Type.String(), Type.Null()]),
  action: Type.String(),
  p: nullable,
  threshold: nullable,
  reason: Type.String()
})

const VerdictView = Type.Object({
  decision: Type.String(),
  rule: Type.Optional(Type.Integer()),
  reason: Type.String(),
  metrics: Type.Array(MetricView),
  health: Type.Optional(Type.Array(HealthView)),
  eta: Type.Optional(EtaView),
  judge: Type.Optional(Type.Object({
    judgement: Type.Integer(),
    judgements: Type.Integer(),
    result: Type.Any({ description: 'of the latest judgement, in the form of Kayenta\'s judge result' })
  }, { description: 'where analysis.judge decides' }))
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
  watchedUntil: Type.Union([Type.Number(), Type.Null()], { description: 'when the watch over its promotion ends; null without one' }),
  reverted: Type.Union([Type.Object({ at: Type.Number(), actor: Type.String(), reason: Type.String() }), Type.Null()]),
  verdict: VerdictView,
  arms: Type.Optional(Type.Array(Type.Object({
    version: Type.String(),
    weightBps: Type.Integer(),
    verdict: VerdictView
  }), { description: 'of abn while it is open: each challenger, its share (0 once it is out) and the verdict on it' }))
})

export type RolloutView = Static<typeof RolloutViewSchema>

/** A row and its verdict as one document. */
export function viewRollout (row: RolloutRow, verdict: Verdict, arms?: readonly Standing[]): RolloutView {
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
    watchedUntil: watchedUntil(row),
    reverted: row.reverted,
    verdict: structuredClone(verdict) as RolloutView['verdict'],
    ...arms === undefined ? {} : { arms: structuredClone(arms) as NonNullable<RolloutView['arms']> }
  }
}
