import type { Report } from './report.js'

/** A parsed file: one JSON document, or the documents of its lines. */
export type Parsed = { readonly document: unknown } | { readonly lines: readonly unknown[] }

/** A parsed file and where it lies. */
export interface Source { readonly path: string, readonly parsed: Parsed }

/**
 * What a check may need beside the file itself. The main program supplies `path`, the absolute path of the file that is
 * checked, and `companions`: every file of the run that could be parsed, in the order given, then every other `*.json`
 * and `*.jsonl` file of the folders in which they lie, by name; absolute paths throughout. A text-aggregate file speaks
 * of pairs by the id that they have in a text-metrics file: without companions those figures are mismatches.
 */
export interface FormatOptions {
  /** Folder with the encoders that a BERTScore file names, or null. */
  readonly models: string | null
  readonly path?: string
  readonly companions?: readonly Source[]
}

/** One format of reference figures, recognised by content. */
export interface Format {
  readonly name: string
  recognises (parsed: Parsed): boolean
  /** Computes what the file expects and compares; anything it does not know is a mismatch. */
  check (parsed: Parsed, report: Report, options: FormatOptions): Promise<void> | void
}

/**
 * Figures of one statistic of a statistics file: takes a case's `input`, gives an object with (at least) the fields of
 * its `expected`.
 */
export type Compute = (input: Record<string, unknown>) => Record<string, unknown>
