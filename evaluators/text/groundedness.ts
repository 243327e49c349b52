import { EvaluatorError, requireBetween, requireCount, requireList } from '../errors.js'
import { bestCosines, unitVectors, weightedMean, type UnitVectors } from './greedy-matching.js'
import { relativeWeights, type TokenEmbeddings } from './token-embeddings.js'
import { requireText } from './texts.js'

/** A sentence of the output that is examined. */
export interface OutputSentence {
  readonly text: string
  readonly tokens: TokenEmbeddings
}

/** How far one sentence is supported. */
export interface SentenceSupport {
  readonly text: string
  /** Place among the sentences given, from 0. */
  readonly index: number
  /** Recall from the best passage, in [-1, 1]; null for a sentence without a token that has a weight. */
  readonly score: number | null
  /** Place of that passage, the first of equals; null when there is no score. */
  readonly passage: number | null
  /** Whether the score reaches the threshold; null when there is no score. */
  readonly isSupported: boolean | null
}

export interface Groundedness {
  /** Mean score of the sentences that have one; null when none has. */
  readonly score: number | null
  /** Share of supported sentences among those that have a score, in [0, 1]; null when none has. */
  readonly supportedShare: number | null
  /** Every sentence, in order. */
  readonly sentences: readonly SentenceSupport[]
  /** Those that are not supported, in order. */
  readonly unsupported: readonly SentenceSupport[]
}

/**
 * Groundedness of an output against the passages it should rest on. A sentence's score from a passage is the recall of
 * BERTScore's greedy matching (Zhang et al. 2020, ICLR): the mean, by weight, of every sentence token's greatest cosine
 * with a token of the passage; its score is that from its best passage. Special tokens support nothing, and weigh
 * nothing unless `weights` say so. One passage must support a sentence alone: a claim put together from two is not
 * found. Similarity is not entailment: a negated copy scores high.
 *
 * O(sentence tokens · passage tokens · width) time; memory for a copy of all vectors of the passages.
 *
 * @param sentences of the output (see `splitSentences`), each encoded by itself; none gives null scores
 * @param passages encoded by the same model; a passage without a token that is not special supports nothing
 * @param options threshold: the least score that counts as support, in [-1, 1]; its use depends on the encoder
 * @throws EvaluatorError EMPTY when no passage has a token that is not special, OUT_OF_RANGE for the threshold or a
 * weight, LENGTH_MISMATCH or NOT_FINITE naming the sentence or passage
 */
export function measureGroundedness (
  sentences: readonly OutputSentence[], passages: readonly TokenEmbeddings[], options: { readonly threshold: number }
): Groundedness {
  const { threshold } = options
  requireBetween('threshold', threshold, -1, 1)
  requireCount('passages', passages)
  requireList('sentences', sentences)
  const vectors = passages.map((passage, i) => unitVectors(`passages[${i}]`, passage, false))
  if (!vectors.some(({ bias }) => bias.includes(0))) {
    throw new EvaluatorError('EMPTY', 'passages', 'expected at least one passage with a token that is not special')
  }
  const supports = sentences.map((sentence, index) => measureSupport(sentence, index, vectors, threshold))
  let [sum, scored, supported] = [0, 0, 0]
  for (const { score, isSupported } of supports) {
    if (score === null) continue
    sum += score
    scored++
    if (isSupported === true) supported++
  }
  return {
    score: scored === 0 ? null : sum / scored,
    supportedShare: scored === 0 ? null : supported / scored,
    sentences: supports,
    unsupported: supports.filter(({ isSupported }) => isSupported === false)
  }
}

function measureSupport (
  { text, tokens }: OutputSentence, index: number, passages: readonly UnitVectors[], threshold: number
): SentenceSupport {
  requireText(`sentences[${index}].text`, text)
  const name = `sentences[${index}].tokens`
  const vectors = unitVectors(name, tokens, true)
  const weights = relativeWeights(name, tokens)
  let best: { score: number, passage: number } | null = null
  for (const [passage, passageVectors] of passages.entries()) {
    const { first } = bestCosines([name, vectors], [`passages[${passage}]`, passageVectors])
    const score = weightedMean(first, weights)
    if (score !== null && (best === null || score > best.score)) best = { score, passage }
  }
  if (best === null) return { text, index, score: null, passage: null, isSupported: null }
  return { text, index, ...best, isSupported: best.score >= threshold }
}
