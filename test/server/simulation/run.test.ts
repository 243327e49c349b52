import { describe, expect, it } from 'vitest'
import { parseRolloutSpec } from '../../../server/rollouts/spec.js'
import { simulateRuns, summariseRuns } from '../../../server/simulation/report.js'
import { simulateRollout, type SimulatedRun } from '../../../server/simulation/run.js'
import { parseScenario } from '../../../server/simulation/scenario.js'

const ERRORS = { name: 'errors', source: 'errors', role: 'critical', margin: { absolute: 0.05 } }
const ACCURACY = { name: 'accuracy', source: 'feedback', key: 'correct', role: 'primary', direction: 'up', margin: { absolute: 0.05 } }
const HALF = { canary: { steps: [{ setWeight: 50 }, { analysis: {} }] } }

const planOf = (strategy: object, analysis: object = {}, more: object = {}) => parseRolloutSpec({
  model: 'm', challenger: '2', strategy, analysis: { metrics: [ERRORS, ACCURACY], ...analysis }, ...more
})
const scenarioOf = (challenger: object = {}, more: object = {}, traffic: object = {}) => parseScenario({
  traffic: { perSecond: 10, ...traffic },
  maxDuration: '6h',
  arms: { champion: { errors: 0.01, feedback: { correct: { rate: 0.7 } } }, challenger },
  ...more
})
const correct = (rate: number, more: object = {}) => ({ feedback: { correct: { rate, ...more } } })
const runOf = (strategy: object, challenger: object, more: object = {}, seed = 1): SimulatedRun =>
  simulateRollout(planOf(strategy), scenarioOf(challenger, more), seed)

describe('a simulated rollout', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(runOf(HALF, correct(0.8))).toEqual(runOf(HALF, correct(0.8)))
    expect(runOf(HALF, correct(0.8), {}, 2).requests).not.toBe(runOf(HALF, correct(0.8)).requests)
  })

  it('promotes what is better, and rolls back what fails more', () => {
    expect(runOf(HALF, correct(0.85))).toMatchObject({ outcome: 'promoted', verdict: { decision: 'promote' } })
    expect(runOf(HALF, { errors: 0.15 })).toMatchObject({ outcome: 'rolled-back', verdict: { decision: 'rollback', rule: 1 } })
  })

  it('trips the breaker on the request that breaks, not at the next look', () => {
    const { outcome, reason, challengerRequests, failedRequests } = runOf(HALF, { errors: 1 }, { lookEvery: '1h' })

    expect({ outcome, challengerRequests }).toEqual({ outcome: 'rolled-back', challengerRequests: 20 })
    expect(reason).toContain('circuit breaker')
    expect(failedRequests).toBeLessThan(5)
  })

  it('stops where a person is needed, or does what the scenario says that the person does', () => {
    const strategy = { shadow: { mirror: 100 } }
    const plan = parseRolloutSpec({ model: 'm', challenger: '2', strategy, analysis: { metrics: [ERRORS], mode: 'equivalence' } })

    expect(simulateRollout(plan, scenarioOf({}, { person: { promotion: 'stop' } }), 1)).toMatchObject({ outcome: 'passed', challengerRequests: 0 })
    const promoted = simulateRollout(plan, scenarioOf({}, { person: { after: '2h' } }), 1)
    expect(promoted.outcome).toBe('promoted')
    expect(promoted.elapsedMs).toBeGreaterThan(2 * 3_600_000)
    expect(promoted.mirroredRequests).toBeGreaterThan(100)
  })

  it('walks every strategy to its end', () => {
    const attributes = { group: 'header:x-group' }
    const traffic = { attributes: { group: { beta: 0.2, other: 0.8 } } }
    const strategies = [
      { progressive: { stepWeight: 25, maxWeight: 75, interval: '1m' } },
      { blueGreen: { preview: { when: 'group == "beta"' }, autoPromotion: false, holdFor: '1m' } },
      { featureFlag: { rules: [{ when: 'group == "beta"' }], otherwise: 'champion' } },
      { darkLaunch: { when: 'group == "beta"' } }
    ]
    for (const strategy of strategies) {
      const plan = parseRolloutSpec({ model: 'm', challenger: '2', strategy, attributes })
      const run = simulateRollout(plan, scenarioOf({}, { person: { after: '5m' } }, traffic), 1)
      expect(run.outcome, Object.keys(strategy)[0]).toBe('promoted')
      expect(run.challengerRequests).toBeGreaterThan(0)
      expect(run.exposedSessions).toBeLessThanOrEqual(run.sessions)
    }
  })

  it('keeps a pinned session on its version as long as it lasts', () => {
    const strategy = { canary: { steps: [{ setWeight: 50 }, { pause: { duration: '10m' } }, { setWeight: 1 }, { pause: { duration: '10m' } }] } }
    const sessions = { requests: 100_000, active: 200 }
    const exposed = (mode: string) => simulateRollout(
      parseRolloutSpec({ model: 'm', challenger: '2', strategy, affinity: { mode } }), scenarioOf({}, { person: { promotion: 'stop' } }, { sessions }), 3)
    const [hash, pin] = [exposed('hash'), exposed('pin')]

    expect(pin.challengerRequests / pin.requests).toBeGreaterThan(0.4)
    expect(hash.challengerRequests / hash.requests).toBeLessThan(0.35)
  })

  it('waits for labels that come late', () => {
    const at = (delay: string) => runOf(HALF, correct(0.85, { delay: { median: delay } })).elapsedMs
    const now = runOf(HALF, correct(0.85)).elapsedMs

    expect(at('2h')).toBeGreaterThan(now + 1.5 * 3_600_000)
  })

  it('ends as open when the time of the scenario is over, whatever a year it has', () => {
    const plan = planOf(HALF, { plannedSamples: 100_000 })
    const run = simulateRollout(plan, scenarioOf({}, { maxDuration: '365d', lookEvery: '1d' }, { perSecond: 0.001 }), 1)

    expect(run).toMatchObject({ outcome: 'open', elapsedMs: 365 * 86_400_000 })
    expect(run.requests).toBeGreaterThan(30_000)
  })
})

