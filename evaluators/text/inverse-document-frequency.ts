import { EvaluatorError, requireCount, requireList } from '../errors.js'

/** How common token ids are in a set of reference texts. */
export interface DocumentFrequencies {
  /** Number of texts, at least 1. */
  readonly documents: number
  /** For each token id the number of texts that contain it, from 1 to `documents`; other ids are in none. */
  readonly frequencies: ReadonlyMap<number, number>
}

/**
 * Counts, for every token id, the texts that contain it at least once. BERTScore takes the reference texts, each as
 * often as it is a reference, with the tokens that frame them. O(tokens).
 *
 * @param texts the token ids of each text: integers
 * @throws EvaluatorError EMPTY without a text, OUT_OF_RANGE for an id that is not an integer
 */
export function countDocumentFrequencies (texts: readonly ArrayLike<number>[]): DocumentFrequencies {
  requireCount('texts', texts)
  const frequencies = new Map<number, number>()
  texts.forEach((ids, text) => {
    for (const id of distinctIds(`texts[${text}]`, ids)) frequencies.set(id, (frequencies.get(id) ?? 0) + 1)
  })
  return { documents: texts.length, frequencies }
}

/**
 * The weight of each token, ln((N + 1) / (df + 1)) with N texts of which df contain its id: 0 for one that is in all
 * texts, as those that frame every text are, ln(N + 1) for one that is in none. Zhang et al. (2020), "BERTScore", ICLR,
 * section 3, with the plus-one smoothing of its authors' implementation. With a single text all its tokens weigh 0.
 * O(tokens).
 *
 * @param ids token ids of one text: integers
 * @throws EvaluatorError OUT_OF_RANGE for an id that is not an integer, or frequencies that no set of texts has
 */
export function idfWeights (ids: ArrayLike<number>, { documents, frequencies }: DocumentFrequencies): Float64Array {
  if (!(Number.isSafeInteger(documents) && documents >= 1)) {
    throw new EvaluatorError('OUT_OF_RANGE', 'documents', `expected a whole number of at least 1, got ${documents}`)
  }
  requireList('ids', ids)
  const weights = new Float64Array(ids.length)
  for (let t = 0; t < ids.length; t++) {
    requireId('ids', ids, t)
    const frequency = frequencies.get(ids[t]!) ?? 0
    if (!(Number.isSafeInteger(frequency) && frequency >= 0 && frequency <= documents)) {
      throw new EvaluatorError('OUT_OF_RANGE', `frequencies[${ids[t]}]`, `expected a whole number from 0 to ${documents}, got ${frequency}`)
    }
    weights[t] = Math.log((documents + 1) / (frequency + 1))
  }
  return weights
}

function distinctIds (argument: string, ids: ArrayLike<number>): Set<number> {
  requireList(argument, ids)
  const distinct = new Set<number>()
  for (let t = 0; t < ids.length; t++) {
    requireId(argument, ids, t)
    distinct.add(ids[t]!)
  }
  return distinct
}

function requireId (argument: string, ids: ArrayLike<number>, t: number): void {
  if (Number.isSafeInteger(ids[t])) return
  throw new EvaluatorError('OUT_OF_RANGE', `${argument}[${t}]`, `expected an integer, got ${String(ids[t])}`)
}
