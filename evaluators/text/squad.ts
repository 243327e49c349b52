import { bestByF1, countShared, numberTokens, type PrecisionRecallF1, scoreShared } from './overlap.js'
import { requireReferences, requireText, splitWhitespace } from './texts.js'

/** How an answer agrees with the reference answer; each 0..1. */
export interface SquadScore extends PrecisionRecallF1 {
  /** 1 where the normalised texts are the same, else 0. */
  readonly exactMatch: 0 | 1
}

const PUNCTUATION = /[!-/:-@[-`{-~]/g
/** An article that is a word of its own: neither letter, digit nor underscore of any script beside it. */
const ARTICLES = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu

/**
 * Exact match and token F1 of a short answer: Rajpurkar et al. (2016), "SQuAD: 100,000+ questions for machine
 * comprehension of text", section 6.1. Tokens are those of `normalizeAnswer` between white space, counted as a
 * multiset. Where a side has no token all scores are 1 if both have none, else 0 (the rule of SQuAD 2.0, Rajpurkar et
 * al., 2018). With several references the exact match is the best over all of them, and precision, recall and F1 are
 * those of the one with the highest F1, the first of equal ones. O(length of all texts).
 *
 * @throws EvaluatorError MALFORMED for what is not text, EMPTY without references
 */
export function scoreSquad (references: string | readonly string[], candidate: string): SquadScore {
  const texts = requireReferences('references', references)
  requireText('candidate', candidate)
  const answer = normalizeAnswer(candidate)
  const scores = texts.map((text) => compareAnswers(normalizeAnswer(text), answer))
  return { ...bestByF1(scores), exactMatch: scores.some(({ exactMatch }) => exactMatch === 1) ? 1 : 0 }
}

/**
 * An answer in lower case, without ASCII punctuation (deleted, not replaced by a space), without the words a, an and
 * the, single spaces between the rest. O(length).
 * @throws EvaluatorError MALFORMED when `text` is not a string
 */
export function normalizeAnswer (text: string): string {
  requireText('text', text)
  return splitWhitespace(text.toLowerCase().replace(PUNCTUATION, '').replace(ARTICLES, ' ')).join(' ')
}

function compareAnswers (reference: string, answer: string): SquadScore {
  const exactMatch = reference === answer ? 1 : 0
  if (reference === '' || answer === '') {
    return { exactMatch, precision: exactMatch, recall: exactMatch, f1: exactMatch }
  }
  const tokens = [answer.split(' '), reference.split(' ')] as const
  const [answerTokens, referenceTokens] = numberTokens(tokens).sequences as [Int32Array, Int32Array]
  const shared = countShared(answerTokens, [referenceTokens], 1)[0]!
  return { exactMatch, ...scoreShared(shared, answerTokens.length, referenceTokens.length) }
}
