import { describe, expect, it } from 'vitest'
import type { RolloutRow } from '../../../registry/rollouts/rollout.js'
import type { Outcome } from '../../../server/inference.js'
import { viewRollout } from '../../../server/routes/rollout-view.js'
import { rolloutLine, rolloutText } from '../../../server/commands/rollout-text.js'
import { OpenTrial } from '../../../server/rollouts/trial.js'

const errors = { name: 'errors', source: 'errors', role: 'critical', margin: { absolute: 0.01 } }
const rowOf = (analysis: object, change: Partial<RolloutRow> = {}): RolloutRow => ({
  id: 'r1',
  model: 'm',
  champion: '1',
  challenger: '2',
  state: 'progressing',
  step: 1,
  weightBps: 5_000,
  salt: 'salt',
  hashing: 'murmur3-10k',
  epoch: 3,
  spec: { model: 'm', challenger: '2', strategy: { canary: { steps: [{ setWeight: 50 }, { analysis: {} }] } }, analysis: { mode: 'equivalence', metrics: [errors], ...analysis } },
  reason: 'weight 50 %',
  stage: 1,
  pausedUntil: null,
  details: { startedAt: 1_000, stageStartedAt: 1_000 },
  createdAt: 0,
  updatedAt: 0,
  endedAt: null,
  reverted: null,
  ...change
})

/** A trial in which each of so many sessions has asked once, none in vain. */
function trialOf (row: RolloutRow, sessions: number, at = 2_000): OpenTrial {
  const trial = new OpenTrial(row)
  for (let i = 0; i < sessions; i++) {
    const bucket = i % 2 === 0 ? i : 9_999 - i
    const outcome = { stage: row.stage, weightBps: row.weightBps, arm: bucket < row.weightBps ? 'challenger' : 'champion', failed: false, bucket, latencyMs: 5 }
    trial.observe(outcome as Outcome, at)
  }
  return trial
}

describe('OpenTrial', () => {
  it('promotes, waits with an ETA in days, and finds its sessions split as intended', () => {
    expect(trialOf(rowOf({}), 3_400).look(3_000)).toMatchObject({ decision: 'promote', health: [{ check: 'sample-ratio', action: 'none' }] })

    const { decision, eta } = trialOf(rowOf({}), 1_000).look(1_000 + 86_400_000)
    expect(decision).toBe('continue')
    expect(eta.days).toBeCloseTo(eta.samples! / 1_000, 10)
  })

  it('says the same after a restart of feedback that came too late', () => {
    const slow = { name: 'kpi', source: 'feedback', key: 'bought', role: 'monitor', direction: 'up', window: '1h' }
    const row = rowOf({ metrics: [errors, slow] })
    const prediction = { requestId: 'a', rolloutId: 'r1', at: 2_000, stage: 1, weightBps: 5_000, arm: 'champion' as const, bucket: 9_000, failed: false, latencyMs: 5 }
    const [live, restarted] = [new OpenTrial(row), new OpenTrial(row)]
    live.observe(prediction, 2_000)
    live.feedback(prediction, 9_000, { key: 'bought', value: 1, at: 2_000 + 3_600_001 })

    restarted.replay({ prediction, values: { bought: 1 }, times: { bought: 2_000 + 3_600_001 } })

    expect(live.conclude(9e6, false)!.evidence).toMatchObject({ late: { kpi: { champion: 1, challenger: 0 } } })
    expect(restarted.conclude(9e6, false)!.evidence).toEqual(live.conclude(9e6, false)!.evidence)
  })

  it('pauses when its samples are used up, though it be looked at again and again', () => {
    const trial = trialOf(rowOf({ maxSamples: 1_000 }), 1_000)

    expect(trial.look(3_000)).toMatchObject({ decision: 'pause', rule: 5, reason: expect.stringMatching(/^the budget is used up: 1000 of 1000 samples; /) as string })
    expect(trial.look(4_000).decision).toBe('pause')
  })

  it('pauses when its time is up, counted from the first weight, without another request', () => {
    const trial = trialOf(rowOf({ maxDuration: '1h' }), 100)

    expect(trial.look(1_000 + 3_599_999)).toMatchObject({ decision: 'continue' })
    expect(trial.look(1_000 + 3_600_000)).toMatchObject({ decision: 'pause', rule: 5, reason: expect.stringMatching(/^the time is up: /) as string })
  })

  it('counts from its creation where an older gateway did not note when it began', () => {
    const trial = trialOf(rowOf({ maxDuration: '1h' }, { details: {} }), 100)

    expect(trial.look(3_600_000).decision).toBe('pause')
  })

  it('says what it waits for before there is anything, and what tripped where nothing is analysed', () => {
    expect(new OpenTrial(rowOf({}, { stage: 0 })).look(1_000)).toMatchObject({ decision: 'continue', rule: 6, reason: 'no observation yet' })
    const bare = new OpenTrial(rowOf({}, { spec: { model: 'm', challenger: '2', strategy: { canary: { steps: [{ setWeight: 50 }] } } } }))
    bare.breach = 'circuit breaker'
    expect(bare.look(1_000)).toMatchObject({ decision: 'rollback', rule: 1, reason: 'circuit breaker', metrics: [], health: [{ check: 'sample-ratio', action: 'none' }] })
  })
})

