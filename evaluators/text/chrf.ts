import { EvaluatorError, requireBetween, requireCount, requireSameLength } from '../errors.js'
import { countShared, numberTokens } from './overlap.js'
import { isWhitespace, requireReferences, requireText, requireTexts, splitWhitespace } from './texts.js'

/** All that chrF needs to know of any number of texts; counts of parts add up to the counts of the whole. */
export interface ChrfCounts {
  /** N-grams for each order, those of characters first, then those of words. */
  readonly matches: readonly number[]
  /** N-grams of the candidates; 0 for an order of which the reference has none. */
  readonly candidates: readonly number[]
  readonly references: readonly number[]
}

export interface ChrfOptions {
  /** Longest n-grams of characters, 1..20, default 6. */
  readonly characterOrder?: number
  /** Longest n-grams of words, 0..20: 0 (the default) for chrF, 2 for chrF++. */
  readonly wordOrder?: number
  /** How many times as much recall weighs as precision, 0..100, default 2. */
  readonly beta?: number
}

const ORDER_MAX = 20
const BETA_MAX = 100
const BETA = 2

/**
 * chrF of one text against one or more references, 0..100, as sacrebleu computes it: Popović (2015), "chrF: character
 * n-gram F-score for automatic MT evaluation", and with `wordOrder: 2` chrF++, Popović (2017), "chrF++: words helping
 * character n-grams". Characters are code points (a lone surrogate is one) without white space; words lie between white
 * space, with one ASCII punctuation mark split off their end, or else off their start. Precision and recall are means
 * over the orders that both sides have; 0 where there is none. Case is kept. Of several references the one that scores
 * highest counts, the first of equal ones. O(orders · length of all texts).
 *
 * @throws EvaluatorError MALFORMED for what is not text, EMPTY without references, OUT_OF_RANGE for an option
 */
export function sentenceChrf (
  references: string | readonly string[], candidate: string, options: ChrfOptions = {}
): number {
  return scoreChrf(countChrf(references, candidate, options), options.beta)
}

/**
 * chrF of many texts, 0..100, from their counts added up (not the mean over the texts). O(orders · length of all
 * texts).
 *
 * @param references for each candidate one reference or several
 * @throws EvaluatorError EMPTY without candidates, LENGTH_MISMATCH, MALFORMED for what is not text, OUT_OF_RANGE for an
 *   option
 */
export function corpusChrf (
  references: readonly (string | readonly string[])[], candidates: readonly string[], options: ChrfOptions = {}
): number {
  requireTexts('candidates', candidates)
  requireCount('candidates', candidates)
  requireSameLength(['candidates', candidates], ['references', references])
  return scoreChrf(mergeChrfCounts(candidates.map((candidate, i) =>
    countChrf(requireReferences(`references[${i}]`, references[i]!), candidate, options))), options.beta)
}

/**
 * What chrF needs to know of one text: the counts with the reference that scores highest. O(orders · length of all
 * texts).
 * @throws EvaluatorError MALFORMED for what is not text, EMPTY without references, OUT_OF_RANGE for an option
 */
export function countChrf (
  references: string | readonly string[], candidate: string, options: ChrfOptions = {}
): ChrfCounts {
  const { characterOrder = 6, wordOrder = 0, beta = BETA } = options
  requireOrder('characterOrder', characterOrder, 1)
  requireOrder('wordOrder', wordOrder, 0)
  const texts = requireReferences('references', references)
  requireText('candidate', candidate)
  const characters = charactersOf(candidate)
  const words = numberTokens([candidate, ...texts].map((text) => wordOrder > 0 ? splitWords(text) : [])).sequences
  let best: ChrfCounts | null = null
  let scoreMax = -1
  texts.forEach((text, i) => {
    const parts = [
      countPart(characters, charactersOf(text), characterOrder), countPart(words[0]!, words[i + 1]!, wordOrder)
    ]
    const counts = {
      matches: parts.flatMap(({ matches }) => matches),
      candidates: parts.flatMap(({ candidates }) => candidates),
      references: parts.flatMap(({ references }) => references)
    }
    const score = scoreChrf(counts, beta)
    if (score > scoreMax) [best, scoreMax] = [counts, score]
  })
  return best!
}

/**
 * The counts of all parts together, in any order and grouping. O(parts · orders).
 * @throws EvaluatorError EMPTY without a part, LENGTH_MISMATCH for parts of other orders, OUT_OF_RANGE for counts that
 *   no text has
 */
