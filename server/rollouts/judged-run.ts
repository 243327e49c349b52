import { judgementsOf, type IntervalEvidence, type IntervalSpec } from '../../evaluators/interval-verdict.js'
import type { Evidence } from '../../evaluators/verdict.js'
import type { RolloutRow } from '../../registry/rollouts/rollout.js'
import { IntervalSeries } from '../traffic/interval-series.js'

/** The run of a canary judge at the present weight of a rollout: its series, and which of its judgements is due. */
export class JudgedRun {
  readonly #spec: IntervalSpec
  readonly #series: IntervalSeries
  /** What the last look was at. */
  #looked = ''

  constructor (spec: IntervalSpec) {
    this.#spec = spec
    this.#series = new IntervalSeries(spec)
  }

  /** The series of the present weight. */
  series (row: RolloutRow): IntervalSeries {
    this.#series.enter({ stage: row.stage, startedAt: startOf(row) })
    return this.#series
  }

  /** Whether a look can say something else than the one before: it only looks at the end of an interval. */
  isNew (row: RolloutRow, breach: string | null, at: number): boolean {
    const moment = [row.stage, judgementsOf(this.#spec, at - startOf(row)).due, breach].join()
    const isOther = moment !== this.#looked
    this.#looked = moment
    return isOther
  }

  /** What the judgement that is due is drawn from, beside what is known of the trial. */
  evidence (row: RolloutRow, trial: Evidence, at: number): IntervalEvidence {
    const { intervalMs, stepMs } = this.#spec
    const elapsedMs = Math.max(0, at - startOf(row))
    const steps = Math.round(judgementsOf(this.#spec, elapsedMs).due * intervalMs / stepMs)
    return { ...trial, elapsedMs, intervals: this.series(row).evidence(steps, `${row.id}/${row.stage}`) }
  }
}

/** When the present weight was set; an older gateway did not note it. */
function startOf ({ details, createdAt }: RolloutRow): number {
  return (details as { stageStartedAt?: number }).stageStartedAt ?? createdAt
}
