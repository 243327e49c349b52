import type { IntervalEvidence, IntervalMetric, IntervalSeries as SeriesEvidence, IntervalSpec } from '../../evaluators/interval-verdict.js'
import { LogHistogram } from '../../evaluators/statistics/histogram.js'
import type { Arm } from '../routing/assign.js'

/** A visit of a weight: a run of the judge begins with each. */
export interface Run { readonly stage: number, readonly startedAt: number }

/** Something that was observed of one arm, under which stage it was routed and when. */
export interface Observed { readonly stage: number, readonly arm: Arm, readonly at: number }

/** One step of one metric and arm: a sum over `n`, or the latencies until the step is over. */
interface Point { n: number, sum: number, histogram: LogHistogram | null, value: number | null }

type Points = Map<number, Point>

/**
 * What a canary judge looks at: one value per step, metric and arm of the present run. A value belongs to the step in
 * which it was measured, feedback to the one in which it came, so that a step that is over changes no more. Memory: 100
 * bytes per step, metric and arm, and one histogram each for the step at hand; steps behind the lifetime, or before
 * what any judgement to come can see, are not kept.
 */
export class IntervalSeries {
  readonly #spec: IntervalSpec
  #run: Run = { stage: 0, startedAt: 0 }
  #points = new Map<string, Record<Arm, Points>>()

  constructor (spec: IntervalSpec) {
    this.#spec = spec
  }

  /** Begins anew when the run is another one. */
  enter (run: Run): void {
    if (run.stage === this.#run.stage && run.startedAt === this.#run.startedAt) return
    this.#run = run
    this.#points = new Map()
  }

  /** Counts one request; `latencyMs` only of answered ones. */
  request (observed: Observed, failed: boolean, latencyMs: number): void {
    for (const metric of this.#spec.metrics) {
      if (metric.source === 'errors') this.#add(metric, observed, failed ? 100 : 0)
      if (metric.source === 'latency' && !failed) this.#add(metric, observed, latencyMs)
    }
  }

  /** Counts one value of feedback, `at` the time when it came. */
  feedback (observed: Observed, key: string, value: number): void {
    for (const metric of this.#spec.metrics) {
      if (metric.source === 'feedback' && metric.key === key) this.#add(metric, observed, value)
    }
  }

  /** The series of so many steps from the beginning, or of as much of them as a judgement at their end looks at. */
  evidence (steps: number, seed: string): IntervalEvidence['intervals'] {
    const { metrics, stepMs, lookbackMs } = this.#spec
    const from = lookbackMs === null ? 0 : Math.max(0, steps - Math.round(lookbackMs / stepMs))
    const series = Object.fromEntries(metrics.map((metric): [string, SeriesEvidence] => {
      const arms = this.#points.get(metric.name)
      const of = (arm: Arm) => valuesOf(arms?.[arm], from, steps, metric)
      const [champion, challenger] = [of('champion'), of('challenger')]
      const n = { champion: champion.n, challenger: challenger.n }
      return [metric.name, { champion: champion.values, challenger: challenger.values, n }]
    }))
    return { seed, from, series }
  }

  #add (metric: IntervalMetric, { stage, arm, at }: Observed, value: number): void {
    const { stepMs, lifetimeMs } = this.#spec
    const elapsedMs = at - this.#run.startedAt
    if (stage !== this.#run.stage || elapsedMs < 0 || elapsedMs >= lifetimeMs) return
    const points = this.#pointsOf(metric.name)[arm]
    const step = Math.floor(elapsedMs / stepMs)
    const point = points.get(step) ?? this.#open(points, step, metric)
    if (metric.source === 'latency') {
      // A clock that was set back: that step is over.
      if (point.histogram === null) return
      point.histogram.add(value)
    } else point.sum += value
    point.n++
  }

  #pointsOf (name: string): Record<Arm, Points> {
    let arms = this.#points.get(name)
    if (arms === undefined) this.#points.set(name, arms = { champion: new Map(), challenger: new Map() })
    return arms
  }

  /** Histograms of the steps before become their quantile, and what no judgement will look at is forgotten. */
  #open (points: Points, step: number, metric: IntervalMetric): Point {
    const { stepMs, intervalMs, lookbackMs } = this.#spec
    const kept = lookbackMs === null ? Infinity : Math.round((lookbackMs + intervalMs) / stepMs)
    for (const [at, point] of points) {
      if (at < step - kept) points.delete(at)
      else if (at < step && point.histogram !== null) {
        point.value = quantileOf(point.histogram, metric)
        point.histogram = null
      }
    }
    const point = { n: 0, sum: 0, histogram: metric.source === 'latency' ? new LogHistogram() : null, value: null }
    points.set(step, point)
    return point
  }
}

function valuesOf (
  points: Points | undefined, from: number, steps: number, metric: IntervalMetric
): { values: (number | null)[], n: number } {
  let n = 0
  const values = Array.from({ length: steps - from }, (_, i) => {
    const point = points?.get(from + i)
    if (point === undefined || point.n === 0) return null
    n += point.n
    if (metric.source !== 'latency') return point.sum / point.n
    return point.histogram === null ? point.value : quantileOf(point.histogram, metric)
  })
  return { values, n }
}

function quantileOf (histogram: LogHistogram, { quantile = 0.5 }: IntervalMetric): number {
  return histogram.valueAtRank(Math.max(1, Math.ceil(quantile * histogram.count)))
}
