import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import * as evaluators from '../../evaluators/index.js'
import { CALLS, TRIAL, type Call } from './robustness/calls.js'
import { mutationsOf, type Mutation } from './robustness/mutations.js'

/** Longer than that is taken for a calculation that does not end. */
const HANG_MS = 2_000

/** Far below what a quadratic method takes for a million values, far above what a sort does on a busy machine. */
const QUADRATIC_MS = 15_000

const { EvaluatorError, seededRandom, decide } = evaluators

describe.each(Object.entries(CALLS))('%s', (name, call) => {
  it('answers an ordinary call, and leaves its arguments as they are', () => {
    const before = copy(call.args)

    const result = run(name, call, call.args)

    expect(faultsOf(result, call)).toEqual([])
    expect(isDeepStrictEqual(before, copy(call.args))).toBe(true)
  })

  it('answers or refuses, by the name of an argument, whatever is put in one place', () => {
    const faults = mutationsOf(call.args).flatMap((mutation) => {
      if (call.trusted?.test(mutation.place) || (call.costly?.test(mutation.place) && mutation.what === '1000000')) return []
      return check(name, call, mutation).map((fault) => `${mutation.place} = ${mutation.what}: ${fault}`)
    })

    expect(faults).toEqual([])
  })
})

it('covers every public function', () => {
  expect(Object.keys(CALLS).sort()).toEqual(Object.keys(evaluators).sort())
})

describe('a verdict on a challenger that is about to be promoted', () => {
  const [spec, evidence] = TRIAL
  const promising = [{ ...spec, metrics: [{ ...spec.metrics[0]!, margin: { absolute: 0.2 } }], mode: 'equivalence' }, evidence] as const

  it('is a promotion as long as everything is in order', () => {
    expect(decide(...promising).decision).toBe('promote')
  })

  it('is never a promotion once a number of the evidence or of the spec is missing or not a number', () => {
    const isNumber = (mutation: Mutation): boolean => ['NaN', 'null', 'undefined', 'a text'].includes(mutation.what) &&
      /alpha$|minSamples$|plannedSamples$|absolute$|errors\.moments\.(n|mean|m2|sum|clusters)$|assignments\[0\]\.(champion|challenger)$/.test(mutation.place)
    const mutations = mutationsOf(promising).filter(isNumber)

    const promoted = mutations.filter(({ args }) => decide(...args as Parameters<typeof decide>).decision === 'promote')

    expect(mutations.length).toBeGreaterThan(50)
    expect(promoted.map(({ place, what }) => `${place} = ${what}`)).toEqual([])
  })
})

describe('a million values', () => {
  const random = seededRandom(11)
  const million = (): Float64Array => Float64Array.from({ length: 1_000_000 }, () => random.uniform())
  const [x, y, zeros] = [million(), million(), new Float64Array(1_000_000)]
  const binary = x.map((value) => value < 0.3 ? 1 : 0)
  const named = ['kolmogorovSmirnov', 'wasserstein1', 'energyDistance', 'cramerVonMises', 'mannWhitney', 'welchTest',
    'regressionScores', 'numericAgreement', 'pairedSequence', 'ratioEstimate', 'populationStability'] as const
  const pairs = named.map((name): [string, () => unknown] =>
    [name, () => (evaluators[name] as (a: Float64Array, b: Float64Array) => unknown)(x, y)])
  const others: Array<[string, () => unknown]> = [
    ['andersonDarling', () => evaluators.andersonDarling([x, y])],
    ['kolmogorovSmirnov of equal values', () => evaluators.kolmogorovSmirnov(zeros, zeros)],
    ['describeSample', () => evaluators.describeSample(x)],
    ['quantileEstimate', () => evaluators.quantileEstimate(evaluators.ranked(x), 0.99)],
    ['summariseSide', () => evaluators.summariseSide(x)],
    ['detectOutliersByQuartiles', () => evaluators.detectOutliersByQuartiles(x, { factor: 2, reducesSensitivity: true })],
    ['rankingScores', () => evaluators.rankingScores(binary, y)],
    ['calibration', () => evaluators.calibration(binary, y)],
    ['probabilityLosses', () => evaluators.probabilityLosses(binary, y)],
    ['countConfusion', () => evaluators.countConfusion(binary, binary)],
    ['benjaminiHochberg', () => evaluators.benjaminiHochberg(x)],
    ['empiricalBernsteinInterval', () => evaluators.empiricalBernsteinInterval(x)],
    ['classifyByMeans', () => evaluators.classifyByMeans({ control: x, experiment: y },
      { direction: 'either', nanStrategy: 'remove', critical: false, mustHaveData: false })]
  ]

  it.each([...pairs, ...others])('is no burden to %s', (_, act) => {
    const start = performance.now()

    const faults = faultsOf(act(), { args: [] })

    expect(faults).toEqual([])
    expect(performance.now() - start).toBeLessThan(QUADRATIC_MS)
  })
})

