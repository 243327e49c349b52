import { describe, expect, it } from 'vitest'
import type { Outcome } from '../../../server/inference.js'
import { armOf, rangesOf } from '../../../server/routing/arms.js'
import { type ContestTrial, openTrial } from '../../../server/rollouts/contest.js'
import { forecastPlan } from '../../../server/rollouts/forecast.js'
import { replayVerdict } from '../../../server/rollouts/replay.js'
import { parseRolloutSpec } from '../../../server/rollouts/spec.js'
import { type SpecError } from '../../../server/rollouts/spec-error.js'
import { simulateRollout } from '../../../server/simulation/run.js'
import { parseScenario } from '../../../server/simulation/scenario.js'
import { openRegistry, publishVersions, START_MS } from '../../support/registry-fixtures.js'
import { openDesk } from '../../support/rollout-desk.js'

const HAND = { actor: 'ann', reason: 'because' }
const ERRORS = { name: 'errors', source: 'errors', role: 'critical', margin: { absolute: 0.05 } }
const ACCURACY = { name: 'accuracy', source: 'feedback', key: 'correct', role: 'primary', direction: 'up', margin: { absolute: 0.05 } }
const ARMS = [{ version: '2', weight: 25 }, { version: '3', weight: 25 }, { version: '4', weight: 20 }]
const documentOf = (more: object = {}, analysis: object = {}, arms: object[] = ARMS): Record<string, unknown> => ({
  model: 'm', strategy: { abn: { arms } }, analysis: { metrics: [ERRORS, ACCURACY], maxDuration: '6h', ...analysis }, ...more
})
const faultsOf = (document: object): string[] => {
  try {
    parseRolloutSpec(document)
    return []
  } catch (error) {
    return (error as SpecError).faults.map(({ path }) => path)
  }
}
const rate = (correct: number, more: object = {}) => ({ feedback: { correct: { rate: correct } }, ...more })
const runOf = (versions: object, document: object = documentOf(), seed = 1, lookEvery = '5s') => simulateRollout(parseRolloutSpec(document), parseScenario({
  traffic: { perSecond: 10 }, maxDuration: '8h', lookEvery, arms: { champion: rate(0.7, { errors: 0.01 }), challenger: {}, versions }
}), seed)

describe('a trial of several challengers', () => {
  it('promotes the one that is better, not the first', () => {
    const { outcome, timeline } = runOf({ 3: rate(0.9) })

    expect(outcome).toBe('promoted')
    expect(timeline.find(({ reason }) => reason.includes('wins'))).toMatchObject({ event: 'advance', weightBps: 2_500, reason: expect.stringMatching(/^3 wins: /) as string })
  })

  it('drops the one that fails, gives its share back, and goes on with the others', () => {
    const { outcome, timeline } = runOf({ 2: { errors: 0.9 }, 4: rate(0.9) })

    expect(outcome).toBe('promoted')
    expect(timeline.filter(({ reason }) => reason.includes('is dropped')).map(({ weightBps, reason }) => [weightBps, reason.slice(0, 30)]))
      .toEqual([[4_500, '2 is dropped: circuit breaker:']])
    expect(timeline.find(({ reason }) => reason.includes(' wins: '))!.reason).toMatch(/^4 wins: accuracy is proven better/)
    expect(timeline.at(-1)!.reason).toContain('accuracy is proven better')
  })

  it('goes back when none is left', () => {
    const { outcome, reason, failedRequests } = runOf({ 2: { errors: 1 }, 3: { errors: 1 }, 4: { errors: 1 } })

    expect(outcome).toBe('rolled-back')
    expect(reason).toMatch(/^no challenger is left/)
    expect(failedRequests).toBeLessThan(10)
  })

  it('takes the best of those proven not to be worse at the horizon, and asks a person where none is', () => {
    const near = runOf({ 2: rate(0.708), 3: rate(0.67), 4: rate(0.69) }, documentOf({}, { maxDuration: '30m' }))
    expect(near).toMatchObject({ outcome: 'promoted', timeline: expect.arrayContaining([expect.objectContaining({ reason: expect.stringMatching(/^2 is the best of those not worse at the horizon: /) as string })]) as unknown })

    const few = runOf({}, documentOf({}, { maxSamples: 300 }))
    expect(few).toMatchObject({ outcome: 'review', reason: expect.stringContaining('the horizon is reached') as string })
    expect(few.requests).toBeLessThan(1_000)
  })

  it('promotes none of several equal versions in more than alpha of all runs before the horizon', () => {
    const runs = Array.from({ length: 16 }, (_, seed) => runOf({}, documentOf({}, { maxDuration: '5m', plannedSamples: 1_500 }), seed, '15s'))

    expect(runs.filter(({ timeline }) => timeline.some(({ reason }) => reason.includes(' wins: '))).length).toBeLessThanOrEqual(4)
  })
})