describe('a rollout as text', () => {
  const text = (row: RolloutRow, sessions: number, at: number): { line: string, text: string } => {
    const view = viewRollout(row, trialOf(row, sessions).look(at))
    return { line: rolloutLine(view), text: rolloutText(view) }
  }

  it('shows the ETA of an open decision, of each open metric, and the reason of one without an effect', () => {
    const open = text(rowOf({}), 1_000, 1_000 + 3_600_000)
    expect(open.line).toMatch(/ 50 % {2}n >= 500 {2}errors is inconclusive: .* {2}eta 50\d samples, 30 min$/)
    expect(open.text).toMatch(/^eta {8}errors: about 50\d more samples of both arms, 50\d with power 0.8, if the true effect is 0; 0\.02\d+ days at 24000 a day$/m)
    expect(open.text).toMatch(/^ {2}inconclusive errors .* margin 0.01 {2}n 500 \/ 500 {2}eta 50\d samples, 30 min$/m)

    const early = text(rowOf({}), 100, 2_000)
    expect(early.text).toMatch(/^ {2}inconclusive errors {7}no estimate yet margin 0.01 {2}n 50 \/ 50 {2}50 of 200 challenger samples at this weight$/m)
    expect(early.line).not.toMatch(/eta/)
  })

  it.each([[100, '6 s'], [86_400, '1.4 h'], [864_000, '14.4 h'], [8_640_000, '6.0 days']])('says a time in the unit that suits it', (seconds, _) => {
    expect(text(rowOf({}), 1_000, 1_000 + seconds * 1_000).line).toMatch(/, [\d.]+ (s|min|h|days)$/)
  })

  it('shows what ails the trial', () => {
    const row = rowOf({})
    const trial = new OpenTrial(row)
    for (let bucket = 0; bucket < 400; bucket++) trial.observe({ stage: 1, weightBps: 5_000, arm: 'challenger', failed: false, bucket, latencyMs: 5 } as Outcome, 2_000)

    expect(rolloutText(viewRollout(row, trial.look(3_000)))).toMatch(/^health {5}pause: the split of the sessions is not the one intended: 400 of 400 sessions on the challenger, 200 expected$/m)
  })

  it('reads a verdict that an older gateway has stored', () => {
    const old = { decision: 'continue', reason: 'errors is inconclusive', metrics: [{ name: 'errors', role: 'critical', outcome: 'inconclusive', estimator: 'none', estimate: null, lower: null, upper: null, margin: 0.01, n: { champion: 1, challenger: 2 }, reason: '2 of 200' }] }
    const view = viewRollout(rowOf({}), old as never)

    expect(rolloutText(view)).toMatch(/no estimate yet margin 0.01 {2}n 1 \/ 2 {2}2 of 200$/)
    expect(rolloutLine(view)).toMatch(/errors is inconclusive$/)
  })
})
