import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../evaluators/statistics/random.js'
import { decide, type ArmEvidence, type Evidence, type MetricSpec, type Stratum } from '../../evaluators/verdict.js'
import { evidenceOf, histogramOf, momentsOf, numbersIn, specOf, stratum, tally } from '../support/evidence.js'

const margin = fc.oneof(fc.record({ absolute: fc.constantFrom(0.005, 0.05, 0.5, 5) }), fc.record({ relative: fc.constantFrom(0.05, 0.5, 1.5) }))
const flag = fc.constantFrom({}, { twoSided: true }, { heavyTailed: true }, { assumedEffect: -0.01 })

/** A metric of one of four kinds of evidence, named after its kind and number. */
function metricArbitrary (i: number): fc.Arbitrary<MetricSpec> {
  const kind = fc.constantFrom(
    { name: `errors${i}`, source: 'errors' as const }, { name: `slow${i}`, source: 'latency' as const, limitMs: 500 },
    { name: `p95${i}`, source: 'latency' as const, quantile: 0.95 }, { name: `score${i}`, source: 'feedback' as const, key: 'score' })
  return fc.tuple(kind, fc.constantFrom('primary' as const, 'critical' as const, 'monitor' as const), fc.constantFrom('up' as const, 'down' as const), margin, flag)
    .map(([one, role, direction, limit, flags]) => ({ ...one, role, direction, margin: limit, ...flags }))
}

const pool = Array.from({ length: 12 }, (_, i) => {
  const random = seededRandom(100 + i)
  const list = Array.from({ length: [3, 60, 260, 500][i % 4]! }, () => Math.exp(0.3 * random.normal()) * (i < 4 ? 1 : i < 8 ? 1.2 : 40))
  return { moments: momentsOf(list), histogram: histogramOf(list).toJSON() }
})
const extremes = [[0, 0], [0, 1], [1, 1], [0, 400], [400, 400], [3, 400], [150, 400], [40, 4_000], [0, 90_000]] as const

function armOf (metric: MetricSpec): fc.Arbitrary<Record<string, ArmEvidence>> {
  const arm: fc.Arbitrary<ArmEvidence> = metric.name.startsWith('p95')
    ? fc.constantFrom(...pool).map(({ histogram }) => ({ histogram }))
    : metric.name.startsWith('score')
      ? fc.constantFrom(...pool).map(({ moments }) => ({ moments }))
      : fc.constantFrom(...extremes).map(([events, n]) => tally(events, n))
  return fc.option(arm, { freq: 8, nil: undefined }).map((one) => one === undefined ? {} : { [metric.name]: one })
}

const cellOf = (metrics: readonly MetricSpec[]): fc.Arbitrary<Record<string, ArmEvidence>> =>
  fc.tuple(...metrics.map(armOf)).map((arms) => Object.assign({}, ...arms) as Record<string, ArmEvidence>)

const trial = fc.tuple(metricArbitrary(0), metricArbitrary(1), metricArbitrary(2)).chain((metrics) => fc.record({
  spec: fc.record({
    mode: fc.constantFrom('superiority' as const, 'equivalence' as const),
    minSamples: fc.constantFrom(0, 50, 200),
    budget: fc.constantFrom({}, { samplesMax: 3_000 }, { durationMs: 5e8 }),
    alpha: fc.constantFrom(0.05, 0.001, 0.3)
  }).map((overrides) => specOf(metrics, overrides)),
  strata: fc.array(fc.tuple(cellOf(metrics), cellOf(metrics), fc.constantFrom(1, 2), fc.constantFrom(0, 1)), { minLength: 1, maxLength: 4 })
    .map((cells) => cells.map(([champion, challenger, stage, block]): Stratum => stratum(champion, challenger, { stage, block, weightBps: stage * 2_000 }))),
  elapsedMs: fc.constantFrom(1, 1e8, 1e9)
})).map(({ spec, strata, elapsedMs }) => ({ spec, evidence: evidenceOf(strata, { elapsedMs }) }))

const swap = (evidence: Evidence): Evidence =>
  ({ ...evidence, strata: evidence.strata.map((one) => ({ ...one, weightBps: 10_000 - one.weightBps, champion: one.challenger, challenger: one.champion })) })
const close = (a: number | null, b: number | null): boolean => a === b || (a !== null && b !== null && Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a)))

