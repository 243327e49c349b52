import type { Report } from './report.js'

/** A parsed file: one JSON document, or the documents of its lines. */
export type Parsed = { readonly document: unknown } | { readonly lines: readonly unknown[] }

export interface FormatOptions {
  /** Folder with the encoders that a BERTScore file names, or null. */
  readonly models: string | null
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