describe('many simulated rollouts', () => {
  const share = (challenger: object, outcome: string, runs: number) => {
    const plan = planOf(HALF, { minSamples: 50, plannedSamples: 1_000, maxSamples: 3_000 })
    const scenario = scenarioOf(challenger, { lookEvery: '5s' })
    const report = summariseRuns([...simulateRuns(plan, scenario, runs, 7)], 7)
    return report.outcomes.find((found) => found.outcome === outcome)?.share ?? 0
  }

  it('promote a version as much worse as the margin allows in at most alpha of all runs, peeking all the time', () => {
    expect(share(correct(0.65), 'promoted', 120)).toBeLessThanOrEqual(0.05 + 3 * Math.sqrt(0.05 * 0.95 / 120))
  })

  it('roll an equal version back in at most alpha of all runs', () => {
    expect(share({}, 'rolled-back', 120)).toBeLessThanOrEqual(0.05 + 3 * Math.sqrt(0.05 * 0.95 / 120))
  })

  it('find a version that is much better', () => {
    expect(share(correct(0.85), 'promoted', 40)).toBeGreaterThan(0.9)
  })

  it('are counted whole', () => {
    const report = summariseRuns([...simulateRuns(planOf(HALF), scenarioOf(correct(0.85)), 5, 1)], 1)

    expect(report.outcomes.reduce((sum, { runs }) => sum + runs, 0)).toBe(5)
    expect(report.outcomes[0]!.rules.reduce((sum, { runs }) => sum + runs, 0)).toBe(report.outcomes[0]!.runs)
    expect(() => summariseRuns([], 1)).toThrow(RangeError)
  })
})
