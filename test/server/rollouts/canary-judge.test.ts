import { describe, expect, it } from 'vitest'
import type { RolloutRow } from '../../../registry/rollouts/rollout.js'
import { beginning } from '../../../registry/rollouts/transition.js'
import { rolloutText } from '../../../server/commands/rollout-text.js'
import type { Outcome } from '../../../server/inference.js'
import { decisionOf } from '../../../server/rollouts/report/stored-verdict.js'
import { replayVerdict } from '../../../server/rollouts/replay.js'
import { parseRolloutSpec } from '../../../server/rollouts/spec.js'
import type { SpecError } from '../../../server/rollouts/spec-error.js'
import { OpenTrial } from '../../../server/rollouts/trial.js'
import { viewRollout } from '../../../server/routes/rollout-view.js'
import { simulateRollout } from '../../../server/simulation/run.js'
import { parseScenario } from '../../../server/simulation/scenario.js'
import type { Prediction } from '../../../server/traffic/messages.js'

const METRICS = [
  { name: 'errors', groups: ['health'], query: { source: 'errors' }, analysisConfigurations: { canary: { direction: 'increase', critical: true, effectSize: { allowedIncrease: 1.5 } } } },
  { name: 'p95', groups: ['speed'], query: { source: 'latency', quantile: 0.95 }, analysisConfigurations: { canary: { direction: 'increase', effectSize: { allowedIncrease: 1.2 } } } },
  { name: 'accuracy', groups: ['quality'], query: { source: 'feedback', key: 'correct' }, analysisConfigurations: { canary: { direction: 'decrease' } } }
]
const judgeOf = (more: object = {}) => ({
  lifetime: '30m', interval: '10m', step: '1m', metrics: METRICS, classifier: { scoreThresholds: { pass: 90, marginal: 50 } }, ...more
})
const documentOf = (judge: object = judgeOf(), more: object = {}, strategy: object = { canary: { steps: [{ setWeight: 50 }, { analysis: {} }] } }) => ({
  model: 'm', challenger: '2', strategy, analysis: { judge: { kayenta: judge }, ...more }
})

function faultsOf (document: object): string[] {
  try {
    parseRolloutSpec(document)
    return []
  } catch (error) {
    return (error as SpecError).faults.map(({ path, message }) => `${path}: ${message}`)
  }
}

const scenarioOf = (challenger: object) => parseScenario({
  traffic: { perSecond: 2 },
  maxDuration: '2h',
  person: { promotion: 'promote' },
  arms: { champion: { errors: 0.03, feedback: { correct: { rate: 0.8 } } }, challenger }
})

describe('a rollout that a canary judge decides', () => {
  it('is promoted at the end of its lifetime when nothing became worse, and rolled back at the end of an interval', () => {
    const plan = parseRolloutSpec(documentOf())
    const good = simulateRollout(plan, scenarioOf({}), 1)
    const bad = simulateRollout(plan, scenarioOf({ errors: 0.12 }), 1)

    expect(good).toMatchObject({ outcome: 'promoted', verdict: { decision: 'promote', rule: 4, judge: { judgement: 3, judgements: 3 } } })
    expect(good.elapsedMs / 60_000).toBeCloseTo(30, 0)
    expect(bad).toMatchObject({ outcome: 'rolled-back', verdict: { decision: 'rollback', rule: 1, judge: { judgement: 1 } } })
    expect(bad.elapsedMs / 60_000).toBeCloseTo(10, 0)
    expect(bad.reason).toContain('judgement 1 of 3: score 0, Fail (pass 90, marginal 50): errors High')
  })

  it('pauses instead where the document says so, and judges each weight by itself', () => {
    const steps = [{ setWeight: 20 }, { analysis: {} }, { setWeight: 50 }, { analysis: {} }, { setWeight: 100 }, { pause: { duration: '20m' } }]
    const paused = simulateRollout(parseRolloutSpec({ ...documentOf(), onFailure: 'pause' }), scenarioOf({ errors: 0.12 }), 1)
    const twice = simulateRollout(parseRolloutSpec(documentOf(judgeOf(), {}, { canary: { steps } })), scenarioOf({}), 1)

    expect(paused).toMatchObject({ outcome: 'review', verdict: { decision: 'rollback' } })
    expect(twice.outcome).toBe('promoted')
    expect(twice.elapsedMs / 60_000).toBeCloseTo(80, 0)
  })

  it('compares what is mirrored, where nobody is served by the challenger', () => {
    const document = { ...documentOf(judgeOf({ metrics: METRICS.slice(0, 2) }), {}, { shadow: { mirror: 100 } }), promotion: 'automatic' }
    const plan = parseRolloutSpec(document)

    expect(simulateRollout(plan, scenarioOf({}), 1)).toMatchObject({ outcome: 'promoted', challengerRequests: 0 })
    expect(simulateRollout(plan, scenarioOf({ errors: 0.12 }), 1).outcome).toBe('rolled-back')
  })
})