describe('a stored trial of several challengers', () => {
  const ranges = rangesOf(ARMS.map(({ version, weight }) => ({ version, weightBps: weight * 100 })))
  const outcomeOf = (rolloutId: string, bucket: number, failed = false): Outcome => ({
    requestId: `q${bucket}`, rolloutId, stage: 1, weightBps: 7_000, bucket, failed, latencyMs: 5, arm: armOf(ranges, bucket) === null ? 'champion' : 'challenger'
  })

  it('keeps which were dropped, tells of each, and every verdict can be drawn again', async () => {
    const { registry, tick } = openRegistry()
    await publishVersions(registry, ['1', '2', '3', '4'])
    let now = START_MS
    const { controller, settings } = openDesk(registry, () => now)
    const { id } = controller.start(documentOf(), HAND)
    for (let bucket = 0; bucket < 10_000; bucket += 5) controller.observe(outcomeOf(id, bucket))
    now += 1_000
    tick(1_000)
    controller.look()
    for (let i = 0; i < 1_000; i++) controller.observe(outcomeOf(id, i, true))

    expect(settings.get('m')!.arms!.ranges.map(({ version }) => version)).toEqual(['3', '4'])
    controller.look()

    expect(registry.rollouts.get(id)).toMatchObject({ state: 'progressing', challenger: '3', weightBps: 4_500, details: { dropped: ['2'] } })
    expect(controller.get(id).arms!.map(({ version, weightBps }) => [version, weightBps])).toEqual([['2', 0], ['3', 2_500], ['4', 2_000]])
    const verdicts = registry.rollouts.verdicts(id)
    expect(new Set(verdicts.map(({ evidence }) => (evidence as { challenger: string }).challenger))).toEqual(new Set(['2', '3', '4']))
    expect(verdicts.filter(({ acted }) => acted)).toMatchObject([{ decision: 'rollback', evidence: { challenger: '2' } }])
    expect(verdicts.map((verdict) => replayVerdict(verdict, null).outcome)).toEqual(verdicts.map(() => 'equal'))

    const again = openTrial(registry.rollouts.get(id)) as ContestTrial
    expect(again.live().map(({ version }) => version)).toEqual(['3', '4'])
    for (let bucket = 0; bucket < 10_000; bucket += 5) again.replay({ prediction: { ...outcomeOf(id, bucket), at: START_MS }, values: {}, times: {} })
    expect(again.standings(now)[1]!.verdict.metrics).toEqual(controller.get(id).arms![1]!.verdict.metrics)
  })

  it('makes the challenger that is ahead the champion on a person\'s word', async () => {
    const { registry } = openRegistry()
    await publishVersions(registry, ['1', '2', '3', '4'])
    const { controller } = openDesk(registry, () => START_MS)
    const { id } = controller.start(documentOf(), HAND)
    for (let bucket = 0; bucket < 10_000; bucket += 3) {
      const prediction = { ...outcomeOf(id, bucket), at: START_MS }
      const correct = armOf(ranges, bucket)?.version === '4' ? 1 : bucket % 2
      controller.feedback({ prediction, accepted: ['correct'], duplicates: [], at: START_MS }, { correct })
    }

    controller.look()
    expect(controller.promote(id, HAND)).toMatchObject({ state: 'promoted', challenger: '4' })
    expect(registry.alias('m', 'champion')).toBe('4')
  })
})

describe('a document with several challengers', () => {
  it.each([
    ['strategy.abn.arms[1].version', documentOf({}, {}, [{ version: '2', weight: 5 }, { version: '2', weight: 5 }])],
    ['strategy.abn.arms', documentOf({}, {}, [{ version: '2', weight: 50 }, { version: '3', weight: 49.5 }])],
    ['challenger', documentOf({ challenger: '2' })],
    ['affinity.mode', documentOf({ affinity: { mode: 'pin' } })],
    ['analysis', documentOf({ analysis: undefined })],
    ['analysis.mode', documentOf({}, { mode: 'equivalence' })],
    ['analysis.maxDuration', documentOf({}, { maxDuration: undefined })],
    ['analysis.metrics', documentOf({}, { metrics: [ERRORS] })],
    ['analysis.metrics', documentOf({}, { metrics: [ERRORS, { ...ACCURACY, dryRun: true }] })],
    ['analysis.metrics[0].margin', documentOf({}, { metrics: [{ ...ACCURACY, margin: undefined }] })],
    ['challenger', { model: 'm', strategy: { canary: { steps: [{ setWeight: 1 }] } } }]
  ])('is refused by %s', (path, document) => {
    expect(faultsOf(JSON.parse(JSON.stringify(document)) as object)).toContain(path)
  })

  it('is forecast for each of them beside the champion', () => {
    const [, contest] = forecastPlan(parseRolloutSpec(documentOf()), { perDay: 10_000, assumed: { errors: { rate: 0.01 } } })

    expect(contest!.gate.map(({ name }) => name)).toEqual(['2 errors', '2 accuracy', '3 errors', '3 accuracy', '4 errors', '4 accuracy'])
    expect(contest!.gate[4]!.days).toBeGreaterThan(contest!.gate[0]!.days!)
    expect(contest!.days).toBe(0.25)
  })
})
