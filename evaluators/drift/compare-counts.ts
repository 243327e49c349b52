import { chiSquareTest, fisherExact } from '../statistics/contingency.js'
import { jensenShannonDistance } from './distances.js'
import type { Finding } from './comparison.js'
import { stabilityOfCounts } from './population-stability.js'

/** Least expected count of a cell for the chi-square distribution to hold (Cochran 1954). */
const EXPECTED_MIN = 5

/**
 * Compares counts of the same categories. Categories with an expected count under 5 on either side are counted
 * together, with the next rarest ones where they are still too few; then the distance of Jensen and Shannon (base 2) is
 * the effect, and chi-square the test, or Fisher's when two categories remain and one expects under 5. O(categories
 * log).
 *
 * @param reference counts, at least one above 0
 * @param current counts of the same categories, at least one above 0
 */
export function compareCounts (reference: readonly number[], current: readonly number[]): Finding {
  const { table, isSparse } = mergeSparse(reference, current)
  const isFisher = isSparse && table[0].length === 2
  return {
    effect: 'js-distance',
    value: jensenShannonDistance(table[0], table[1]),
    test: isFisher ? 'fisher-exact' : 'chi-square',
    p: isFisher ? fisherExact(table).pTwoSided : chiSquareTest(table).p,
    psi: stabilityOfCounts(reference, current)
  }
}

/**
 * Compares categories by name; those that the reference does not name count as its `other`. O(categories).
 *
 * @param reference counts by category, and how many values were not kept by name
 * @param current counts by category
 */
export function compareCategories (
  reference: { readonly counts: ReadonlyMap<string, number>, readonly other: number },
  current: ReadonlyMap<string, number>
): Finding {
  const categories = [...reference.counts.keys()]
  const known = categories.map((category) => current.get(category) ?? 0)
  let unknown = 0
  for (const [category, count] of current) if (!reference.counts.has(category)) unknown += count
  return compareCounts([...reference.counts.values(), reference.other], [...known, unknown])
}

type TwoRows = readonly [readonly number[], readonly number[]]

function mergeSparse (reference: readonly number[], current: readonly number[]): { table: TwoRows, isSparse: boolean } {
  const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)
  const [n, m] = [sum(reference), sum(current)]
  const share = Math.min(n, m) / (n + m)
  const cells = reference.map((count, i) => [count, current[i]!] as const)
    .filter(([a, b]) => a + b > 0)
    .sort(([a, b], [c, d]) => a + b - c - d)
  let [restA, restB, merged] = [0, 0, 0]
  while (merged < cells.length - 1 || merged === 0) {
    const [a, b] = cells[merged]!
    const isRestSparse = merged > 0 && (restA + restB) * share < EXPECTED_MIN
    if ((a + b) * share >= EXPECTED_MIN && !isRestSparse) break
    restA += a
    restB += b
    merged++
  }
  const kept = cells.slice(merged)
  const all = merged === 0 ? kept : [[restA, restB] as const, ...kept]
  return {
    table: [all.map(([a]) => a), all.map(([, b]) => b)],
    isSparse: all.some(([a, b]) => (a + b) * share < EXPECTED_MIN)
  }
}
