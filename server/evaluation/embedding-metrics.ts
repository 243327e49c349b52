import { bertScoreMultiReference } from '../../evaluators/text/bertscore.js'
import { cosineSimilarity, measureCoherence } from '../../evaluators/text/embeddings.js'
import {
  countDocumentFrequencies, idfWeights, type DocumentFrequencies
} from '../../evaluators/text/inverse-document-frequency.js'
import { splitSentences } from '../../evaluators/text/sentences.js'
import type { EncodedText, Encoder } from '../../models/encoder.js'
import type { Figure, Scorer, TextPair } from './scorer.js'

const COSINE = [-1, 1] as const
/** Texts whose token embeddings are in memory at once. */
const TEXTS_AT_ONCE = 256

interface EmbeddingMetric {
  readonly figures: readonly Omit<Figure, 'metric'>[]
  readonly needsReference: boolean
  readonly score: (
    pairs: readonly TextPair[], encoder: Encoder, frequencies: DocumentFrequencies | null
  ) => Promise<(number | null)[][]>
}

const METRICS: Readonly<Record<string, EmbeddingMetric>> = {
  bertscore: {
    figures: ['precision', 'recall', 'f1'].map((part) => ({ part, better: 'higher', range: null })),
    needsReference: true,
    score: scoreTokens
  },
  cosine: { figures: [{ part: null, better: 'higher', range: COSINE }], needsReference: true, score: scoreCosines },
  coherence: { figures: [{ part: null, better: 'higher', range: COSINE }], needsReference: false, score: scoreCoherence }
}

/** The metrics that need a model which embeds texts. */
export const EMBEDDING_METRICS: readonly string[] = Object.keys(METRICS)

/** Whether an embedding metric compares with a reference, or looks at the candidate alone. */
export function comparesEmbeddings (name: string): boolean {
  return METRICS[name]?.needsReference ?? false
}

/** Scorers for those of `names` that are embedding metrics; with `frequencies` BERTScore weighs tokens by rarity. */
export function embeddingScorers (
  names: readonly string[], encoder: Encoder, frequencies: DocumentFrequencies | null
): Scorer[] {
  return names.flatMap((name) => {
    const metric = Object.hasOwn(METRICS, name) ? METRICS[name] : undefined
    if (metric === undefined) return []
    const figures = metric.figures.map((figure) => ({ ...figure, metric: name }))
    return [{ figures, score: async (pairs) => await metric.score(pairs, encoder, frequencies) }]
  })
}

/** In how many references each token occurs. Runs every reference through the model; O(different tokens) memory. */
export async function countReferenceTokens (
  references: AsyncIterable<readonly string[]>, encoder: Encoder
): Promise<DocumentFrequencies> {
  let documents = 0
  const frequencies = new Map<number, number>()
  const count = async (texts: readonly string[]): Promise<void> => {
    const part = countDocumentFrequencies((await encode(encoder, texts)).map(({ ids }) => ids))
    documents += part.documents
    for (const [id, n] of part.frequencies) frequencies.set(id, (frequencies.get(id) ?? 0) + n)
  }
  let texts: string[] = []
  for await (const more of references) {
    texts.push(...more)
    if (texts.length < TEXTS_AT_ONCE) continue
    await count(texts)
    texts = []
  }
  if (texts.length > 0) await count(texts)
  return { documents, frequencies }
}

/** BERTScore is defined on texts without white space around them. */
async function encode (encoder: Encoder, texts: readonly string[]): Promise<EncodedText[]> {
  return await encoder.encode(texts.map((text) => text.trim()))
}

async function scoreTokens (
  pairs: readonly TextPair[], encoder: Encoder, frequencies: DocumentFrequencies | null
): Promise<(number | null)[][]> {
  const encoded = await encode(encoder, textsOfPairs(pairs))
  const weighted = frequencies === null
    ? encoded
    : encoded.map((tokens) => ({ ...tokens, weights: idfWeights(tokens.ids, frequencies) }))
  return regroup(pairs, weighted).map(([candidate, ...references]) => {
    const { precision, recall, f1 } = bertScoreMultiReference(candidate!, references)
    return [precision, recall, f1]
  })
}

/** With several references, that of the most similar one. */
async function scoreCosines (pairs: readonly TextPair[], encoder: Encoder): Promise<(number | null)[][]> {
  const embedded = await encoder.embed(textsOfPairs(pairs))
  return regroup(pairs, embedded).map(([candidate, ...references]) => {
    const cosines = references.flatMap((reference) => cosineSimilarity(candidate!, reference) ?? [])
    return [cosines.length === 0 ? null : cosines.reduce((a, b) => Math.max(a, b))]
  })
}

async function scoreCoherence (pairs: readonly TextPair[], encoder: Encoder): Promise<(number | null)[][]> {
  const sentences = pairs.map(({ candidate }) => splitSentences(candidate).map(({ text }) => text))
  const embedded = await encoder.embed(sentences.flat())
  return cut(embedded, sentences.map(({ length }) => length)).map((vectors) => [measureCoherence(vectors).mean])
}

function textsOfPairs (pairs: readonly TextPair[]): string[] {
  return pairs.flatMap(({ candidate, references }) => [candidate, ...references])
}

/** For each pair its candidate, then its references. */
function regroup<T> (pairs: readonly TextPair[], items: readonly T[]): T[][] {
  return cut(items, pairs.map(({ references }) => 1 + references.length))
}

function cut<T> (items: readonly T[], lengths: readonly number[]): T[][] {
  let at = 0
  return lengths.map((length) => {
    at += length
    return items.slice(at - length, at)
  })
}
