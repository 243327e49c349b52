import { buildScorers } from '../evaluation/metric-catalogue.js'
import { EMBEDDING_METRICS } from '../evaluation/embedding-metrics.js'
import { isMain } from '../evaluation/scorer.js'
import { ANSWER_METRICS, betterOf, type AnswerMetric } from '../rollouts/gate/answer-metrics.js'
import type { GateEvidence, GateValue } from '../rollouts/gate/judge.js'
import type { GatePlan } from '../rollouts/spec/gate.js'
import { SpecError } from '../rollouts/spec-error.js'
import type { Scenario } from './scenario.js'

/** A gate whose values the scenario tells. @throws SpecError naming what the scenario does not tell */
export function simulateGate ({ dataset, limit, spec }: GatePlan, { arms }: Pick<Scenario, 'arms'>): GateEvidence {
  const values: Record<string, GateValue> = {}
  const faults = spec.metrics.flatMap(({ metric }) => {
    const champion = arms.champion.golden?.[metric]
    const challenger = arms.challenger.golden?.[metric] ?? champion
    if (champion === undefined || challenger === undefined) {
      return [{ path: `arms.champion.golden.${metric}`, message: 'is required: the rollout has a gate of that metric' }]
    }
    values[metric] = { better: better(metric), champion, challenger }
    return []
  })
  if (faults.length > 0) throw new SpecError(faults)
  const failures = { champion: 0, challenger: 0, first: null }
  return { gate: { dataset, digest: null, rows: limit, failures, values, fault: null } }
}

function better (metric: string): GateValue['better'] {
  if ((ANSWER_METRICS as readonly string[]).includes(metric)) return betterOf(metric as AnswerMetric)
  if (EMBEDDING_METRICS.includes(metric)) return 'higher'
  const scorers = buildScorers([metric], { stem: true, encoder: null, frequencies: null })
  return scorers.flatMap(({ figures }) => figures).find(isMain)!.better
}
