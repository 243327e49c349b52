import { LogHistogram } from '../../../evaluators/statistics/histogram.js'
import { Moments } from '../../../evaluators/statistics/moments.js'
import { seededRandom, type Random } from '../../../evaluators/statistics/random.js'
import { decide, type AnalysisSpec, type ArmEvidence, type Evidence, type Stratum } from '../../../evaluators/verdict.js'
import type { BenchRow } from './row.js'

const ADDS = 1_000_000
const BLOCKS = 24
const STAGES = [100, 500, 1_000, 2_500, 5_000] as const

const SPEC: AnalysisSpec = {
  alpha: 0.05,
  mode: 'superiority',
  minSamples: 200,
  plannedSamples: 50_000,
  metrics: [
    { name: 'errors', source: 'errors', role: 'critical', direction: 'down', margin: { absolute: 0.01 } },
    { name: 'p95', source: 'latency', quantile: 0.95, role: 'critical', direction: 'down', margin: { relative: 0.1 } },
    { name: 'score', source: 'feedback', key: 'score', role: 'primary', direction: 'up', margin: { absolute: 0.02 } }
  ]
}

/** Histograms and verdicts: how many a second, best of three. */
export function benchStatistics (): BenchRow[] {
  const random = seededRandom(1)
  const latencies = Float64Array.from({ length: ADDS }, () => 40 * Math.exp(0.5 * random.normal()))
  const histogram = new LogHistogram()
  const perAdd = best(() => latencies.forEach((latency) => histogram.add(latency))) / ADDS
  const other = new LogHistogram()
  const perMerge = best(() => {
    for (let i = 0; i < 10_000; i++) other.merge(histogram)
  }) / 10_000
  const evidence = evidenceOf(random)
  const perDecision = best(() => {
    for (let i = 0; i < 20; i++) decide(SPEC, evidence)
  }) / 20
  return [
    { name: 'histogram, values added', value: 1e3 / perAdd, unit: 'a second', beside: '1,000,000 lognormal latencies, 0.5 % buckets' },
    { name: 'histogram, merges', value: 1e3 / perMerge, unit: 'a second', beside: `${histogram.toJSON().buckets.length} buckets in use` },
    {
      name: 'decide()',
      value: 1e3 / perDecision,
      unit: 'a second',
      beside: `3 metrics, ${STAGES.length} weights, ${evidence.strata.length} strata`
    }
  ]
}

/** Milliseconds of the fastest of three runs. */
function best (run: () => void): number {
  const times = Array.from({ length: 3 }, () => {
    const start = performance.now()
    run()
    return performance.now() - start
  })
  return Math.min(...times)
}

/** A day at five weights, an hour to a stratum: errors of 1 %, lognormal latencies, scores with sessions. */
function evidenceOf (random: Random): Evidence {
  const strata = Array.from({ length: BLOCKS }, (_, block): Stratum => {
    const stage = Math.floor(block * STAGES.length / BLOCKS)
    const weightBps = STAGES[stage]!
    const units = 5_000
    return {
      stage,
      weightBps,
      block,
      champion: armOf(random, units * (1 - weightBps / 10_000)),
      challenger: armOf(random, units * weightBps / 10_000)
    }
  })
  return { stage: STAGES.length - 1, strata, breaker: null }
}

function armOf (random: Random, units: number): Record<string, ArmEvidence> {
  const [errors, score] = [new Moments(), new Moments()]
  const latency = new LogHistogram()
  for (let i = 0; i < units; i++) {
    const session = random.below(10_000)
    errors.add(random.uniform() < 0.01 ? 1 : 0, session)
    score.add(Math.min(1, Math.max(0, 0.7 + 0.1 * random.normal())), session)
    latency.add(40 * Math.exp(0.5 * random.normal()))
  }
  return {
    errors: { moments: errors.summary() },
    p95: { histogram: latency.toJSON() },
    score: { moments: score.summary() }
  }
}