export function mergeChrfCounts (parts: readonly ChrfCounts[]): ChrfCounts {
  requireCount('parts', parts)
  requireCounts('parts[0]', parts[0]!)
  const orders = parts[0]!.matches.length
  const sums = { matches: zeros(orders), candidates: zeros(orders), references: zeros(orders) }
  parts.forEach((part, i) => {
    requireCounts(`parts[${i}]`, part)
    requireSameLength(['parts[0].matches', parts[0]!.matches], [`parts[${i}].matches`, part.matches])
    for (let n = 0; n < orders; n++) {
      sums.matches[n]! += part.matches[n]!
      sums.candidates[n]! += part.candidates[n]!
      sums.references[n]! += part.references[n]!
    }
  })
  return sums
}

/**
 * The score that counts give, 0..100. O(orders).
 * @throws EvaluatorError MALFORMED, LENGTH_MISMATCH or OUT_OF_RANGE for counts that no text has, OUT_OF_RANGE for beta
 */
export function scoreChrf (counts: ChrfCounts, beta = BETA): number {
  requireCounts('counts', counts)
  requireBetween('beta', beta, 0, BETA_MAX)
  const { matches, candidates, references } = counts
  let precision = 0
  let recall = 0
  let orders = 0
  for (let n = 0; n < matches.length; n++) {
    if (candidates[n] === 0 || references[n] === 0) continue
    precision += matches[n]! / candidates[n]!
    recall += matches[n]! / references[n]!
    orders++
  }
  if (precision === 0) return 0
  precision /= orders
  recall /= orders
  const weight = beta ** 2
  return Math.min(100, 100 * (1 + weight) * precision * recall / (weight * precision + recall))
}

/** Counts for n = 1..orderMax of one kind of item. */
function countPart (candidate: Int32Array, reference: Int32Array, orderMax: number): ChrfCounts {
  const references = zeros(orderMax).map((_, i) => Math.max(0, reference.length - i))
  return {
    matches: countShared(candidate, [reference], orderMax),
    candidates: references.map((count, i) => count > 0 ? Math.max(0, candidate.length - i) : 0),
    references
  }
}

/** The code points of a text that are not white space. */
function charactersOf (text: string): Int32Array {
  const points = new Int32Array(text.length)
  let count = 0
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i)!
    if (point > 0xffff) i++
    else if (isWhitespace(point)) continue
    points[count++] = point
  }
  return points.subarray(0, count)
}

function splitWords (text: string): string[] {
  const words: string[] = []
  for (const piece of splitWhitespace(text)) {
    if (piece.length === 1) words.push(piece)
    else if (isPunctuation(piece.charCodeAt(piece.length - 1))) words.push(piece.slice(0, -1), piece.slice(-1))
    else if (isPunctuation(piece.charCodeAt(0))) words.push(piece.slice(0, 1), piece.slice(1))
    else words.push(piece)
  }
  return words
}

/** The 32 ASCII characters from ! to ~ that are neither letters nor digits. */
function isPunctuation (unit: number): boolean {
  return (unit >= 0x21 && unit <= 0x2f) || (unit >= 0x3a && unit <= 0x40) || (unit >= 0x5b && unit <= 0x60) ||
    (unit >= 0x7b && unit <= 0x7e)
}

function zeros (length: number): number[] {
  return new Array<number>(length).fill(0)
}

function requireOrder (argument: string, order: number, min: number): void {
  requireBetween(argument, order, min, ORDER_MAX)
  if (!Number.isInteger(order)) throw new EvaluatorError('OUT_OF_RANGE', argument, `expected an integer, got ${order}`)
}

function requireCounts (argument: string, { matches, candidates, references }: ChrfCounts): void {
  for (const [name, list] of Object.entries({ matches, candidates, references })) {
    if (!Array.isArray(list)) throw new EvaluatorError('MALFORMED', `${argument}.${name}`, 'expected a list of counts')
    requireSameLength([`${argument}.matches`, matches], [`${argument}.${name}`, list])
  }
  for (let n = 0; n < matches.length; n++) {
    for (const [name, list] of [['candidates', candidates], ['references', references], ['matches', matches]] as const) {
      const max = name === 'matches' ? Math.min(candidates[n]!, references[n]!) : Number.MAX_SAFE_INTEGER
      if (Number.isInteger(list[n]) && list[n]! >= 0 && list[n]! <= max) continue
      throw new EvaluatorError('OUT_OF_RANGE', `${argument}.${name}[${n}]`, `expected an integer from 0 to ${max}, got ${list[n]}`)
    }
  }
}
