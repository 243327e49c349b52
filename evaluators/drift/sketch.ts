import type { ColumnSketch } from './column-sketch.js'

/** Sketch of a reference, plain JSON: what is kept of each column so that later windows can be compared with it. */
export interface TableSketch {
  readonly version: 1
  /** Rows that went in. */
  readonly rows: number
  readonly columns: Readonly<Record<string, ColumnSketch>>
}