const row = (): RolloutRow => ({
  ...beginning({ id: 'r1', model: 'm', champion: '1', challenger: '2', spec: documentOf(), salt: 's', reason: 'try' }, 0),
  state: 'progressing',
  step: 1,
  stage: 1,
  weightBps: 5_000,
  details: { startedAt: 1_000, stageStartedAt: 1_000 }
})

/** Requests and feedback of so many minutes, as a gateway sees them and as another one reads them. */
function traffic (minutes: number, to: OpenTrial, isReplayed: boolean): void {
  for (let i = 0; i < minutes * 60; i++) {
    const bucket = i * 7_919 % 10_000
    const at = 1_000 + i * 1_000
    const arm = bucket < 5_000 ? 'challenger' : 'champion'
    const prediction: Prediction = {
      requestId: `q${i}`, rolloutId: 'r1', stage: 1, weightBps: 5_000, arm, bucket, at, failed: i % 37 === 0, latencyMs: 10 + i * 31 % 17
    }
    const told = { key: 'correct', value: i % 5 === 0 ? 0 : 1, at: at + 90_000 }
    if (isReplayed) to.replay({ prediction, values: { correct: told.value }, times: { correct: told.at } })
    else {
      to.observe(prediction as unknown as Outcome, at)
      to.feedback(prediction, bucket, told)
    }
    if (!isReplayed) to.look(at)
  }
}

describe('the series of a canary judge', () => {
  it('are the same in a gateway that was restarted, and the stored verdict is recomputed to the same bytes', () => {
    const [live, restarted] = [new OpenTrial(row()), new OpenTrial(row())]
    traffic(30, live, false)
    traffic(30, restarted, true)

    const at = 1_000 + 30 * 60_000
    const [one, other] = [live.conclude(at, true)!, restarted.conclude(at, true)!]
    const stored = { ...one, number: 1 }

    expect(other).toEqual(one)
    expect(one.verdict).toMatchObject({ judge: { judgement: 3, result: { judgeName: 'GauntletJudge-v1.0' } } })
    const { champion } = (one.evidence as { intervals: { series: Record<string, { champion: unknown[] }> } }).intervals.series['accuracy']!
    expect(champion.slice(0, 3)).toEqual([null, expect.any(Number), expect.any(Number)])
    expect(champion).toHaveLength(30)
    expect(replayVerdict(stored, null)).toMatchObject({ outcome: 'equal', difference: null })
    expect(decisionOf(stored, true)).toMatchObject({ isByJudge: true, rule: 4, metrics: [{ name: 'errors', source: 'errors', role: 'critical' }, {}, {}] })
    const tampered = structuredClone(stored) as typeof stored & { evidence: { intervals: { series: Record<string, { challenger: number[] }> } } }
    tampered.evidence.intervals.series['errors']!.challenger.fill(90)
    expect(replayVerdict(tampered, null)).toMatchObject({ outcome: 'different' })
  })

  it('are looked at when an interval ends and at no other time, and each judgement is stored once', () => {
    const trial = new OpenTrial(row())
    const saved: unknown[] = []
    const store = { saveVerdict: (_id: string, verdict: unknown) => { saved.push(verdict) } }
    traffic(12, trial, false)
    trial.save(store as never, 1_000 + 12 * 60_000)
    const first = trial.verdict
    for (let minute = 12; minute < 20; minute++) {
      trial.save(store as never, minute * 60_000)
      expect(trial.look(minute * 60_000)).toBe(first)
    }

    expect(saved).toHaveLength(1)
    expect(trial.look(1_000 + 20 * 60_000)).not.toBe(first)
    const text = rolloutText(viewRollout(trial.row, trial.verdict))
    expect(text).toMatch(/^verdict {4}\w+: judgement 2 of 3: score [\d.]+, \w+ \(pass 90, marginal 50\): errors /m)
    expect(text).toMatch(/^ {2}pass {9}errors {7}n \d+ \/ \d+ {2}Pass: /m)
  })

  it('forget what no judgement to come will look at', () => {
    const spec = documentOf(judgeOf({ lifetime: '500m', lookback: '10m' }))
    const trial = new OpenTrial({ ...row(), spec })
    traffic(60, trial, false)

    const { evidence } = trial.conclude(1_000 + 60 * 60_000, false)!
    const { from, series } = (evidence as { intervals: { from: number, series: Record<string, { champion: number[] }> } }).intervals
    expect([from, series['p95']!.champion.length, series['p95']!.champion.every(Number.isFinite)]).toEqual([50, 10, true])
  })
})

