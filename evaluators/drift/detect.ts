import type { Random } from '../statistics/random.js'
import type { Columns, DriftResult, Table } from './drift-result.js'
import type { TableSketch } from './sketch.js'
import type { DriftThresholds } from './thresholds.js'

export interface DriftOptions {
  /** Draws the subsamples, permutations and folds: the same seed gives the same result. */
  readonly random: Random
  /** Fewest values on each side for a row to be told, default 200. */
  readonly windowMin?: number
  /** False discovery rate of the rows of a window, default 0.01. */
  readonly q?: number
  readonly thresholds?: Partial<DriftThresholds>
  /** Result of the window before this one: two severe windows in a row are severe. */
  readonly previous?: DriftResult | null
}

/** Compares a window of current values with a reference: raw values or their sketch. */
export type DetectDrift = (
  reference: Table | TableSketch, current: Table, columns: Columns, options: DriftOptions
) => DriftResult
