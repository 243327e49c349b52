import { EvaluatorError, requireCount, requireList, requireSameLength } from '../errors.js'
import { countShared, numberTokens } from './overlap.js'
import { requireReferences, requireText, requireTexts } from './texts.js'
import { tokenize13a } from './tokenizer-13a.js'

/** N-grams of 1 to this many tokens are counted. */
const ORDER_MAX = 4

/** All that BLEU needs to know of any number of texts; counts of parts add up to the counts of the whole. */
export interface BleuCounts {
  /** N-grams shared with the references, clipped, for n = 1..4. */
  readonly matches: readonly number[]
  /** N-grams of the candidates, for n = 1..4. */
  readonly totals: readonly number[]
  /** Tokens of the candidates. */
  readonly candidateLength: number
  /** Tokens of the references, for each candidate those of the reference closest to it in length. */
  readonly referenceLength: number
}

export interface BleuScore extends BleuCounts {
  /** 0..100. */
  readonly score: number
  /** Precision for n = 1..4, smoothed, 0..100; all 0 where nothing matches. */
  readonly precisions: readonly number[]
  /** 0..1; 1 where the candidates are not shorter than the references. */
  readonly brevityPenalty: number
}

export interface BleuOptions {
  /**
   * Leave out orders for which the candidates are too short to have an n-gram (else the score is then 0). Default true
   * for a sentence, false for a corpus.
   */
  readonly effectiveOrder?: boolean
}

/**
 * BLEU of one text against one or more references, as sacrebleu computes it: Papineni et al. (2002), "BLEU: a method
 * for automatic evaluation of machine translation", over the tokens of `tokenize13a`, case kept, with exponential
 * smoothing: the k-th order without a match gets precision 100 / (2^k · total). O(length of all texts).
 *
 * @throws EvaluatorError MALFORMED for what is not text, EMPTY without references
 */
export function sentenceBleu (
  references: string | readonly string[], candidate: string, options: BleuOptions = {}
): BleuScore {
  return scoreBleu(countBleu(references, candidate), { effectiveOrder: options.effectiveOrder ?? true })
}

/**
 * BLEU of many texts, from their counts added up (not the mean over the texts). O(length of all texts).
 *
 * @param references for each candidate one reference or several
 * @throws EvaluatorError EMPTY without candidates, LENGTH_MISMATCH, MALFORMED for what is not text
 */
export function corpusBleu (
  references: readonly (string | readonly string[])[], candidates: readonly string[], options: BleuOptions = {}
): BleuScore {
  requireTexts('candidates', candidates)
  requireCount('candidates', candidates)
  requireSameLength(['candidates', candidates], ['references', references])
  return scoreBleu(mergeBleuCounts(candidates.map((candidate, i) =>
    countBleu(requireReferences(`references[${i}]`, references[i]!), candidate))), options)
}

/**
 * What BLEU needs to know of one text. O(length of all texts).
 * @throws EvaluatorError MALFORMED for what is not text, EMPTY without references
 */
export function countBleu (references: string | readonly string[], candidate: string): BleuCounts {
  const texts = requireReferences('references', references)
  requireText('candidate', candidate)
  const { sequences } = numberTokens([candidate, ...texts].map(tokenize13a))
  const [tokens, ...others] = sequences as [Int32Array, ...Int32Array[]]
  return {
    matches: countShared(tokens, others, ORDER_MAX),
    totals: Array.from({ length: ORDER_MAX }, (_, i) => Math.max(0, tokens.length - i)),
    candidateLength: tokens.length,
    referenceLength: closestLength(tokens.length, others)
  }
}

/**
 * The counts of all parts together, in any order and grouping; zeros where there is no part. O(parts).
 * @throws EvaluatorError MALFORMED or OUT_OF_RANGE for counts that no text has
 */
export function mergeBleuCounts (parts: readonly BleuCounts[]): BleuCounts {
  const matches = new Array<number>(ORDER_MAX).fill(0)
  const totals = new Array<number>(ORDER_MAX).fill(0)
  let candidateLength = 0
  let referenceLength = 0
  requireList('parts', parts)
  parts.forEach((part, i) => {
    requireCounts(`parts[${i}]`, part)
    for (let n = 0; n < ORDER_MAX; n++) {
      matches[n]! += part.matches[n]!
      totals[n]! += part.totals[n]!
    }
    candidateLength += part.candidateLength
    referenceLength += part.referenceLength
  })
  return { matches, totals, candidateLength, referenceLength }
}

/**
 * The score that counts give. O(1).
 * @throws EvaluatorError MALFORMED or OUT_OF_RANGE for counts that no text has
 */
export function scoreBleu (counts: BleuCounts, { effectiveOrder = false }: BleuOptions = {}): BleuScore {
  requireCounts('counts', counts)
  const { matches, totals, candidateLength, referenceLength } = counts
  const isLong = candidateLength >= referenceLength
  const brevityPenalty = isLong ? 1 : Math.exp(1 - referenceLength / Math.abs(candidateLength))
  const precisions = new Array<number>(ORDER_MAX).fill(0)
  const base = { matches, totals, candidateLength, referenceLength, precisions, brevityPenalty }
  if (matches.every((count) => count === 0)) return { score: 0, ...base }
  let smoothing = 1
  let logarithms = 0
  let orders = 0
  for (; orders < ORDER_MAX && totals[orders]! > 0; orders++) {
    if (matches[orders] === 0) smoothing *= 2
    precisions[orders] = 100 * (matches[orders] === 0 ? 1 / smoothing : matches[orders]!) / totals[orders]!
    logarithms += Math.log(precisions[orders]!)
  }
  if (orders < ORDER_MAX && !effectiveOrder) return { score: 0, ...base }
  return { score: Math.min(100, brevityPenalty * Math.exp(logarithms / orders)), ...base }
}

/** The length closest to that of the candidate, the shorter of two equally close ones. */
function closestLength (length: number, references: readonly Int32Array[]): number {
  let closest = references[0]!.length
  for (const { length: other } of references) {
    const nearer = Math.abs(other - length) - Math.abs(closest - length)
    if (nearer < 0 || (nearer === 0 && other < closest)) closest = other
  }
  return closest
}

function requireCounts (argument: string, { matches, totals, candidateLength, referenceLength }: BleuCounts): void {
  if (matches?.length !== ORDER_MAX || totals?.length !== ORDER_MAX) {
    throw new EvaluatorError('MALFORMED', argument, `expected matches and totals for ${ORDER_MAX} orders`)
  }
  for (let n = 0; n < ORDER_MAX; n++) {
    requireNatural(`${argument}.totals[${n}]`, totals[n]!, Number.MAX_SAFE_INTEGER)
    requireNatural(`${argument}.matches[${n}]`, matches[n]!, totals[n]!)
  }
  requireNatural(`${argument}.candidateLength`, candidateLength, Number.MAX_SAFE_INTEGER)
  requireNatural(`${argument}.referenceLength`, referenceLength, Number.MAX_SAFE_INTEGER)
}

function requireNatural (argument: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= max) return
  throw new EvaluatorError('OUT_OF_RANGE', argument, `expected an integer from 0 to ${max}, got ${value}`)
}