describe('the document of a canary judge', () => {
  it('is refused with the path of every wrong field', () => {
    const [errors, p95, accuracy] = METRICS
    expect(faultsOf(documentOf({ interval: '10m', metrics: [{ ...errors, query: { source: 'queue' } }], classifier: {} }))).toEqual([
      'analysis.judge.kayenta.lifetime: is required',
      'analysis.judge.kayenta.metrics[0].query.source: must be one of "errors", "latency", "feedback"',
      'analysis.judge.kayenta.classifier.scoreThresholds: is required'
    ])
    expect(faultsOf(documentOf(judgeOf({ interval: '3m', lookback: '90s', metrics: [{ ...p95, query: { source: 'latency' } }, { ...accuracy, query: { source: 'feedback', quantile: 0.5 } }] })))).toEqual([
      'analysis.judge.kayenta.interval: expected a whole number of steps of 1m, at least 5',
      'analysis.judge.kayenta.lookback: expected a whole number of steps of 1m, at least 5',
      'analysis.judge.kayenta.metrics[0].query.quantile: is required for source latency',
      'analysis.judge.kayenta.metrics[1].query.key: is required for source feedback',
      'analysis.judge.kayenta.metrics[1].query.quantile: is only for source latency'
    ])
    expect(faultsOf(documentOf(judgeOf({ lifetime: '2d', interval: '1h' })))).toEqual([
      'analysis.judge.kayenta.lifetime: expected at most 500 steps of 1m in a judgement: a longer step, or a shorter lookback'
    ])
    expect(faultsOf(documentOf(judgeOf({ lifetime: '5m' })))).toEqual(['analysis.judge.kayenta.lifetime: expected 1 to 1000 intervals of 10m'])
    expect(faultsOf(documentOf(judgeOf({ step: '100ms' })))).toEqual(['analysis.judge.kayenta.step: expected at least 1s'])
  })

  it('is refused where the judge itself would refuse it, or its groups', () => {
    const weighted = (groupWeights: object) => judgeOf({ classifier: { groupWeights, scoreThresholds: { pass: 90, marginal: 50 } } })

    expect(faultsOf(documentOf(judgeOf({ metrics: [METRICS[0], METRICS[0]] })))[0]).toMatch(/^analysis\.judge\.kayenta\.metrics\[1\]\.name: expected a name of its own/)
    expect(faultsOf(documentOf(weighted({ health: 60, speed: 60, quality: 0 })))).toEqual(['analysis.judge.kayenta.classifier.groupWeights: expected weights that total 100, got 120'])
    expect(faultsOf(documentOf(judgeOf({ classifier: { scoreThresholds: { pass: 50, marginal: 90 } } })))[0]).toMatch(/^analysis\.judge\.kayenta\.classifier\.scoreThresholds\.marginal: expected at most pass/)
  })

  it('has nothing beside it that claims an error level or a budget, and no feedback on answers that nobody saw', () => {
    expect(faultsOf(documentOf(judgeOf(), { alpha: 0.01, maxSamples: 500, metrics: [{ name: 'errors', source: 'errors', role: 'monitor' }] }))).toEqual([
      'analysis.metrics: has no meaning beside analysis.judge',
      'analysis.maxSamples: has no meaning beside analysis.judge',
      'analysis.alpha: has no meaning beside analysis.judge'
    ])
    expect(faultsOf(documentOf(judgeOf(), {}, { shadow: {} }))).toEqual(['analysis.judge.kayenta.metrics[2].query.source: answers that nobody saw have no feedback'])
    expect(faultsOf(documentOf(judgeOf(), {}, { abn: { arms: [{ version: '2', weight: 20 }, { version: '3', weight: 20 }] } }))).toContain('analysis.judge: compares one challenger: not for strategy abn')
    expect(faultsOf({ model: 'm', challenger: '2', strategy: { shadow: {} }, analysis: {} })).toEqual(['analysis.metrics: is required'])
  })
})
