import { compareMissingOutcomes } from '../statistics/missing-outcomes.js'
import { testSampleRatio } from '../statistics/sample-ratio.js'
import type { Judgement } from './metric-verdict.js'
import type { HealthEvidence, StageCounts } from './spec.js'

/** Level of the checks that ask whether the arms can be compared at all; both are valid at every look. */
const HEALTH_ALPHA = 0.001

/**
 * One check of the trial's health, passed or not: what was checked, of which metric or drifting subject (null: of the
 * whole trial), what it asks for, its anytime-valid p at this look and the threshold, where there are such numbers.
 */
export interface HealthFinding {
  readonly check: 'sample-ratio' | 'missing-outcomes' | 'metric-error' | 'drift' | 'version-change'
  readonly subject: string | null
  readonly action: 'none' | 'annotate' | 'pause' | 'rollback'
  readonly p: number | null
  readonly threshold: number | null
  readonly reason: string
}

/**
 * Everything that says whether the trial can be trusted, in a fixed order: metrics that could not be computed, the
 * split of the sessions (sequential sample-ratio test), outcomes that are missing unevenly (event-share test), drift
 * and a change of version. What concerns a monitor metric only annotates, as does a drift that is not severe. A check
 * that cannot be computed asks for a pause. Never throws. O(metrics + stages).
 */
export function checkHealth (health: HealthEvidence | undefined, judgements: readonly Judgement[]): HealthFinding[] {
  const findings = judgements.filter(({ isBroken }) => isBroken).map(metricError)
  if (health === undefined) return findings
  if (health.assignments !== undefined) {
    const stages = health.assignments
    findings.push(guarded('sample-ratio', null, 'pause', () => sampleRatio(stages)))
  }
  for (const { verdict: { name }, isCritical, isPrimary } of judgements) {
    const stages = health.missing?.[name]
    if (stages === undefined) continue
    const action = isCritical || isPrimary ? 'pause' : 'annotate'
    findings.push(guarded('missing-outcomes', name, action, () => missingOutcomes(name, stages, action)))
  }
  for (const { subject, status, action, reason } of health.drift ?? []) {
    const asked = status === 'severe' ? action : 'annotate'
    findings.push({ check: 'drift', subject, action: asked, p: null, threshold: null, reason: `${status} drift of ${subject}: ${reason}` })
  }
  const change = health.versionChange ?? null
  if (change !== null) {
    findings.push({ check: 'version-change', subject: null, action: 'pause', p: null, threshold: null, reason: change })
  }
  return findings
}

function metricError ({ verdict, isCritical, isPrimary }: Judgement): HealthFinding {
  const action = isCritical || isPrimary ? 'pause' : 'annotate'
  return { check: 'metric-error', subject: verdict.name, action, p: null, threshold: null, reason: `${verdict.name} ${verdict.reason}` }
}

function sampleRatio (stages: readonly StageCounts<number>[]): HealthFinding {
  const split = stages.filter(isSplit).map(({ weightBps, champion, challenger }) =>
    ({ counts: [champion, challenger], weights: [10_000 - weightBps, weightBps] }))
  const { pThisLook: p } = testSampleRatio(split)
  const [champion, challenger, expected] = stages.filter(isSplit).reduce(([a, b, want], one) => {
    const n = one.champion + one.challenger
    return [a + one.champion, b + one.challenger, want + n * one.weightBps / 10_000]
  }, [0, 0, 0] as readonly [number, number, number])
  const counted = `${challenger} of ${champion + challenger} sessions on the challenger, ${Number(expected.toFixed(1))} expected`
  const isOff = p < HEALTH_ALPHA
  return {
    check: 'sample-ratio',
    subject: null,
    action: isOff ? 'pause' : 'none',
    p,
    threshold: HEALTH_ALPHA,
    reason: isOff ? `the split of the sessions is not the one intended: ${counted}` : `the split of the sessions is as intended: ${counted}`
  }
}

function missingOutcomes (
  name: string, stages: NonNullable<HealthEvidence['missing']>[string], action: HealthFinding['action']
): HealthFinding {
  const split = stages.filter(isSplit).map(({ weightBps, champion, challenger }) =>
    ({ champion, challenger, share: weightBps / 10_000 }))
  const { pThisLook: p, isUneven } = compareMissingOutcomes(split, { alpha: HEALTH_ALPHA })
  const sum = (arm: 'champion' | 'challenger', field: 'events' | 'n'): number =>
    split.reduce((total, one) => total + one[arm][field], 0)
  const counted = `${sum('challenger', 'events')} of ${sum('challenger', 'n')} on the challenger, ` +
    `${sum('champion', 'events')} of ${sum('champion', 'n')} on the champion`
  return {
    check: 'missing-outcomes',
    subject: name,
    action: isUneven ? action : 'none',
    p,
    threshold: HEALTH_ALPHA,
    reason: `values of ${name} are missing ${isUneven ? 'unevenly' : 'evenly'}: ${counted}`
  }
}

function isSplit ({ weightBps }: StageCounts<unknown>): boolean {
  return weightBps > 0 && weightBps < 10_000
}

/** A check that fails itself says nothing good about the trial. */
function guarded (
  check: HealthFinding['check'], subject: string | null, action: HealthFinding['action'], run: () => HealthFinding
): HealthFinding {
  try {
    return run()
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error)
    return { check, subject, action, p: null, threshold: HEALTH_ALPHA, reason: `${check} could not be checked: ${cause}` }
  }
}
