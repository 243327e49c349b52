import type { Better } from './compare-pairs.js'

/** What is scored: a text and the texts it should be like (none for metrics that look at the text alone). */
export interface TextPair { readonly references: readonly string[], readonly candidate: string }

/** One number that a metric gives per row. */
export interface Figure {
  readonly metric: string
  /** Which of the metric's numbers; null where it has one only. */
  readonly part: string | null
  readonly better: Better
  /** Least and greatest possible value; null when it has no bound. */
  readonly range: readonly [number, number] | null
}

/** Computes one or more metrics of many pairs at a time. */
export interface Scorer {
  readonly figures: readonly Figure[]
  /** For each pair one number per figure, null where it is not defined. */
  score (pairs: readonly TextPair[]): (number | null)[][] | Promise<(number | null)[][]>
  /** What the metric says of all pairs scored so far together, where that is not the mean of the rows. */
  readonly corpus?: () => Readonly<Record<string, number>>
}

/** `rouge1.f1`, or `bleu` where a metric has one number only. */
export function figureName ({ metric, part }: Figure): string {
  return part === null ? metric : `${metric}.${part}`
}

/** The number that stands for a metric where only one is wanted: F1, or the only one. */
export function isMain ({ part }: Figure): boolean {
  return part === null || part === 'f1'
}
