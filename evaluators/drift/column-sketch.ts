/** Figures of a numeric column. `mean` to `max` are null when no value was present. */
export interface NumericSketch {
  readonly kind: 'numeric'
  /** Values that were present, and cells that were not. */
  readonly n: number
  readonly missing: number
  readonly mean: number | null
  /** Sum of squared deviations from the mean, unit squared, at most the greatest number. */
  readonly m2: number | null
  readonly min: number | null
  readonly max: number | null
  /** Interior edges (type-7 quantiles of the reference, ascending, distinct) and the counts of the left-closed bins. */
  readonly edges: readonly number[]
  readonly counts: readonly number[]
  /** Every different value with its count, ascending, while there are at most 20; null above. */
  readonly values: readonly (readonly [number, number])[] | null
  /** A uniform sample without replacement of at most 5,000 values: all of them while there are no more. */
  readonly sample: readonly number[]
  /** The sample is not drawn: it holds evenly spaced quantiles of all `n` values, ascending. */
  readonly isQuantiles?: true
}

/** Counts of a categorical column, by falling count; categories beyond the bound are counted together as `other`. */
export interface CategoricalSketch {
  readonly kind: 'categorical'
  readonly n: number
  readonly missing: number
  readonly counts: readonly (readonly [string, number])[]
  readonly other: number
}

/** Descriptors of a text column. */
export interface TextSketch {
  readonly kind: 'text'
  readonly n: number
  readonly missing: number
  readonly length: NumericSketch
  readonly digits: NumericSketch
  readonly punctuation: NumericSketch
  readonly upperCase: NumericSketch
  /** Texts by the script of most of their letters. */
  readonly script: CategoricalSketch
  /** Words of one half of the texts, the most frequent ones, ascending. */
  readonly vocabulary: readonly string[]
  /** Share of words outside the vocabulary, of the texts of the other half. */
  readonly outOfVocabulary: NumericSketch
  /** A uniform sample of the texts themselves; null unless asked for. */
  readonly texts: readonly string[] | null
}

/** Vectors of an embedding column; `dimension` and `centroid` are null when no vector was present. */
export interface EmbeddingSketch {
  readonly kind: 'embedding'
  readonly n: number
  readonly missing: number
  readonly dimension: number | null
  readonly centroid: readonly number[] | null
  /** A uniform sample without replacement of at most 500 vectors. */
  readonly sample: readonly (readonly number[])[]
}

export type ColumnSketch = NumericSketch | CategoricalSketch | TextSketch | EmbeddingSketch
