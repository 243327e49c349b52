/** Pieces every vocabulary starts with, at the ids BERT models expect. */
export const SPECIAL_TOKENS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const

const UNKNOWN_ID = 1
const START_ID = 2
const END_ID = 3
const CONTINUATION = '##'
const WORD_CHARS_MAX = 100

/** Pieces by id, and the ids by piece. */
export interface Vocabulary {
  readonly pieces: readonly string[]
  readonly ids: ReadonlyMap<string, number>
}

/**
 * Words and single punctuation marks of a text, lower case and without accents: what BertNormalizer followed by
 * BertPreTokenizer yields (ideographs of the basic plane stand alone).
 */
export function splitWords (text: string): string[] {
  const cleaned = text
    .replace(/[\t\n\r]/g, ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\uFFFD]/gu, '')
    .replace(/[\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF]/g, ' $& ')
  const plain = cleaned.toLowerCase().normalize('NFD').replace(/\p{Mn}/gu, '')
  return plain.match(/[^\s\p{P}$+<=>^`|~]+|[\p{P}$+<=>^`|~]/gu) ?? []
}

/** Ids of a text between the start and end pieces, each word cut greedily into its longest known pieces. */
export function encode (text: string, vocabulary: Vocabulary): number[] {
  const ids = [START_ID]
  for (const word of splitWords(text)) ids.push(...encodeWord(word, vocabulary))
  ids.push(END_ID)
  return ids
}

function encodeWord (word: string, vocabulary: Vocabulary): number[] {
  const chars = [...word]
  if (chars.length > WORD_CHARS_MAX) return [UNKNOWN_ID]
  const ids: number[] = []
  let start = 0
  while (start < chars.length) {
    let end = chars.length
    const piece = () => (start > 0 ? CONTINUATION : '') + chars.slice(start, end).join('')
    while (end > start && !vocabulary.ids.has(piece())) end--
    if (end === start) return [UNKNOWN_ID]
    ids.push(vocabulary.ids.get(piece()) as number)
    start = end
  }
  return ids
}

/**
 * Learns a WordPiece vocabulary: the characters of the texts, then the merges of neighbouring pieces that occur most
 * often (ties: alphabetical), until `size` pieces are known or no pair occurs twice. Deterministic.
 */
export function learnVocabulary (texts: readonly string[], size: number): Vocabulary {
  const counts = new Map<string, number>()
  for (const text of texts) {
    for (const word of splitWords(text)) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  const words = [...counts].map(([word, count]) => {
    const pieces = [...word].map((char, at) => at === 0 ? char : CONTINUATION + char)
    return { pieces, count }
  })
  const known = new Set<string>(SPECIAL_TOKENS)
  for (const piece of words.flatMap((word) => word.pieces).sort()) known.add(piece)
  while (known.size < size) {
    const pair = mostFrequentPair(words)
    if (pair === null) break
    known.add(joined(...pair))
    for (const word of words) word.pieces = merge(word.pieces, pair)
  }
  const pieces = [...known]
  return { pieces, ids: new Map(pieces.map((piece, id) => [piece, id])) }
}

type Pair = readonly [left: string, right: string]

function mostFrequentPair (words: readonly { pieces: readonly string[], count: number }[]): Pair | null {
  const counts = new Map<string, number>()
  for (const { pieces, count } of words) {
    for (let at = 1; at < pieces.length; at++) {
      const key = `${pieces[at - 1]} ${pieces[at]}`
      counts.set(key, (counts.get(key) ?? 0) + count)
    }
  }
  let best: string | null = null
  let bestCount = 1
  for (const [key, count] of counts) {
    if (count > bestCount || (count === bestCount && best !== null && key < best)) {
      best = key
      bestCount = count
    }
  }
  return best === null ? null : best.split(' ') as [string, string]
}

function joined (left: string, right: string): string {
  return left + right.slice(CONTINUATION.length)
}

function merge (pieces: readonly string[], [left, right]: Pair): string[] {
  const merged: string[] = []
  for (let at = 0; at < pieces.length; at++) {
    const isPair = pieces[at] === left && pieces[at + 1] === right
    merged.push(isPair ? joined(left, right) : pieces[at] as string)
    if (isPair) at++
  }
  return merged
}
