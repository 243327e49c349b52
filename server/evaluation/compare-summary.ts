import type { Conclusion, PairedComparison } from './compare-pairs.js'

/** A comparison with its differences b − a row by row, NaN where there is none. */
export interface Compared extends PairedComparison { readonly metric: string, readonly differences: Float64Array }

/** How a metric stands to people's numbers. */
export interface Agreement {
  readonly metric: string
  /** Both name the same better side, each names another, or at least one does not decide. */
  readonly verdict: 'agrees' | 'contradicts' | 'cannot tell'
  /** Rows in which both tell A and B apart, and in how many of them they name the same side. */
  readonly told: number
  readonly same: number
}

export interface Overall {
  readonly conclusion: 'b is better' | 'b is worse' | 'b is no worse' | 'mixed' | 'undecided'
  /** One sentence. */
  readonly reason: string
}

/**
 * What all metrics say together. "Better", "worse" and "no worse" are said only when they hold by every metric at once,
 * so that no correction for several metrics is needed (an intersection-union test). Metrics without a better side do
 * not count. Pure.
 */
export function summarise (metrics: readonly Compared[]): Overall {
  const names = new Map<Conclusion, string[]>()
  for (const { metric, better, conclusion } of metrics) {
    if (better !== 'neither') names.set(conclusion, [...names.get(conclusion) ?? [], metric])
  }
  const reason = [...names].map(([conclusion, by]) => `${conclusion} by ${by.join(', ')}`).join('; ')
  return { conclusion: overallOf(new Set(names.keys())), reason: reason === '' ? 'no metric has a better side' : reason }
}

function overallOf (said: ReadonlySet<Conclusion>): Overall['conclusion'] {
  if (said.has('b is worse')) return said.size === 1 ? 'b is worse' : said.has('b is better') ? 'mixed' : 'undecided'
  if (said.size === 0 || said.has('undecided')) return 'undecided'
  return said.has('no worse than the margin') ? 'b is no worse' : 'b is better'
}

/** Whether a metric sides with people's numbers, in all and row by row; null for one without a better side. Pure. */
export function agree (metric: Compared, people: Compared): Agreement | null {
  if (metric.better === 'neither') return null
  let [told, same] = [0, 0]
  for (let i = 0; i < metric.differences.length; i++) {
    const [one, other] = [sideOf(metric, i), sideOf(people, i)]
    if (one * other === 0) continue
    told++
    if (one === other) same++
  }
  const [one, other] = [metric.conclusion, people.conclusion]
  const isDecided = [one, other].every((conclusion) => conclusion === 'b is better' || conclusion === 'b is worse')
  return { metric: metric.metric, verdict: !isDecided ? 'cannot tell' : one === other ? 'agrees' : 'contradicts', told, same }
}

/** 1 where B is better in a row, -1 where A is, 0 where neither can be told. */
function sideOf ({ differences, better }: Compared, row: number): number {
  const sign = Math.sign(differences[row]!)
  return Number.isNaN(sign) ? 0 : better === 'lower' ? -sign : sign
}
