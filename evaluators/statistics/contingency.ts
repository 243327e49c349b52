import { EvaluatorError, requireCount, requireList, requireSameLength } from '../errors.js'
import { chiSquareUpper } from './special.js'

/**
 * Probabilities this close to the observed table's are ties: wider than rounding, narrower than any real difference.
 */
const TIE = 1e-10

/** Counts, samples × categories, or any two crossed factors: every row equally long, whole numbers >= 0. */
export type CountTable = readonly ArrayLike<number>[]

/** A chi-square statistic (>= 0), its degrees of freedom and the probability (0..1) of one as large. */
export interface ChiSquare { readonly statistic: number, readonly degreesOfFreedom: number, readonly p: number }

/**
 * Pearson's chi-square test of independence, Σ (observed − expected)²/expected, without continuity correction. Columns
 * without any count are dropped first; with fewer than two columns or rows left nothing can differ: statistic 0, 0
 * degrees of freedom, p 1. Pearson (1900), Philos. Mag. 50. O(cells).
 *
 * @param table rows × columns of counts, each row with at least one count
 * @throws EvaluatorError EMPTY, LENGTH_MISMATCH or OUT_OF_RANGE
 */
export function chiSquareTest (table: CountTable): ChiSquare {
  return fromCells(table, (observed, expected) => (observed - expected) ** 2 / expected)
}

/**
 * Likelihood-ratio (G) test of independence, 2 Σ observed·ln(observed/expected), without correction; 0·ln 0 = 0;
 * columns as in {@link chiSquareTest}. Wilks (1935), Ann. Math. Statist. 6. O(cells).
 *
 * @param table rows × columns of counts, each row with at least one count
 * @throws EvaluatorError EMPTY, LENGTH_MISMATCH or OUT_OF_RANGE
 */
export function gTest (table: CountTable): ChiSquare {
  const test = fromCells(table, (observed, expected) =>
    observed === 0 ? 0 : 2 * observed * Math.log(observed / expected))
  return test.statistic >= 0 ? test : { ...test, statistic: 0, p: 1 }
}

/**
 * Chi-square test of a 2×2 table with Yates' continuity correction: each |observed − expected| is lowered by 0.5, not
 * below 0. Yates (1934), J. R. Stat. Soc. Suppl. 1. O(1).
 *
 * @param table two rows and, once columns without a count are dropped, two columns
 * @returns null when another number of columns or rows is left, for which the correction is not defined
 * @throws EvaluatorError EMPTY, LENGTH_MISMATCH or OUT_OF_RANGE
 */
export function yatesTest (table: CountTable): ChiSquare | null {
  const test = fromCells(table, (observed, expected) => {
    const difference = Math.abs(observed - expected)
    return (difference - Math.min(0.5, difference)) ** 2 / expected
  })
  return table.length === 2 && test.degreesOfFreedom === 1 ? test : null
}

/**
 * Cramér's V, √(χ²/(N·(min(rows, columns) − 1))), without bias correction: from 0 (independent) to 1; 0 when fewer than
 * two columns or rows hold a count. Cramér (1946), Mathematical Methods of Statistics, 21.9. O(cells).
 *
 * @param table rows × columns of counts, each row with at least one count
 * @throws EvaluatorError EMPTY, LENGTH_MISMATCH or OUT_OF_RANGE
 */
export function cramersV (table: CountTable): number {
  const { statistic } = chiSquareTest(table)
  const { rows, total, columnTotals } = usedColumns(table)
  const rank = Math.min(rows.length, columnTotals.length) - 1
  return rank < 1 ? 0 : Math.min(1, Math.sqrt(statistic / (total * rank)))
}

/** Fisher's exact test; `oddsRatio` is ad/bc of the sample, Infinity when only bc is 0, null when both are. */
export interface FisherExact {
  readonly oddsRatio: number | null
  readonly pTwoSided: number
  /** P(first cell at most as large), and at least as large. */
  readonly pLess: number
  readonly pGreater: number
}

/**
 * Fisher's exact test of a 2×2 table [[a, b], [c, d]] with both margins fixed. The two-sided p adds up all tables that
 * are at most as probable as the observed one (relative tolerance 1e-10). Probabilities are built by their exact ratios
 * from the most probable table outwards, so that large counts lose no digits. Fisher (1934), Statistical Methods for
 * Research Workers, 5th ed. O(least margin).
 *
 * @param table two rows of two whole numbers >= 0, all zero allowed (then every p is 1)
 * @throws EvaluatorError OUT_OF_RANGE or LENGTH_MISMATCH
 */
