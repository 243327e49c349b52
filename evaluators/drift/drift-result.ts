/** What a column holds; `numeric` columns with at most 20 different values are compared as categories. */
export const COLUMN_KINDS = ['numeric', 'categorical', 'text', 'embedding'] as const
export type ColumnKind = typeof COLUMN_KINDS[number]

/** The kind of each column that is to be compared, by name; `auto` infers it from the reference. */
export type Columns = Readonly<Record<string, ColumnKind | 'auto'>>

/**
 * Values by column name, all columns equally long. A cell is a number (or bigint), a string, a boolean or a vector of
 * numbers; null, undefined and NaN are missing values.
 */
export type Table = Readonly<Record<string, ArrayLike<unknown>>>

/** `insufficient` is never `stable`: too little was seen to tell. */
export type DriftStatus = 'stable' | 'warning' | 'severe' | 'insufficient'

/** What of a column a row compares: its values, how many are missing, or one property of its texts. */
export type DriftMeasure =
  'values' | 'missing' | 'length' | 'script' | 'out-of-vocabulary' | 'digits' | 'punctuation' | 'upper-case' | 'domain-classifier'

/** How far apart the two sides are: a drift from `threshold` on warns, from `severeThreshold` on is severe. */
export interface DriftEffect {
  /** `wasserstein1/sd` (unit: reference sds), `js-distance` (0..1), `auc` (0..1) or `mmd2` (at most 2). */
  readonly name: 'wasserstein1/sd' | 'js-distance' | 'auc' | 'mmd2'
  readonly value: number
  readonly threshold: number
  readonly severeThreshold: number
}

/** How surely the two sides differ: the test's own p, and p adjusted for all rows of the window (both 0..1). */
export interface DriftP {
  readonly test: 'ks-exact' | 'ks-stephens' | 'chi-square' | 'fisher-exact' | 'mann-whitney' | 'mmd-permutation'
  readonly value: number
  readonly adjusted: number
}

/** One comparison. A column gives a row per measure; `effect` and `p` are null when the row is insufficient. */
export interface DriftRow {
  readonly column: string
  readonly measure: DriftMeasure
  readonly kind: ColumnKind
  /** How many values (of a sketched or very large side: sampled ones) were compared. */
  readonly n: { readonly reference: number, readonly current: number }
  readonly effect: DriftEffect | null
  readonly p: DriftP | null
  /** Population stability index, to be shown, not acted upon; null where it has no meaning. */
  readonly psi: number | null
  /** Whether the effect reached the severe threshold with a significant p in this window alone. */
  readonly isBeyondSevere: boolean
  readonly status: DriftStatus
  /** One sentence with the figures that led to the status. */
  readonly reason: string
}

/** Result of one window, plain JSON; pass it as `previous` with the next window. */
export interface DriftResult {
  readonly version: 1
  /** The worst of the rows: severe, warning, insufficient, stable, in this order. */
  readonly status: DriftStatus
  readonly reason: string
  readonly rows: readonly DriftRow[]
  /** What could not be compared and why (a reference that keeps no texts, for instance). */
  readonly notes: readonly string[]
}
