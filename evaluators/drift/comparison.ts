import type { ColumnKind, DriftEffect, DriftMeasure, DriftP } from './drift-result.js'

/** What a comparison of two samples found, before it is set against the others of the window. */
export interface Finding {
  readonly effect: DriftEffect['name']
  readonly value: number
  readonly test: DriftP['test']
  readonly p: number
  readonly psi: number | null
}

/** One comparison that can be made; `find` is called only when both sides hold enough values. */
export interface Comparison {
  readonly column: string
  readonly measure: DriftMeasure
  readonly kind: ColumnKind
  readonly n: { readonly reference: number, readonly current: number }
  /** Fewest values of the reference, as a share of the window's minimum (1 unless the reference was split). */
  readonly referenceShare: number
  /** @param tests how many comparisons of the window are tested together */
  find (tests: number): Finding
}