describe('any verdict', () => {
  it('has only finite numbers, the same bytes each time, and survives JSON', () => {
    fc.assert(fc.property(trial, ({ spec, evidence }) => {
      const verdict = decide(spec, evidence)
      const bytes = JSON.stringify(verdict)

      expect(numbersIn(verdict).every(Number.isFinite)).toBe(true)
      expect(JSON.stringify(decide(structuredClone(spec), JSON.parse(JSON.stringify(evidence)) as Evidence))).toBe(bytes)
      expect(JSON.parse(bytes)).toEqual(verdict)
    }), { numRuns: 40 })
  })

  it('does not depend on the order of metrics or strata', () => {
    fc.assert(fc.property(trial, ({ spec, evidence }) => {
      const verdict = decide(spec, evidence)
      const other = decide({ ...spec, metrics: [...spec.metrics].reverse() }, { ...evidence, strata: [...evidence.strata].reverse() })

      expect([other.decision, other.rule]).toEqual([verdict.decision, verdict.rule])
      for (const metric of verdict.metrics) {
        const same = other.metrics.find(({ name, role, margin }) => name === metric.name && role === metric.role && margin === metric.margin)!
        expect(same.outcome).toBe(metric.outcome)
        expect(close(same.lower, metric.lower) && close(same.upper, metric.upper)).toBe(true)
      }
    }), { numRuns: 40 })
  })

  it('is not changed by a monitor, however bad or broken it is', () => {
    const broken = { moments: { ...momentsOf([1, 2]), mean: NaN } }
    fc.assert(fc.property(trial, fc.constantFrom<ArmEvidence>(tally(400, 400), broken), ({ spec, evidence }, arm) => {
      const strata = evidence.strata.map((one) => ({ ...one, champion: { ...one.champion, watched: tally(0, 400) }, challenger: { ...one.challenger, watched: arm } }))
      const watched: MetricSpec = { name: 'watched', source: 'errors', role: 'monitor', direction: 'down', margin: { absolute: 0.01 } }
      const [without, with_] = [decide(spec, evidence), decide({ ...spec, metrics: [watched, ...spec.metrics] }, { ...evidence, strata })]

      expect([with_.decision, with_.rule, with_.reason, with_.eta, with_.metrics.slice(1)]).toEqual([without.decision, without.rule, without.reason, without.eta, without.metrics])
    }), { numRuns: 30 })
  })

  it('never promotes while a metric that decides has nothing at the current weight', () => {
    fc.assert(fc.property(trial, fc.nat(2), ({ spec, evidence }, i) => {
      const { name, role } = spec.metrics[i]!
      const strata = evidence.strata.map((one) => one.stage !== evidence.stage
        ? one
        : { ...one, challenger: Object.fromEntries(Object.entries(one.challenger).filter(([metric]) => metric !== name)) })

      if (role !== 'monitor') expect(decide(spec, { ...evidence, strata }).decision).not.toBe('promote')
    }), { numRuns: 40 })
  })

  it('never promotes a challenger as well as its champion in the other\'s place, when one has to be better', () => {
    fc.assert(fc.property(trial, ({ spec, evidence }) => {
      const metrics = spec.metrics.map(({ twoSided: _, ...metric }) => ({ ...metric, role: 'primary' as const }))
      const superiority = { ...spec, mode: 'superiority' as const, metrics }

      expect([evidence, swap(evidence)].map((one) => decide(superiority, one).decision)).not.toEqual(['promote', 'promote'])
    }), { numRuns: 40 })
  })

  it('turns an absolute effect round when the arms are swapped: what was the lower bound is minus the upper', () => {
    const alone = metricArbitrary(0).chain((metric) => fc.tuple(fc.constant({ ...metric, role: 'critical' as const, margin: { absolute: 0.05 } }), cellOf([metric]), cellOf([metric])))
    fc.assert(fc.property(alone, ([metric, a, b]) => {
      const spec = specOf([metric], { mode: 'equivalence', minSamples: 50 })
      const evidence = evidenceOf([stratum(a, b, { weightBps: 3_000 })])
      const [there, back] = [evidence, swap(evidence)].map((one) => decide(spec, one).metrics[0]!)

      fc.pre(there!.estimate !== null && back!.estimate !== null)
      expect(close(there!.estimate, -back!.estimate!)).toBe(true)
      if (there!.lower !== null && back!.upper !== null) expect(close(there!.lower, -back!.upper)).toBe(true)
    }), { numRuns: 40 })
  })

  it('is never a promotion because of a budget', () => {
    fc.assert(fc.property(trial, fc.constantFrom(1, 500, 1e6), ({ spec, evidence }, samplesMax) => {
      const { budget: _, ...free } = spec
      const [without, with_] = [decide(free, evidence), decide({ ...free, budget: { samplesMax } }, evidence)]

      if (without.decision === 'continue') expect(['continue', 'pause']).toContain(with_.decision)
      else expect(with_.decision).toBe(without.decision)
    }), { numRuns: 40 })
  })
})