export function fisherExact (table: CountTable): FisherExact {
  const [a, b, c, d] = fourCells(table)
  const [row, column, total] = [a + b, a + c, a + b + c + d]
  const least = Math.max(0, row + column - total)
  const weights = hypergeometricWeights(row, column, total)
  const observed = weights[a - least]!
  let [sum, less, greater, asExtreme] = [0, 0, 0, 0]
  weights.forEach((weight, i) => {
    sum += weight
    if (i <= a - least) less += weight
    if (i >= a - least) greater += weight
    if (weight <= observed * (1 + TIE)) asExtreme += weight
  })
  const oddsRatio = b * c > 0 ? a * d / (b * c) : a * d > 0 ? Infinity : null
  return {
    oddsRatio,
    pTwoSided: Math.min(1, asExtreme / sum),
    pLess: Math.min(1, less / sum),
    pGreater: Math.min(1, greater / sum)
  }
}

/** Hypergeometric probabilities of the first cell, from its least to its greatest value, relative to the mode's. */
function hypergeometricWeights (row: number, column: number, total: number): Float64Array {
  const least = Math.max(0, row + column - total)
  const greatest = Math.min(row, column)
  const mode = Math.min(greatest, Math.max(least, Math.floor((row + 1) * (column + 1) / (total + 2))))
  const weights = new Float64Array(greatest - least + 1)
  weights[mode - least] = 1
  for (let k = mode + 1; k <= greatest; k++) {
    const ratio = (row - k + 1) * (column - k + 1) / (k * (total - row - column + k))
    weights[k - least] = weights[k - 1 - least]! * ratio
  }
  for (let k = mode - 1; k >= least; k--) {
    const ratio = (k + 1) * (total - row - column + k + 1) / ((row - k) * (column - k))
    weights[k - least] = weights[k + 1 - least]! * ratio
  }
  return weights
}

function fourCells (table: CountTable): readonly [number, number, number, number] {
  requireList('table', table)
  if (table.length !== 2) {
    throw new EvaluatorError('LENGTH_MISMATCH', 'table', `expected 2 rows, got ${table.length}`)
  }
  table.forEach((row, i) => {
    requireList(`table[${i}]`, row)
    if (row.length !== 2) {
      throw new EvaluatorError('LENGTH_MISMATCH', `table[${i}]`, `expected 2 counts, got ${row.length}`)
    }
  })
  requireCounts(table)
  return [table[0]![0]!, table[0]![1]!, table[1]![0]!, table[1]![1]!]
}

function requireCounts (table: CountTable): void {
  table.forEach((row, i) => {
    for (let j = 0; j < row.length; j++) {
      const count = row[j]
      if (Number.isSafeInteger(count) && count! >= 0) continue
      throw new EvaluatorError('OUT_OF_RANGE', `table[${i}][${j}]`, `expected a whole number of at least 0, got ${String(count)}`)
    }
  })
}

interface UsedColumns {
  readonly rows: readonly (readonly number[])[]
  readonly rowTotals: readonly number[]
  readonly columnTotals: readonly number[]
  readonly total: number
}

/** The table without the columns that hold no count, and its totals. */
function usedColumns (table: CountTable): UsedColumns {
  requireCount('table', table)
  table.forEach((row, i) => requireSameLength(['table[0]', table[0]!], [`table[${i}]`, row]))
  requireCounts(table)
  const totals = Array.from(table[0]!, (_, j) => table.reduce((sum, row) => sum + row[j]!, 0))
  const rows = table.map((row) => Array.from(row).filter((_, j) => totals[j]! > 0))
  const rowTotals = rows.map((row) => row.reduce((sum, count) => sum + count, 0))
  rowTotals.forEach((sum, i) => {
    if (sum === 0) throw new EvaluatorError('OUT_OF_RANGE', `table[${i}]`, 'expected at least one count in the row, got none')
  })
  const columnTotals = totals.filter((sum) => sum > 0)
  return { rows, rowTotals, columnTotals, total: rowTotals.reduce((sum, count) => sum + count, 0) }
}

function fromCells (table: CountTable, term: (observed: number, expected: number) => number): ChiSquare {
  const { rows, rowTotals, columnTotals, total } = usedColumns(table)
  const degreesOfFreedom = (rows.length - 1) * (columnTotals.length - 1)
  if (degreesOfFreedom === 0) return { statistic: 0, degreesOfFreedom, p: 1 }
  let statistic = 0
  rows.forEach((row, i) => row.forEach((observed, j) => {
    statistic += term(observed, rowTotals[i]! * columnTotals[j]! / total)
  }))
  return { statistic, degreesOfFreedom, p: chiSquareUpper(statistic, degreesOfFreedom) }
}
