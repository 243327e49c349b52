import { countBleu, mergeBleuCounts, scoreBleu, type BleuCounts } from '../../evaluators/text/bleu.js'
import { countChrf, mergeChrfCounts, scoreChrf, type ChrfCounts } from '../../evaluators/text/chrf.js'
import { distinctN, measureLength, measureRepetition } from '../../evaluators/text/descriptors.js'
import { ROUGE_TYPES, scoreRouge, type RougeType } from '../../evaluators/text/rouge.js'
import { scoreSquad } from '../../evaluators/text/squad.js'
import { tokenizeRouge, type RougeText } from '../../evaluators/text/tokenizer.js'
import type { Better } from './compare-pairs.js'
import type { Figure, Scorer, TextPair } from './scorer.js'

const UNIT = [0, 1] as const
const PERCENT = [0, 100] as const

/** A metric of one number per row. */
interface SingleMetric {
  readonly better: Better
  readonly range: readonly [number, number] | null
  readonly needsReference: boolean
  readonly score: (pair: TextPair) => number | null
}

const distinct = (n: number): SingleMetric => ({
  better: 'higher', range: UNIT, needsReference: false, score: ({ candidate }) => distinctN(candidate, n)
})

const SINGLE: Readonly<Record<string, SingleMetric>> = {
  exact_match: {
    better: 'higher',
    range: UNIT,
    needsReference: true,
    score: ({ references, candidate }) => scoreSquad(references, candidate).exactMatch
  },
  squad_f1: {
    better: 'higher',
    range: UNIT,
    needsReference: true,
    score: ({ references, candidate }) => scoreSquad(references, candidate).f1
  },
  length: {
    better: 'neither', range: null, needsReference: false, score: ({ candidate }) => measureLength(candidate).tokens
  },
  repetition: {
    better: 'lower',
    range: UNIT,
    needsReference: false,
    score: ({ candidate }) => measureRepetition(candidate).repeatedShare
  },
  distinct1: distinct(1),
  distinct2: distinct(2),
  distinct3: distinct(3)
}

/** Rows whose counts are kept apart before they are added up. */
const COUNTS_MAX = 1_024

/** Metrics of one number per row whose whole is computed from counts, not from the mean of the rows. */
const CORPUS = {
  bleu: () => {
    const total = tally<BleuCounts>(mergeBleuCounts)
    return {
      score: ({ references, candidate }: TextPair) =>
        scoreBleu(total.add(countBleu(references, candidate)), { effectiveOrder: true }).score,
      whole: () => scoreBleu(total.sum()).score
    }
  },
  chrf: () => chrfScorer(0),
  chrfpp: () => chrfScorer(2)
} as const

function chrfScorer (wordOrder: number): { score: (pair: TextPair) => number, whole: () => number } {
  const total = tally<ChrfCounts>(mergeChrfCounts)
  return {
    score: ({ references, candidate }) => scoreChrf(total.add(countChrf(references, candidate, { wordOrder }))),
    whole: () => scoreChrf(total.sum())
  }
}

function tally<T> (merge: (parts: readonly T[]) => T): { add: (counts: T) => T, sum: () => T } {
  let parts: T[] = []
  const sum = (): T => {
    const merged = merge(parts)
    parts = [merged]
    return merged
  }
  return {
    sum,
    add (counts) {
      parts.push(counts)
      if (parts.length === COUNTS_MAX) sum()
      return counts
    }
  }
}

const isCorpus = (name: string): name is keyof typeof CORPUS => Object.hasOwn(CORPUS, name)
const isRouge = (name: string): name is RougeType => (ROUGE_TYPES as readonly string[]).includes(name)

/** The metrics of texts that need no model. */
export const TEXT_METRICS: readonly string[] = [...ROUGE_TYPES, ...Object.keys(CORPUS), ...Object.keys(SINGLE)]

/** Whether a metric compares with a reference, or looks at the candidate alone. */
export function needsReference (name: string): boolean {
  return SINGLE[name]?.needsReference ?? true
}

/** Scorers for those of `names` that are text metrics; all ROUGE types share the tokens of a text. */
export function textScorers (names: readonly string[], stem: boolean): Scorer[] {
  const types = names.filter(isRouge)
  const scorers = types.length === 0 ? [] : [rougeScorer(types, stem)]
  for (const name of names) {
    if (isCorpus(name)) scorers.push(corpusScorer(name))
    const single = Object.hasOwn(SINGLE, name) ? SINGLE[name] : undefined
    if (single !== undefined) {
      const { better, range, score } = single
      const figures = [{ metric: name, part: null, better, range }]
      scorers.push({ figures, score: (pairs) => pairs.map((pair) => [score(pair)]) })
    }
  }
  return scorers
}

function rougeScorer (types: readonly RougeType[], stem: boolean): Scorer {
  const figures = types.flatMap((metric) => ['precision', 'recall', 'f1'].map((part): Figure =>
    ({ metric, part, better: 'higher', range: UNIT })))
  return {
    figures,
    score (pairs) {
      const known = new Map<string, RougeText>()
      const tokensOf = (text: string): RougeText => {
        let tokens = known.get(text)
        if (tokens === undefined) known.set(text, tokens = tokenizeRouge(text, stem))
        return tokens
      }
      return pairs.map(({ references, candidate }) => {
        const scores = scoreRouge(references.map(tokensOf), tokensOf(candidate), types)
        return types.flatMap((type) => [scores[type].precision, scores[type].recall, scores[type].f1])
      })
    }
  }
}

function corpusScorer (name: keyof typeof CORPUS): Scorer {
  const { score, whole } = CORPUS[name]()
  return {
    figures: [{ metric: name, part: null, better: 'higher', range: PERCENT }],
    score: (pairs) => pairs.map((pair) => [score(pair)]),
    corpus: () => ({ [name]: whole() })
  }
}
