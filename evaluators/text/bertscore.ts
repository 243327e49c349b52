import { EvaluatorError, requireCount } from '../errors.js'
import { bestCosines, unitVectors, weightedMean, type UnitVectors } from './greedy-matching.js'
import { countTokens, relativeWeights, type TokenEmbeddings } from './token-embeddings.js'

/** Similarity of two texts. Precision and recall lie in [-1, 1], in practice far above 0, unless they are rescaled. */
export interface BertScore {
  /** How well the candidate's tokens are found in the reference; null when it is not defined. */
  readonly precision: number | null
  /** How well the reference's tokens are found in the candidate; null when it is not defined. */
  readonly recall: number | null
  /**
   * Harmonic mean 2PR / (P + R): 0 when P or R is not defined or both are 0, null when P = -R but not 0. Not bounded
   * when one of the two is negative.
   */
  readonly f1: number | null
}

/** What unrelated texts score with the same encoder and layer; each below 1. */
export interface BertScoreBaseline { readonly precision: number, readonly recall: number, readonly f1: number }

export interface BertScoreOptions {
  /** Whether a token may be matched with a special one, as in the original; true. Special tokens weigh 0 either way. */
  readonly areSpecialsMatchable?: boolean
  /** Rescales the scores linearly, so that the baseline becomes 0 and 1 stays 1. */
  readonly baseline?: BertScoreBaseline
}

/** A text of no more than two tokens, all of them special, is empty: BERT frames every text with two. */
const EMPTY_TOKENS_MAX = 2
const EMPTY_SCORE: BertScore = { precision: 0, recall: 0, f1: 0 }

/**
 * BERTScore (Zhang et al. 2020, ICLR, section 3): every candidate token is matched with the reference token of greatest
 * cosine, and the precision is the mean of these cosines by the candidate tokens' weights; the recall likewise over the
 * reference tokens. Give `weights` (see `idfWeights`) to both texts to weigh tokens by their rarity.
 *
 * Conventions of the authors' implementation: special tokens weigh 0 but can be matched with; precision, recall and F1
 * of an empty text are 0; where a text's weights are all 0 (as with the weights of a single reference) its side is not
 * defined and F1 is 0. Texts are never padded here. A token whose vector is all zeros has cosine 0 with every token.
 *
 * O(tokens · tokens · width) time; memory for a copy of both texts' vectors.
 *
 * @throws EvaluatorError LENGTH_MISMATCH when widths differ or lists do not fit, NOT_FINITE, OUT_OF_RANGE for a weight
 * below 0, a width or a baseline
 */
export function bertScore (
  candidate: TokenEmbeddings, reference: TokenEmbeddings, options: BertScoreOptions = {}
): BertScore {
  const side = prepare('candidate', candidate, options)
  return finish(score(side, prepare('reference', reference, options)), options.baseline)
}

/**
 * BERTScore against several references: the greatest precision, recall and F1 over the references, each by itself, so
 * that F1 need not be the harmonic mean of the two. One that is not defined for some reference is not defined. The
 * baseline is applied at the end. O(references · tokens · tokens · width).
 *
 * @throws EvaluatorError EMPTY without a reference, and as `bertScore`
 */
export function bertScoreMultiReference (
  candidate: TokenEmbeddings, references: readonly TokenEmbeddings[], options: BertScoreOptions = {}
): BertScore {
  requireCount('references', references)
  const side = prepare('candidate', candidate, options)
  const scores = references.map((reference, i) => score(side, prepare(`references[${i}]`, reference, options)))
  const best = scores.reduce((a, b) => ({
    precision: greater(a.precision, b.precision),
    recall: greater(a.recall, b.recall),
    f1: greater(a.f1, b.f1)
  }))
  return finish(best, options.baseline)
}

/** One text, ready to be matched with any number of others. */
interface Side {
  readonly name: string
  readonly vectors: UnitVectors
  readonly weights: Float64Array
  readonly isEmpty: boolean
}

function prepare (name: string, tokens: TokenEmbeddings, { areSpecialsMatchable = true }: BertScoreOptions): Side {
  return {
    name,
    vectors: unitVectors(name, tokens, areSpecialsMatchable),
    weights: relativeWeights(name, tokens),
    isEmpty: isEmptyText(tokens)
  }
}

/**
 * Whether a text counts as empty: it has no token, or at most two and they are special. O(1).
 * @throws EvaluatorError OUT_OF_RANGE for the width, LENGTH_MISMATCH when lists do not fit
 */
export function isEmptyText (tokens: TokenEmbeddings): boolean {
  const count = countTokens('tokens', tokens)
  if (count === 0) return true
  if (count > EMPTY_TOKENS_MAX || tokens.isSpecial === undefined) return false
  for (let t = 0; t < count; t++) if (!tokens.isSpecial[t]) return false
  return true
}

function score (candidate: Side, reference: Side): BertScore {
  const best = bestCosines([candidate.name, candidate.vectors], [reference.name, reference.vectors])
  if (candidate.isEmpty || reference.isEmpty) return EMPTY_SCORE
  const precision = weightedMean(best.first, candidate.weights)
  const recall = weightedMean(best.second, reference.weights)
  return { precision, recall, f1: harmonicMean(precision, recall) }
}

function harmonicMean (precision: number | null, recall: number | null): number | null {
  if (precision === null || recall === null || (precision === 0 && recall === 0)) return 0
  return precision + recall === 0 ? null : 2 * precision * recall / (precision + recall)
}

function greater (a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.max(a, b)
}

function finish ({ precision, recall, f1 }: BertScore, baseline: BertScoreBaseline | undefined): BertScore {
  if (baseline === undefined) return { precision, recall, f1 }
  return {
    precision: rescale('precision', precision, baseline),
    recall: rescale('recall', recall, baseline),
    f1: rescale('f1', f1, baseline)
  }
}

/** (x - b) / (1 - b), not clipped. */
function rescale (field: keyof BertScoreBaseline, value: number | null, baseline: BertScoreBaseline): number | null {
  const base = baseline[field]
  if (!(Number.isFinite(base) && base < 1)) {
    throw new EvaluatorError('OUT_OF_RANGE', `baseline.${field}`, `expected a finite number below 1, got ${base}`)
  }
  return value === null ? null : (value - base) / (1 - base)
}
