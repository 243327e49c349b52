import { LogHistogram } from '../../evaluators/statistics/histogram.js'
import { Moments } from '../../evaluators/statistics/moments.js'
import type { AnalysisSpec, ArmEvidence, Evidence, MetricSpec, StageCounts, Stratum } from '../../evaluators/verdict.js'
import type { Arm } from '../routing/assign.js'
import { BUCKETS } from '../routing/bucket.js'

/**
 * Time blocks of a stratum: an hour while a weight is young, a day (UTC) later. The split does not change within a
 * visit of a weight, so that a trend within a block biases nothing; short blocks only keep it from widening intervals.
 */
const HOUR_MS = 3_600_000
const HOURS_OF_DAY = 24
const HOURLY_MS = 48 * HOUR_MS

/** Where an observation belongs: the visit of a weight it was routed under, its time, its arm and session bucket. */
export interface Place {
  readonly stage: number
  readonly weightBps: number
  readonly at: number
  readonly arm: Arm
  readonly bucket: number
}

/** One value of feedback, and when it came. */
export interface Told { readonly key: string, readonly value: number, readonly at: number }

type Accumulators = Map<string, Moments | LogHistogram>

interface Cell {
  readonly stage: number
  readonly weightBps: number
  readonly block: number
  readonly arms: Readonly<Record<Arm, Accumulators>>
}

/** What the evidence says beside the statistics: the current stage, a tripped breaker, the age of the trial. */
export interface Moment {
  readonly stage: number
  readonly breaker: string | null
  readonly elapsedMs: number
}

/**
 * The sufficient statistics of one rollout, per stratum (weight visit x time block) and arm, from the first request on.
 * Only the metrics of the spec are kept. Memory: a few kilobytes per stratum.
 *
 * Each session bucket is also counted once per rollout, at the stage and in the arm where it was first seen: whether
 * the sessions are split as intended can be told from those counts, for they are independent of one another.
 */
export class Windows {
  readonly #metrics: readonly MetricSpec[]
  readonly #cells = new Map<string, Cell>()
  readonly #begun = new Map<number, number>()
  /** The cell of the last observation: most of those that follow belong there too. */
  #last: Cell | null = null
  readonly #isKnown = new Uint8Array(BUCKETS)
  readonly #sessions = new Map<number, StageCounts<number>>()
  readonly #late: Record<string, Record<Arm, number>> = {}

  constructor (spec: AnalysisSpec | null) {
    this.#metrics = spec?.metrics ?? []
  }

  /** Counts one request; `latencyMs` only of answered ones. */
  request (place: Place, failed: boolean, latencyMs: number): void {
    this.#session(place)
    for (const metric of this.#metrics) {
      if (metric.source === 'errors') this.#moments(place, metric.name).add(failed ? 1 : 0, place.bucket)
      if (metric.source !== 'latency' || failed) continue
      if (metric.limitMs === undefined) this.#histogram(place, metric.name).add(latencyMs)
      else this.#moments(place, metric.name).add(latencyMs > metric.limitMs ? 1 : 0, place.bucket)
    }
  }

  /** Counts how long one side took for a mirrored request, for quantiles; everything else is compared in pairs. */
  mirroredLatency (place: Place, latencyMs: number): void {
    for (const metric of this.#metrics) {
      const isQuantile = metric.source === 'latency' && metric.limitMs === undefined
      if (isQuantile) this.#histogram(place, metric.name).add(latencyMs)
    }
  }

  /** Counts one value of feedback under the place of the request it is about; one that comes too late only as late. */
  feedback (place: Place, { key, value, at }: Told): void {
    for (const metric of this.#metrics) {
      if (metric.source !== 'feedback' || metric.key !== key) continue
      if (at - place.at <= (metric.windowMs ?? Infinity)) this.#moments(place, metric.name).add(value, place.bucket)
      else this.#late[metric.name] = countLate(this.#late[metric.name], place.arm)
    }
  }

  /** What `decide` looks at, as plain data. */
  evidence ({ stage, breaker, elapsedMs }: Moment): Evidence {
    const strata: Stratum[] = [...this.#cells.values()].map((cell) => ({
      stage: cell.stage,
      weightBps: cell.weightBps,
      block: cell.block,
      champion: summarise(cell.arms.champion),
      challenger: summarise(cell.arms.challenger)
    }))
    const late = Object.keys(this.#late).length === 0 ? {} : { late: structuredClone(this.#late) }
    return { stage, strata, breaker, health: { assignments: [...this.#sessions.values()] }, elapsedMs, ...late }
  }

  #session ({ bucket, stage, weightBps, arm }: Place): void {
    if (this.#isKnown[bucket] === 1) return
    this.#isKnown[bucket] = 1
    const counts = this.#sessions.get(stage) ?? { stage, weightBps, champion: 0, challenger: 0 }
    this.#sessions.set(stage, { ...counts, [arm]: counts[arm] + 1 })
  }

  #moments (place: Place, metric: string): Moments {
    return this.#accumulator(place, metric, () => new Moments()) as Moments
  }

  #histogram (place: Place, metric: string): LogHistogram {
    return this.#accumulator(place, metric, () => new LogHistogram()) as LogHistogram
  }

  #accumulator (place: Place, metric: string, make: () => Moments | LogHistogram): Moments | LogHistogram {
    const arm = this.#cell(place).arms[place.arm]
    let accumulator = arm.get(metric)
    if (accumulator === undefined) arm.set(metric, accumulator = make())
    return accumulator
  }

  /** The hour since the epoch that the block of an observation begins with. */
  #block ({ at, stage }: Place): number {
    let begun = this.#begun.get(stage)
    if (begun === undefined) this.#begun.set(stage, begun = at)
    const hour = Math.floor(at / HOUR_MS)
    return at - begun < HOURLY_MS ? hour : hour - hour % HOURS_OF_DAY
  }

  #cell (place: Place): Cell {
    const block = this.#block(place)
    if (this.#last?.block === block && this.#last.stage === place.stage) return this.#last
    const key = `${place.stage}:${block}`
    let cell = this.#cells.get(key)
    if (cell === undefined) {
      const arms = { champion: new Map() as Accumulators, challenger: new Map() as Accumulators }
      this.#cells.set(key, cell = { stage: place.stage, weightBps: place.weightBps, block, arms })
    }
    this.#last = cell
    return cell
  }
}

function countLate (before: Readonly<Record<Arm, number>> | undefined, arm: Arm): Record<Arm, number> {
  if (before === undefined) return { champion: 0, challenger: 0, [arm]: 1 }
  return { ...before, [arm]: before[arm] + 1 }
}

function summarise (accumulators: Accumulators): Record<string, ArmEvidence> {
  const entries = [...accumulators].map(([name, accumulator]): [string, ArmEvidence] => [
    name,
    accumulator instanceof Moments ? { moments: accumulator.summary() } : { histogram: accumulator.toJSON() }
  ])
  return Object.fromEntries(entries)
}
