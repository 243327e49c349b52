import type { AnalysisSpec, ArmEvidence, Evidence, MetricSpec, PairEvidence, Stratum } from '../../evaluators/verdict.js'
import { EmpiricalBernstein } from '../../evaluators/statistics/empirical-bernstein.js'
import { LogHistogram } from '../../evaluators/statistics/histogram.js'
import { Moments, type MomentsSummary } from '../../evaluators/statistics/moments.js'
import { pairMoments } from '../../evaluators/statistics/pair-moments.js'

/** Moments of `events` ones among `n` zeros and ones, every value from a session of its own. */
export function binaryMoments (events: number, n: number): MomentsSummary {
  return {
    n,
    mean: n === 0 ? 0 : events / n,
    m2: n === 0 ? 0 : events * (n - events) / n,
    sum: events,
    isBinary: true,
    clusters: n,
    clusterSumSquares: events,
    clusterSumProducts: events,
    clusterCountSquares: n
  }
}

/** Moments of the values, every one from a session of its own unless `clusterOf` says whose it is. */
export function momentsOf (values: readonly number[], clusterOf: (i: number) => number = (i) => i): MomentsSummary {
  const moments = new Moments()
  values.forEach((value, i) => moments.add(value, clusterOf(i)))
  return moments.summary()
}

export function histogramOf (values: readonly number[]): LogHistogram {
  const histogram = new LogHistogram()
  for (const value of values) histogram.add(value)
  return histogram
}

export const tally = (events: number, n: number): ArmEvidence => ({ moments: binaryMoments(events, n) })
export const values = (...list: Parameters<typeof momentsOf>): ArmEvidence => ({ moments: momentsOf(...list) })
export const latencies = (list: readonly number[]): ArmEvidence => ({ histogram: histogramOf(list).toJSON() })

type Arms = Record<string, ArmEvidence>

/** A stratum at 50 % in stage 1 and block 0 unless said otherwise. */
export function stratum (champion: Arms, challenger: Arms, place: Partial<Stratum> = {}): Stratum {
  return { stage: 1, weightBps: 5_000, block: 0, ...place, champion, challenger }
}

export function evidenceOf (strata: readonly Stratum[], overrides: Partial<Evidence> = {}): Evidence {
  return { stage: Math.max(1, ...strata.map(({ stage }) => stage)), strata, breaker: null, ...overrides }
}

export function specOf (metrics: readonly MetricSpec[], overrides: Partial<AnalysisSpec> = {}): AnalysisSpec {
  return { alpha: 0.05, mode: 'superiority', minSamples: 200, plannedSamples: 5_000, metrics, ...overrides }
}

export const ERRORS: MetricSpec = {
  name: 'errors', source: 'errors', role: 'critical', direction: 'down', margin: { absolute: 0.01 }
}
export const SCORE: MetricSpec = {
  name: 'score', source: 'feedback', key: 'score', role: 'primary', direction: 'up', margin: { absolute: 0.1 }
}
export const LATENCY: MetricSpec = {
  name: 'p95', source: 'latency', quantile: 0.95, role: 'critical', direction: 'down', margin: { relative: 0.1 }
}

/** Shadow pairs of one metric from both versions' values on the same inputs; exact sequences at the given levels. */
export function pairsOf (
  champion: readonly number[], challenger: readonly number[], range?: { min: number, max: number, levels: readonly number[] }
): PairEvidence {
  const differences = champion.map((value, i) => challenger[i]! - value)
  const baseline = pairMoments(differences, champion)
  if (range === undefined) return { differences: momentsOf(differences), baseline }
  const length = range.max - range.min
  const sequences = range.levels.map((alpha) => {
    const sequence = new EmpiricalBernstein({ alpha, min: -length, max: length })
    for (const difference of differences) sequence.add(difference)
    return sequence.toJSON()
  })
  return { differences: momentsOf(differences), baseline, sequences }
}

/** Evidence of shadow pairs alone. */
export function shadowOf (pairs: Readonly<Record<string, PairEvidence>>, overrides: Partial<Evidence> = {}): Evidence {
  return { stage: 1, strata: [], breaker: null, pairs, ...overrides }
}

/** Every number in a value, however deep. */
export function numbersIn (value: unknown): number[] {
  if (typeof value === 'number') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : []
}
