import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { median } from 'simple-statistics'
import { sentenceBleu } from '../../../evaluators/text/bleu.js'
import { sentenceChrf } from '../../../evaluators/text/chrf.js'
import { rouge, scoreRouge } from '../../../evaluators/text/rouge.js'
import { tokenizeRouge } from '../../../evaluators/text/tokenizer.js'
import { type Random, seededRandom } from '../../../evaluators/statistics/random.js'
import type { BenchRow } from './row.js'

type Pair = readonly [reference: string, candidate: string]

/** Google's rouge_score under Python 3.11 on the xsum texts and 2 cores of this kind. */
const ROUGE_SCORE_PAIRS_PER_SECOND = 1_670
const GOAL_RATIO = 20

const PAIRS = 1_404
const LONG_TOKENS = 2_000
const LSUM_GOAL_MS = 50
const ROUNDS = 5
const ROUND_MS = 600
const TYPES = ['rouge1', 'rouge2', 'rougeL'] as const

/** Pairs of texts per second of wall time, single-threaded, warm: the median of 5 rounds, every text tokenized anew. */
export function benchText (): BenchRow[] {
  const { pairs, source } = textPairs()
  const words = pairs.flat().join(' ').split(' ')
  const perSecond = pairsPerSecond(pairs, ([reference, candidate]) => {
    scoreRouge([tokenizeRouge(reference, true)], tokenizeRouge(candidate, true), TYPES)
  })
  return [
    {
      name: 'ROUGE-1/2/L with stemming',
      value: perSecond,
      unit: 'pairs/s',
      goal: `>= ${GOAL_RATIO * ROUGE_SCORE_PAIRS_PER_SECOND}`,
      beside: source
    },
    {
      name: 'ROUGE-1/2/L with stemming, ratio to rouge_score',
      value: perSecond / ROUGE_SCORE_PAIRS_PER_SECOND,
      unit: 'x',
      goal: `>= ${GOAL_RATIO}`,
      beside: `rouge_score ${ROUGE_SCORE_PAIRS_PER_SECOND} pairs/s on the xsum texts`
    },
    lsumRow('100 lines', words, 20),
    lsumRow('one line', words, LONG_TOKENS),
    { name: 'BLEU of a sentence', unit: 'pairs/s', beside: source, value: pairsPerSecond(pairs, (pair) => sentenceBleu(...pair)) },
    { name: 'chrF of a sentence', unit: 'pairs/s', beside: source, value: pairsPerSecond(pairs, (pair) => sentenceChrf(...pair)) }
  ]
}

function lsumRow (shape: string, words: readonly string[], lineLength: number): BenchRow {
  const text = (start: number): string => words.slice(start, start + LONG_TOKENS)
    .map((word, i) => `${word}${(i + 1) % lineLength === 0 ? '\n' : ' '}`).join('')
  const pair = [text(0), text(LONG_TOKENS)] as const
  const value = 1_000 / pairsPerSecond([pair], (each) => rouge(...each, { types: ['rougeLsum'], stem: true }))
  return { name: `ROUGE-Lsum, two texts of 2,000 words, ${shape}`, value, unit: 'ms', goal: `< ${LSUM_GOAL_MS}` }
}

function pairsPerSecond (pairs: readonly Pair[], score: (pair: Pair) => void): number {
  const round = (): number => {
    const start = performance.now()
    let passes = 0
    let elapsedMs = 0
    while (elapsedMs < ROUND_MS) {
      for (const pair of pairs) score(pair)
      passes++
      elapsedMs = performance.now() - start
    }
    return passes * pairs.length / elapsedMs * 1_000
  }
  round()
  return median(Array.from({ length: ROUNDS }, round))
}

/** The 1,404 pairs of the xsum systems where the fixtures are, otherwise as many generated ones. */
function textPairs (): { readonly pairs: readonly Pair[], readonly source: string } {
  const fixtures = process.env['GAUNTLET_FIXTURES']
  const file = join(fixtures ?? '', 'data', 'xsum-systems', 'summaries.jsonl')
  if (fixtures === undefined || !existsSync(file)) {
    return { pairs: generatedPairs(seededRandom(1)), source: `${PAIRS} generated pairs` }
  }
  const rows = readFileSync(file, 'utf8').trim().split('\n')
    .map((line) => JSON.parse(line) as { reference: string, outputs: Record<string, string> })
  const pairs = rows.flatMap(({ reference, outputs }) =>
    Object.values(outputs).map((output): Pair => [reference, output]))
  return { pairs, source: `${pairs.length} xsum pairs` }
}

const SYLLABLES = ['ba', 'con', 'der', 'fi', 'gan', 'ho', 'li', 'mon', 'ne', 'por', 'ra', 'sti', 'tu', 'ver', 'wil', 'y']
const ENDINGS = ['', '', '', 's', 'ed', 'ing', 'ation', 'ness', 'ly', 'ies', 'able']

/** Sentences of 15 to 28 words of a skewed vocabulary; a candidate has about half of the words of its reference. */
function generatedPairs (random: Random): Pair[] {
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)]!
  const vocabulary = Array.from({ length: 6_000 }, () =>
    Array.from({ length: 1 + random.below(3) }, () => pick(SYLLABLES)).join('') + pick(ENDINGS))
  const word = (): string => vocabulary[Math.floor(vocabulary.length * random.uniform() ** 3)]!
  return Array.from({ length: PAIRS }, (): Pair => {
    const reference = Array.from({ length: 15 + random.below(14) }, word)
    const candidate = reference.flatMap((each) => random.uniform() < 0.5 ? [each] : [word()])
    return [`${reference.join(' ')}.`, `${candidate.join(' ')}.`]
  })
}