describe('a text of 20,000 tokens', () => {
  const random = seededRandom(3)
  const text = (): string => Array.from({ length: 20_000 }, (_, i) => `w${random.below(3_000)}${i % 25 === 24 ? '.\n' : ''}`).join(' ')
  const [a, b] = [text(), text()]

  it.each<[string, () => unknown]>([
    ['rouge', () => evaluators.rouge(a, b, { types: ['rouge1', 'rouge9', 'rougeL', 'rougeLsum'], stem: true })],
    ['scoreSquad', () => evaluators.scoreSquad(a, b)],
    ['sentenceBleu', () => evaluators.sentenceBleu(a, b)],
    ['sentenceChrf', () => evaluators.sentenceChrf(a, b, { wordOrder: 2 })],
    ['measureRepetition', () => evaluators.measureRepetition(a)],
    ['measureRepetition of one word', () => evaluators.measureRepetition('w '.repeat(20_000))],
    ['distinctN', () => evaluators.distinctN(a, 3)],
    ['measureLength', () => evaluators.measureLength(a)],
    ['splitSentences', () => evaluators.splitSentences(a)],
    ['describeText', () => evaluators.describeText(a)],
    ['buildVocabulary', () => evaluators.buildVocabulary([a, b], 1_000)],
    ['stemPorter of a word of 100,000 letters', () => evaluators.stemPorter('y'.repeat(100_000))],
    ['normalizeAnswer of 100,000 spaces', () => evaluators.normalizeAnswer(' '.repeat(100_000))],
    ['tokenize13a of 100,000 full stops', () => evaluators.tokenize13a('.'.repeat(100_000))],
    ['classifyDomains', () => evaluators.classifyDomains([a, b, a, b, a], [b, a, b, a, b], { random: seededRandom(1) })]
  ])('is no burden to %s', (_, act) => {
    const start = performance.now()

    const faults = faultsOf(act(), { args: [] })

    expect(faults).toEqual([])
    expect(performance.now() - start).toBeLessThan(QUADRATIC_MS)
  })
})

function run (name: string, call: Call, args: readonly unknown[]): unknown {
  const act = call.run ?? evaluators[name as keyof typeof evaluators] as unknown as NonNullable<Call['run']>
  return act(...args as never[])
}

/** What is wrong with the answer to one hostile call. */
function check (name: string, call: Call, { place, what, kind, args }: Mutation): string[] {
  const before = copy(args)
  const start = performance.now()
  const faults: string[] = []
  try {
    const result = run(name, call, args)
    if (kind === 'type' && what !== 'undefined' && !call.lenient?.test(place)) faults.push('accepted')
    if (what !== 'undefined') faults.push(...faultsOf(result, call))
  } catch (error) {
    faults.push(...faultOfError(error, name, call))
  }
  if (performance.now() - start > HANG_MS) faults.push('does not end')
  if (!isDeepStrictEqual(before, copy(args))) faults.push('changes its arguments')
  return faults
}

/** A typed error whose message begins with a name from the function's parameters or from the arguments themselves. */
function faultOfError (error: unknown, name: string, call: Call): string[] {
  if (!(error instanceof EvaluatorError)) return [String(error)]
  const [word = ''] = /^[A-Za-z]\w*/.exec(error.message) ?? []
  const source = `${String(evaluators[name as keyof typeof evaluators])} ${String(call.run)}`
  const isKnown = new RegExp(`\\b${word}\\b`).test(source) || keysOf(call.args).has(word) || call.derived?.test(word)
  return isKnown && error.message.startsWith(error.argument) ? [] : [`names no argument: ${error.message}`]
}

function keysOf (value: unknown, keys = new Set<string>()): Set<string> {
  if (typeof value !== 'object' || value === null) return keys
  for (const [key, child] of Object.entries(value)) {
    keys.add(key)
    keysOf(child, keys)
  }
  return keys
}

/** Places of a result that hold NaN, an infinity or nothing, the first of each answer. */
function faultsOf (result: unknown, { unbounded }: Call, path = ''): string[] {
  if (result === undefined) return [`undefined at ${path}`]
  if (typeof result === 'number') return Number.isFinite(result) || unbounded?.test(path) ? [] : [`${result} at ${path}`]
  if (typeof result !== 'object' || result === null) return []
  const children = result instanceof Map || result instanceof Set ? [...result] : result
  if (ArrayBuffer.isView(children)) return Array.from(children as Float64Array).every(Number.isFinite) || unbounded?.test(`${path}.0`) ? [] : [`NaN in ${path}`]
  for (const [key, child] of Object.entries(children)) {
    const faults = faultsOf(child, { args: [], ...(unbounded === undefined ? {} : { unbounded }) }, `${path}.${key}`)
    if (faults.length > 0) return faults
  }
  return []
}

/** A deep copy to compare with, without functions. */
function copy (value: unknown): unknown {
  if (typeof value === 'function') return null
  if (ArrayBuffer.isView(value)) return Array.from(value as Float64Array)
  if (Array.isArray(value)) return value.map(copy)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, copy(child)]))
}
