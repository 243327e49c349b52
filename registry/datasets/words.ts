/** What a version is: something that is run, or rows and documents that are read. */
export const KINDS = ['model', 'dataset'] as const
export type Kind = typeof KINDS[number]

/** What a dataset is for: known answers, text to answer from, a frozen sample to compare traffic with. */
export const DATASET_ROLES = ['golden', 'knowledge', 'baseline', 'other'] as const
export type DatasetRole = typeof DATASET_ROLES[number]

/** What a column can mean. A golden row has an input and one of expected, label and reference. */
export const FIELD_ROLES = ['id', 'input', 'expected', 'reference', 'label', 'segment', 'weight'] as const
export type FieldRole = typeof FIELD_ROLES[number]

/** How the rows are written; `text` is one document per file. */
export const DATASET_FORMATS = ['jsonl', 'csv', 'tsv', 'parquet', 'text'] as const
export type DatasetFormat = typeof DATASET_FORMATS[number]

/** What the values of a column look like; `mixed` when they do not agree, `empty` when there are none. */
export const COLUMN_KINDS = ['number', 'boolean', 'text', 'list', 'object', 'mixed', 'empty'] as const
export type ColumnKind = typeof COLUMN_KINDS[number]

export const DATASET_FILE = 'dataset.json'
