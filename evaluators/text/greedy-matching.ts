import { EvaluatorError } from '../errors.js'
import { forEachDotProduct, PANEL } from './dot-products.js'
import { countTokens, writeUnitVector, type TokenEmbeddings } from './token-embeddings.js'

/** Token vectors made ready for matching. */
export interface UnitVectors {
  readonly count: number
  readonly width: number
  /** Of length 1 or 0, in panels of four as `forEachDotProduct` takes them; vectors of zeros fill the last panel. */
  readonly values: Float64Array
  /** Added to every cosine with the vector: 0, or -Infinity for one that nothing may be matched with. */
  readonly bias: Float64Array
}

/** The greatest cosine of each token with a token of the other side, in [-1, 1]; -Infinity where there is none. */
export interface BestCosines {
  readonly first: Float64Array
  readonly second: Float64Array
}

/**
 * Divides every token's vector by its length; a vector of zeros keeps cosine 0 with everything. Unless
 * `areSpecialsMatchable`, no token can be matched with one that is marked as special. O(tokens · width).
 * @throws EvaluatorError as `countTokens` does, and NOT_FINITE naming the place
 */
export function unitVectors (argument: string, tokens: TokenEmbeddings, areSpecialsMatchable: boolean): UnitVectors {
  const count = countTokens(argument, tokens)
  const { width, isSpecial } = tokens
  const room = Math.ceil(count / PANEL) * PANEL
  const values = new Float64Array(room * width)
  const bias = new Float64Array(room).fill(-Infinity, count)
  for (let token = 0; token < count; token++) {
    const place = token % PANEL
    const target = { values, from: (token - place) * width + place, step: PANEL }
    writeUnitVector(`${argument}.values`, tokens.values, token * width, width, target)
    if (!areSpecialsMatchable && isSpecial?.[token]) bias[token] = -Infinity
  }
  return { count, width, values, bias }
}

/**
 * The whole matrix of cosines, of which only the greatest of each row and of each column is kept: the greedy matching
 * of Zhang et al. (2020), "BERTScore", ICLR, section 3. Sums are in double precision.
 * O(tokens · tokens · width) time, O(tokens + tokens) memory.
 * @throws EvaluatorError LENGTH_MISMATCH when the vectors of the two sides differ in width
 */
export function bestCosines (
  [nameA, a]: readonly [string, UnitVectors], [nameB, b]: readonly [string, UnitVectors]
): BestCosines {
  if (a.width !== b.width) {
    throw new EvaluatorError('LENGTH_MISMATCH', `${nameB}.width`, `expected ${a.width} as in ${nameA}, got ${b.width}`)
  }
  const first = new Float64Array(a.bias.length).fill(-Infinity)
  const second = new Float64Array(b.bias.length).fill(-Infinity)
  forEachDotProduct(a.values, b.values, a.width, (cosines, rowPanel, columnPanel) => {
    const row = rowPanel * PANEL
    const column = columnPanel * PANEL
    for (let i = 0; i < PANEL; i++) {
      for (let j = 0; j < PANEL; j++) {
        const cosine = cosines[i * PANEL + j]!
        first[row + i] = Math.max(first[row + i]!, cosine + b.bias[column + j]!)
        second[column + j] = Math.max(second[column + j]!, cosine + a.bias[row + i]!)
      }
    }
  })
  return { first: clip(first, a.count), second: clip(second, b.count) }
}

/** Rounding can lift a cosine above 1, or press it below -1. */
function clip (best: Float64Array, count: number): Float64Array {
  const clipped = best.subarray(0, count)
  for (let i = 0; i < count; i++) if (clipped[i] !== -Infinity) clipped[i] = Math.min(1, Math.max(-1, clipped[i]!))
  return clipped
}

/**
 * The weighted mean of the cosines; null when no token has a weight, or one that has a weight has nothing to be matched
 * with. O(tokens).
 */
export function weightedMean (cosines: Float64Array, weights: Float64Array): number | null {
  let [sum, total] = [0, 0]
  for (let t = 0; t < cosines.length; t++) {
    if (weights[t] === 0) continue
    sum += weights[t]! * cosines[t]!
    total += weights[t]!
  }
  return total > 0 && sum !== -Infinity ? sum / total : null
}
