import type { Random } from '../../evaluators/statistics/random.js'

/** A figure that the reference table states: a share of the repetitions, or the median sample size at a decision. */
export interface Target { readonly key: string, readonly kind: 'share' | 'median', readonly value: number }

/** A column of a printed table: one figure, or two of them with a stroke between. */
export interface Column { readonly title: string, readonly keys: readonly string[] }

/** A table of the reference: its rows are simulated one by one. */
export interface Section {
  readonly title: string
  readonly columns: readonly Column[]
  readonly experiments: readonly Experiment[]
}

/** One row: what a repetition does, and what is to come out. */
export interface Experiment {
  readonly name: string
  /** Repetitions as a multiple of the usual number: costly rows may take fewer, cheap ones more. */
  readonly effort: number
  readonly targets: readonly Target[]
  repeat (random: Random, outcomes: Outcomes): void
}

/** Counts of one row: how often something happened, and the sample sizes at which it did. */
export interface OutcomesJson {
  readonly reps: number
  readonly counts: Readonly<Record<string, number>>
  readonly sizes: Readonly<Record<string, readonly number[]>>
}

/** What happened in the repetitions of one experiment. */
export class Outcomes {
  reps = 0
  readonly #counts = new Map<string, number>()
  readonly #sizes = new Map<string, number[]>()

  count (key: string): void {
    this.#counts.set(key, this.of(key) + 1)
  }

  size (key: string, units: number): void {
    const list = this.#sizes.get(key) ?? []
    list.push(units)
    this.#sizes.set(key, list)
  }

  of (key: string): number {
    return this.#counts.get(key) ?? 0
  }

  sizesOf (key: string): readonly number[] {
    return this.#sizes.get(key) ?? []
  }

  add ({ reps, counts, sizes }: OutcomesJson): void {
    this.reps += reps
    for (const [key, count] of Object.entries(counts)) this.#counts.set(key, this.of(key) + count)
    for (const [key, list] of Object.entries(sizes)) for (const units of list) this.size(key, units)
  }

  toJSON (): OutcomesJson {
    return { reps: this.reps, counts: Object.fromEntries(this.#counts), sizes: Object.fromEntries(this.#sizes) }
  }
}

/** Repeats an experiment. */
export function simulate (experiment: Pick<Experiment, 'repeat'>, reps: number, random: Random): Outcomes {
  const outcomes = new Outcomes()
  for (let i = 0; i < reps; i++) experiment.repeat(random, outcomes)
  outcomes.reps = reps
  return outcomes
}

/** Targets in per cent: `percent('naive', 18.7, 19.2)` is 'naive promote' and 'naive rollback'. */
export function percent (name: string, promote: number, rollback: number): Target[] {
  return [share(`${name} promote`, promote), share(`${name} rollback`, rollback)]
}

export function share (key: string, percentage: number): Target {
  return { key, kind: 'share', value: percentage / 100 }
}

export function median (key: string, units: number): Target {
  return { key, kind: 'median', value: units }
}
