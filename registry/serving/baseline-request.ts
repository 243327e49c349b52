import type { Baseline } from './provenance.js'

/** Training data from which a drift baseline is made. */
export interface BaselineRequest {
  /** A file, or `dataset:NAME[:VERSION|@ALIAS]`. */
  readonly path: string
  /** Only these columns; null for all that can be sketched. */
  readonly columns: readonly string[] | null
  /** Column names of a CSV or TSV file whose first line is data already; null when it has its own. */
  readonly header: readonly string[] | null
  /** How many rows themselves are kept beside the sketch. */
  readonly rows: number
  /** Most bytes of the sketch as JSON. */
  readonly bytesMax: number
  readonly dataDir: string
  /** No bar tells how far it is. */
  readonly isQuiet: boolean
}

/** A drift baseline as data. */
export interface DescribedBaseline {
  readonly baseline: Baseline
  /** JSON lines; null when none were asked for. */
  readonly rows: Buffer | null
  /** What was left out and why. */
  readonly notes: readonly string[]
}

/** Reads and sketches data: what the composition hands in, for the registry does not know what a sketch is. */
export type ReadBaseline = (request: BaselineRequest) => Promise<DescribedBaseline>
