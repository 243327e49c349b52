import { EvaluatorError, requireCount, requireList } from '../errors.js'
import { lcsLength } from './lcs.js'
import { bestByF1, countShared, numberTokens, type PrecisionRecallF1, scoreShared } from './overlap.js'
import { countUnionHits } from './rouge-lsum.js'
import { requireReferences, requireText } from './texts.js'
import { type RougeText, tokenizeRouge } from './tokenizer.js'

/** The ROUGE types there are: n-grams of 1 to 9 tokens, longest common subsequence, the same line by line. */
export const ROUGE_TYPES = [
  'rouge1', 'rouge2', 'rouge3', 'rouge4', 'rouge5', 'rouge6', 'rouge7', 'rouge8', 'rouge9', 'rougeL', 'rougeLsum'
] as const
export type RougeType = typeof ROUGE_TYPES[number]

export interface RougeOptions<T extends RougeType> {
  /** Default: rouge1, rouge2 and rougeL. */
  readonly types?: readonly T[]
  /** Whether tokens are Porter-stemmed; default false, as in rouge_score. */
  readonly stem?: boolean
}

const DEFAULT_TYPES = ['rouge1', 'rouge2', 'rougeL'] as const

/**
 * ROUGE of a candidate text, as Google's rouge_score computes it: Lin (2004), "ROUGE: a package for automatic
 * evaluation of summaries". rougeN: shared n-grams, clipped; rougeL: longest common subsequence of all tokens, line
 * breaks being white space; rougeLsum: union of such subsequences line by line, lines ending at "\n" only. Tokens are
 * those of `tokenizeRouge`. A side without tokens (or n-grams) scores 0, even where both texts are the same. With
 * several references, for each type the whole triple of the one with the highest F1, the first of equal ones. O(length
 * + tokens · tokens / 30).
 *
 * @param references one text, or one or more
 * @returns for each type precision, recall and F1, each 0..1
 * @throws EvaluatorError MALFORMED for what is not text or not a ROUGE type, EMPTY without references or types
 */
export function rouge<T extends RougeType = typeof DEFAULT_TYPES[number]> (
  references: string | readonly string[], candidate: string, options: RougeOptions<T> = {}
): Record<T, PrecisionRecallF1> {
  const texts = requireReferences('references', references)
  requireText('candidate', candidate)
  const types = options.types ?? DEFAULT_TYPES as readonly RougeType[] as readonly T[]
  const tokenized = texts.map((text) => tokenizeRouge(text, options.stem))
  return scoreRouge(tokenized, tokenizeRouge(candidate, options.stem), types)
}

/**
 * The same for texts that are already tokenized, so that a text that is scored many times is tokenized once.
 * O(tokens · tokens / 30).
 *
 * @throws EvaluatorError MALFORMED for a type that is not one of ROUGE_TYPES, or where only one side is stemmed; EMPTY
 *   without references or types
 */
export function scoreRouge<T extends RougeType> (
  references: readonly RougeText[], candidate: RougeText, types: readonly T[]
): Record<T, PrecisionRecallF1> {
  requireCount('references', references)
  requireCount('types', types)
  for (const [name, text] of [['candidate', candidate], ...references.map((each, r) => [`references[${r}]`, each] as const)] as const) {
    requireList(`${name}.tokens`, text.tokens)
    requireList(`${name}.lineEnds`, text.lineEnds)
  }
  const orders = types.map((type, i) => orderOf(type, `types[${i}]`))
  const orderMax = Math.max(...orders)
  const { sequences, count } = numberTokens([candidate.tokens, ...references.map(({ tokens }) => tokens)])
  const triples = references.map((reference, r) => {
    if (reference.isStemmed !== candidate.isStemmed) {
      throw new EvaluatorError('MALFORMED', `references[${r}]`, 'expected stems exactly where the candidate has stems')
    }
    const [candidateTokens, referenceTokens] = [sequences[0]!, sequences[r + 1]!]
    const pair = { reference, candidate, referenceTokens, candidateTokens, symbols: count }
    const shared = countShared(candidateTokens, [referenceTokens], orderMax)
    return types.map((type, i) => scoreType(type, orders[i]!, pair, shared))
  })
  const scores = {} as Record<T, PrecisionRecallF1>
  types.forEach((type, i) => { scores[type] = bestByF1(triples.map((triple) => triple[i]!)) })
  return scores
}

interface Pair {
  readonly reference: RougeText
  readonly candidate: RougeText
  readonly referenceTokens: Int32Array
  readonly candidateTokens: Int32Array
  readonly symbols: number
}

function scoreType (type: RougeType, order: number, pair: Pair, shared: readonly number[]): PrecisionRecallF1 {
  const { referenceTokens, candidateTokens, symbols } = pair
  if (order > 0) {
    const [candidateGrams, referenceGrams] = [candidateTokens.length - order + 1, referenceTokens.length - order + 1]
    return scoreShared(shared[order - 1]!, candidateGrams, referenceGrams)
  }
  const length = type === 'rougeL'
    ? lcsLength(referenceTokens, candidateTokens, symbols)
    : countUnionHits(referenceTokens, pair.reference.lineEnds, candidateTokens, pair.candidate.lineEnds, symbols)
  return scoreShared(length, candidateTokens.length, referenceTokens.length)
}

const ORDERS: ReadonlyMap<string, number> = new Map(ROUGE_TYPES.map((type, i) => [type, i < 9 ? i + 1 : 0]))

/** The n of a rougeN, 0 for the others. */
function orderOf (type: string, argument: string): number {
  const order = ORDERS.get(type)
  if (order !== undefined) return order
  throw new EvaluatorError('MALFORMED', argument, `expected one of ${ROUGE_TYPES.join(', ')}, got ${String(type)}`)
}
