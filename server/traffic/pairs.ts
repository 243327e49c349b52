import { EmpiricalBernstein } from '../../evaluators/statistics/empirical-bernstein.js'
import { Moments } from '../../evaluators/statistics/moments.js'
import { PairMoments } from '../../evaluators/statistics/pair-moments.js'
import { sequenceLevels, type AnalysisSpec, type MetricSpec, type PairEvidence } from '../../evaluators/verdict.js'
import { BUCKETS, murmur3 } from '../routing/bucket.js'
import type { Mirrored } from './messages.js'

interface Accumulators {
  readonly differences: Moments
  readonly baseline: PairMoments
  readonly sequences: readonly EmpiricalBernstein[]
}

/**
 * The paired statistics of mirrored requests: per metric the moments of challenger − champion, and the exact sequences
 * of bounded values. Errors and latency over a limit are compared as 0/1, agreement with full agreement, 1.
 */
export class Pairs {
  readonly #metrics: readonly MetricSpec[]
  readonly #levels: readonly number[]
  readonly #accumulators = new Map<string, Accumulators>()

  constructor (spec: AnalysisSpec | null) {
    this.#metrics = spec?.metrics ?? []
    this.#levels = spec === null ? [] : sequenceLevels(spec)
  }

  add (mirrored: Mirrored): void {
    // A request without a session is one of its own; hashed among the buckets it hardly ever meets another.
    const cluster = mirrored.bucket ?? murmur3(mirrored.requestId) % BUCKETS
    for (const metric of this.#metrics) {
      const pair = pairOf(metric, mirrored)
      if (pair === null) continue
      const { differences, baseline, sequences } = this.#accumulator(metric)
      const difference = pair.challenger - pair.champion
      differences.add(difference, cluster)
      baseline.add(difference, pair.champion)
      for (const sequence of sequences) sequence.add(difference)
    }
  }

  /** What `decide` looks at; of agreement alone while the sessions are split too, for then the arms say the rest. */
  evidence (isSplit: boolean): Record<string, PairEvidence> {
    const entries = this.#metrics.flatMap((metric): [string, PairEvidence][] => {
      const found = this.#accumulators.get(metric.name)
      if (found === undefined || (isSplit && !isAgreement(metric))) return []
      const { differences, baseline, sequences } = found
      return [[metric.name, {
        differences: differences.summary(),
        baseline: baseline.summary(),
        ...sequences.length === 0 ? {} : { sequences: sequences.map((sequence) => sequence.toJSON()) }
      }]]
    })
    return Object.fromEntries(entries)
  }

  #accumulator ({ name, range }: MetricSpec): Accumulators {
    let found = this.#accumulators.get(name)
    if (found === undefined) {
      const length = range === undefined ? 0 : range.max - range.min
      const sequences = length === 0
        ? []
        : this.#levels.map((alpha) => new EmpiricalBernstein({ alpha, min: -length, max: length }))
      found = { differences: new Moments(), baseline: new PairMoments(), sequences }
      this.#accumulators.set(name, found)
    }
    return found
  }
}

/** The key under which the verdict knows an agreement: no key of feedback looks like it. */
export function agreementKey (name: string): string {
  return `agreement\u001f${name}`
}

function isAgreement ({ key, name }: MetricSpec): boolean {
  return key === agreementKey(name)
}

function pairOf (
  metric: MetricSpec, { champion, challenger, scores }: Mirrored
): { champion: number, challenger: number } | null {
  if (metric.source === 'errors') {
    return { champion: champion.failed ? 1 : 0, challenger: challenger.failed ? 1 : 0 }
  }
  const { limitMs } = metric
  if (metric.source === 'latency') {
    if (limitMs === undefined || champion.failed || challenger.failed) return null
    return { champion: champion.latencyMs > limitMs ? 1 : 0, challenger: challenger.latencyMs > limitMs ? 1 : 0 }
  }
  const score = scores[metric.name]
  return isAgreement(metric) && score !== undefined ? { champion: 1, challenger: score } : null
}
