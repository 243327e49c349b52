/** What a table can be read from. */
export const FORMATS = ['jsonl', 'csv', 'tsv', 'parquet'] as const
export type Format = typeof FORMATS[number]

/** Longest line or record, unless the user says otherwise. */
export const LINE_BYTES_MAX = 16 * 1024 * 1024
