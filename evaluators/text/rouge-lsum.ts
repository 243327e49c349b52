import { markLcs } from './lcs.js'

/**
 * Hits of ROUGE-Lsum, Lin (2004), "ROUGE: a package for automatic evaluation of summaries", section 3.2, as Google's
 * rouge_score counts them: for each reference line the union of the places in its longest common subsequence with each
 * candidate line (`markLcs` says which of several); walked in order, a place is a hit while its token is not used up
 * on either side, counted over the whole texts. O(tokens · tokens / 30).
 *
 * @param reference integers from 0 to symbols − 1 that stand for tokens, and where each line ends; so the candidate
 */
export function countUnionHits (
  reference: Int32Array, referenceEnds: readonly number[], candidate: Int32Array, candidateEnds: readonly number[],
  symbols: number
): number {
  const candidateLines = splitLines(candidate, candidateEnds)
  const referenceLeft = countEach(reference, symbols)
  const candidateLeft = countEach(candidate, symbols)
  let hits = 0
  for (const line of splitLines(reference, referenceEnds)) {
    const marks = new Uint8Array(line.length)
    for (const candidateLine of candidateLines) markLcs(line, candidateLine, symbols, marks)
    for (let i = 0; i < line.length; i++) {
      const token = line[i]!
      if (marks[i] === 0 || candidateLeft[token] === 0 || referenceLeft[token] === 0) continue
      hits++
      candidateLeft[token]!--
      referenceLeft[token]!--
    }
  }
  return hits
}

function splitLines (tokens: Int32Array, ends: readonly number[]): Int32Array[] {
  return ends.map((end, line) => tokens.subarray(line === 0 ? 0 : ends[line - 1], end))
}

function countEach (tokens: Int32Array, symbols: number): Int32Array {
  const counts = new Int32Array(symbols)
  for (let i = 0; i < tokens.length; i++) counts[tokens[i]!]!++
  return counts
}
