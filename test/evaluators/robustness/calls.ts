import * as evaluators from '../../../evaluators/index.js'

/** One ordinary call of a public function, and what hostile variants of its arguments may do besides being refused. */
export interface Call {
  readonly args: readonly unknown[]
  /** How the arguments are used, where that is not simply by calling the function. */
  readonly run?: (...args: never[]) => unknown
  /** Places of the arguments where a value of another type is an ordinary one, or means "absent". */
  readonly lenient?: RegExp
  /** Places that only this library writes (tokens, buckets of a state): their content is taken as it is. */
  readonly trusted?: RegExp
  /** Places of counts that the cost is documented to grow with: a million of them is not a fault. */
  readonly costly?: RegExp
  /** Places of the result where NaN or an infinity is a documented answer. */
  readonly unbounded?: RegExp
  /** Names of derived figures by which an error may speak of the arguments. */
  readonly derived?: RegExp
}

const { seededRandom, pairMoments, packRows, tokenizeRouge, countBleu, countChrf, countConfusion, Moments } = evaluators
const random = seededRandom(1)

const X = [1.5, 2, 3.25, 4, 5, 7, 8.5, 9]
const Y = [2, 3, 3.5, 6, 6.5, 8, 9.25, 12]
const TEXTS = ['the cat sat on the mat', 'a cat was there'] as const
const TABLE = [[30, 70], [45, 55]]
const COUNTS = [[30, 50, 20], [20, 50, 30]] as const
const VECTORS = [[[1, 2], [2, 1], [0, 3]], [[3, 1], [2, 2], [4, 0]]] as const
const TALLIES = { champion: { events: 9, n: 98 }, challenger: { events: 4, n: 90 } }
const ARMS = {
  champion: { n: 500, mean: 1.07, varianceOfMean: 9e-6 }, challenger: { n: 400, mean: 1.1, varianceOfMean: 8e-6 }
}
const SEQUENCE = { se: 0.05, n: 100, alpha: 0.05, plannedSamples: 500 }
const PLAN = { gap: 0.1, variance: 4, alpha: 0.05, plannedSamples: 5_000, power: 0.8, samplesMax: 1e9 }
const MEAN_PLAN = { effect: 0.2, sd: 1, alpha: 0.05, power: 0.8, sides: 2 }
const SIDES = { control: [1, 2, 3.5, 4, 5], experiment: [4, 5, 6.5, 7, 9] }
const THRESHOLDS = { pass: 95, marginal: 75 }
const UNITS = { y: [2, 4, 7, 8], x: [1, 2, 3, 4] }
const BOUNDS = { low: -2, high: 2 }
const EFFECT_SIZE = {
  measure: 'meanRatio', allowedIncrease: 1.1, allowedDecrease: 0.9, criticalIncrease: 1.2, criticalDecrease: 0.8
}
const RULES = { direction: 'either', nanStrategy: 'remove', critical: false, mustHaveData: false }
const STATES = {
  adwin: evaluators.startAdwin({ delta: 0.002, min: 0, max: 10 }),
  ddm: evaluators.startDdm(),
  pageHinkley: evaluators.startPageHinkley({ delta: 0.1, threshold: 5, instancesMin: 30 })
}
const COLUMNS = { price: 'numeric', plan: 'categorical' } as const
const ROWS = { price: [1, 2, 3, 4], plan: ['a', 'b', 'b', null] }
const SKETCH = evaluators.sketchTable(ROWS, COLUMNS, { random })
const CONFUSION = countConfusion(['cat', 'dog', 'cat'], ['cat', 'dog', 'dog'])
const EMBEDDED = {
  candidate: { values: [1, 0, 1, 1, 0.5, 2], width: 2, isSpecial: [0, 0, 1], weights: [1, 2, 1] },
  reference: { values: [2, 0, 0, 3], width: 2 }
}
const SPLIT = { counts: [5_000, 5_600], weights: [0.5, 0.5] }
const EVENTS = [{ champion: 90, challenger: 25, share: 0.1 }, { champion: 10, challenger: 12, share: 0.5 }]
const CANARY = {
  name: 'canary',
  judge: { name: 'NetflixACAJudge-v1.0' },
  metrics: [
    { name: 'latency', groups: ['speed'], analysisConfigurations: { canary: { direction: 'increase', critical: true } } },
    { name: 'errors', groups: ['quality'] }
  ],
  classifier: { groupWeights: { speed: 60, quality: 40 }, scoreThresholds: THRESHOLDS }
}
const SERIES = {
  latency: { control: [20, 22, 21, 20, 23], experiment: [29, 31, 30, 33, 32] },
  errors: { control: [0, 1, 0, null], experiment: [1, 0, 2, 0] }
}
export const TRIAL = trial()

function moments (values: readonly number[]): evaluators.MomentsSummary {
  const all = new Moments()
  values.forEach((value, i) => all.add(value, i))
  return all.summary()
}

function trial (): readonly [evaluators.AnalysisSpec, evaluators.Evidence] {
  const zeros = (n: number, ones: number): number[] => Array.from({ length: n }, (_, i) => i < ones ? 1 : 0)
  const arm = (n: number, failed: number, score: number) => ({
    errors: { moments: moments(zeros(n, failed)) },
    score: { moments: moments(Array.from({ length: n }, (_, i) => score + (i % 7) / 7)) }
  })
  const metrics = [
    { name: 'errors', source: 'errors', role: 'critical', direction: 'down', margin: { absolute: 0.05 } },
    { name: 'score', source: 'feedback', key: 'score', role: 'primary', direction: 'up', margin: { relative: 0.1 } }
  ] as const
  const stage = { stage: 1, weightBps: 5000 }
  const spec = {
    alpha: 0.05, mode: 'superiority', minSamples: 50, plannedSamples: 1000, metrics, budget: { samplesMax: 5000 }
  } as const
  const health = {
    assignments: [{ ...stage, champion: 300, challenger: 310 }],
    missing: { score: [{ ...stage, champion: { events: 2, n: 300 }, challenger: { events: 3, n: 310 } }] }
  }
  const strata = [{ ...stage, block: 0, champion: arm(120, 3, 1), challenger: arm(120, 2, 1.1) }]
  return [spec, { stage: 1, strata, breaker: null, health, elapsedMs: 3_600_000 }]
}

/** Every public function and class: a new one does not compile before it has a row. */
export const CALLS: Readonly<Record<keyof typeof evaluators, Call>> = {
  EvaluatorError: { args: [], run: () => new evaluators.EvaluatorError('EMPTY', 'values', 'none').code },
  ROUGE_TYPES: { args: [], run: () => [...evaluators.ROUGE_TYPES] },
  JUDGE_NAMES: { args: [], run: () => evaluators.JUDGE_NAMES },

  rouge: { args: [TEXTS, 'the cat sat', { types: ['rouge1', 'rougeL', 'rougeLsum'], stem: true }], lenient: /^0$|types$/ },
  scoreRouge: { args: [[tokenizeRouge('the cat sat'), tokenizeRouge('a cat')], tokenizeRouge('a dog sat'), ['rouge2', 'rougeL']], trusted: /(tokens|lineEnds)\[/ },
  tokenizeRouge: { args: ['The cats have 3.5 cookies', true] },
  stemPorter: { args: ['relational'] },
  bootstrapMeans: { args: [{ a: [0.2, 0.5, 0.4], b: [0.1, 0.4, 0.4] }, { random, resamples: 50 }, 0.9], costly: /resamples/ },
  normalizeAnswer: { args: ['The  Eiffel-Tower, a sight!'] },
  scoreSquad: { args: [['Eiffel Tower', 'Paris'], 'the Eiffel tower in Paris'], lenient: /^0$/ },
  corpusBleu: { args: [[['the cat sat on the mat', 'a cat'], 'it rains'], ['the cat sat', 'it is raining'], {}], lenient: /^0\[\d\]$/ },
  countBleu: { args: [['the cat sat on it', 'a cat'], 'the cat ran', {}], lenient: /^0$/ },
  mergeBleuCounts: { args: [[countBleu('a b', 'a b c'), countBleu('d', 'e f')]] },
  scoreBleu: { args: [countBleu('a b c d e', 'a b c d e'), {}] },
  sentenceBleu: { args: [['the cat sat on the mat', 'a cat'], 'the cat sat on a mat', {}], lenient: /^0$/ },
  tokenize13a: { args: ['Prices rose 3.5%, to $10.'] },
  corpusChrf: { args: [[['the cat sat', 'a cat'], 'it rains'], ['the cats', 'it rained'], { wordOrder: 2 }], lenient: /^0\[\d\]$/ },
  countChrf: { args: [['cats', 'a cat'], 'cat', { characterOrder: 3, wordOrder: 1 }], lenient: /^0$/ },
  mergeChrfCounts: { args: [[countChrf('cats', 'cat'), countChrf('dog', 'dogs')]] },
  scoreChrf: { args: [countChrf('cats', 'cat'), 3] },
  sentenceChrf: { args: [['the cat', 'a cat'], 'the cats', { characterOrder: 4, wordOrder: 2, beta: 3 }], lenient: /^0$/ },
  corpusDistinctN: { args: [['how are you', 'how are they'], 2] },
  distinctN: { args: ['the cat and the cat', 2] },
  measureLength: { args: ['Hi 😀 you'] },
  measureRepetition: { args: ['it is good and it is good and it is bad', 3] },
  tokenizeWords: { args: ["L'Été à 東京, 20 °C"] },

  confusionMatrix: { args: [CONFUSION] },
  countConfusion: { args: [['cat', 'dog', 'cat'], ['cat', 'dog', 'dog']], lenient: /^[01]\[\d\]$/ },
  mergeConfusions: { args: [CONFUSION, countConfusion(['cat'], ['bird'])] },
  classificationScores: { args: [CONFUSION] },
  rankingScores: { args: [[1, 1, 0, 0], [0.8, 0.5, 0.5, 0.3]] },
  calibration: { args: [[0, 1, 1, 1], [0.2, 0.4, 0.8, 0.9], { bins: 2, binning: 'equal-width' }] },
  probabilityLosses: { args: [[1, 0, 1], [0.9, 0.2, 0.6]] },
  regressionScores: { args: [X, Y] },
  labelAgreement: { args: [['spam', 'ham', 'spam'], ['spam', 'ham', 'ham']], lenient: /^[01]\[\d\]$/ },
  numericAgreement: { args: [X, Y] },

  welchTest: { args: [X, Y, 0.9] },
  equivalenceTest: { args: [X, Y, BOUNDS] },
  pairedEquivalenceTest: { args: [X, Y, BOUNDS], derived: /^challenger$/ },
  mannWhitney: { args: [X, Y] },
  mannWhitneyExact: { args: [[1, 2, 3], [4, 5, 6.5]] },
  clopperPearsonInterval: { args: [{ events: 3, n: 20 }, 0.99] },
  compareProportions: { args: [{ events: 48, n: 80 }, { events: 56, n: 70 }, 0.9] },
  wilsonInterval: { args: [{ events: 3, n: 20 }, 0.9] },
  benjaminiHochberg: { args: [[0.01, 0.5, 0.03]] },
  benjaminiYekutieli: { args: [[0.01, 0.5, 0.03]] },
  bonferroni: { args: [[0.01, 0.5, 0.03]] },
  holm: { args: [[0.01, 0.5, 0.03]] },
  rejectAt: { args: [[0.01, 0.5, 0.03], 0.05] },
  describeSample: { args: [X] },
  quantile: { args: [X, 0.95] },
  daysToCollect: { args: [10_000, 4_000, 1_500] },
  differenceVariance: { args: [{ sdChampion: 1, sdChallenger: 2, challengerShare: 0.2 }] },
  provableGap: { args: [{ variance: 4, alpha: 0.05, plannedSamples: 5_000, power: 0.8 }, 20_000], derived: /^se$/ },
  samplesToDecide: { args: [PLAN], derived: /^se$/ },
  samplesToDistinguish: { args: [PLAN], derived: /^se$/ },
  detectableEffect: { args: [{ sd: 1, alpha: 0.05, power: 0.8, sides: 2 }, 500] },
  powerAt: { args: [{ effect: 0.2, sd: 1, alpha: 0.05, sides: 2 }, 500], lenient: /sides/ },
  proportionSamplesPerArm: { args: [{ p1: 0.1, p2: 0.12, alpha: 0.05, power: 0.8, method: 'pooled' }] },
  samplePairs: { args: [MEAN_PLAN] },
  samplesPerArm: { args: [MEAN_PLAN] },
  samplesPerArmOfT: { args: [{ effect: 0.5, sd: 1, alpha: 0.05, power: 0.8 }], derived: /^delta$/ },
  noncentralTUpper: { args: [1.5, 10, 1] },

  judgeCanary: { args: [CANARY, SERIES, { thresholds: THRESHOLDS, seed: 'run-17', points: 5 }], lenient: /./, costly: /points/, unbounded: /$^/ },
  parseCanaryConfig: { args: [CANARY], lenient: /./ },
  parseMetricSeries: { args: [SERIES], lenient: /./, unbounded: /control|experiment/ },
  classifyByMeans: { args: [SIDES, RULES] },
  classifyByShift: { args: [SIDES, { ...RULES, effectSize: EFFECT_SIZE, tolerance: 0.25, confidenceLevel: 0.98 }, random] },
  estimateScaledShift: { args: [SIDES, 0.9] },
  estimateShift: { args: [SIDES, 0.9] },
  shiftStatistic: { args: [SIDES, 0.5, 0.1] },
  labelScore: { args: [95, THRESHOLDS] },
  scoreCanary: {
    args: [[
      { classification: 'Pass', critical: false, groups: ['speed'] },
      { classification: 'High', critical: false, groups: ['quality'], muted: false }
    ], { speed: 75, quality: 25 }]
  },
  concludeRun: { args: [[96, 75, 96], THRESHOLDS] },
  judgementWindows: {
    args: [{ startMs: 0, lifetimeDurationMins: 10, analysisIntervalMins: 5, lookbackMins: 2, beginAfterMins: 1 }],
    costly: /lifetime/
  },
  cohensD: { args: [SIDES] },
  commonLanguageEffectSize: { args: [SIDES] },
  meanRatio: { args: [SIDES] },
  percentileR7: { args: [X, 75] },
  summariseSide: { args: [X] },
  detectOutliersByQuartiles: { args: [X, { factor: 2, reducesSensitivity: true }] },
  detectOutliersBySigma: { args: [X, 1.9] },
  quartileFences: { args: [X, { factor: 2, reducesSensitivity: true }] },
  removeNaN: { args: [[1, NaN, 2]] },
  removeOutliers: { args: [[1, 90, 2], [false, true, false]], unbounded: /./ },
  replaceNaN: { args: [[1, NaN, 2], 0] },

  decide: { args: TRIAL, lenient: /./ },
  levelsOf: { args: [TRIAL[0]], lenient: /./, unbounded: /./ },
  sequenceLevels: { args: [TRIAL[0]], lenient: /./, unbounded: /./ },

  bertScore: { args: [EMBEDDED.candidate, EMBEDDED.reference, { baseline: { precision: 0.5, recall: 0.4, f1: 0.3 } }] },
  bertScoreMultiReference: { args: [EMBEDDED.candidate, [EMBEDDED.reference, packRows([[1, 0]])], {}] },
  isEmptyText: { args: [EMBEDDED.candidate] },
  packRows: { args: [[[1, 2, 3], [4, 5, 6]]], unbounded: /values/ },
  countDocumentFrequencies: { args: [[[2, 7, 7, 3], [2, 9, 3]]], run: (ids: never) => Object.keys(evaluators.countDocumentFrequencies(ids)) },
  idfWeights: {
    derived: /^texts$/,
    args: [[[2, 7, 3], [2, 9, 3]], [2, 7, 3]],
    run: (documents: never, ids: never) => evaluators.idfWeights(ids, evaluators.countDocumentFrequencies(documents))
  },
  cosineSimilarities: { args: [[[1, 0], [1, 0.5]], [[2, 0], [0, 5]]] },
  cosineSimilarity: { args: [[3, 4], [4, 3]] },
  measureCoherence: { args: [[[1, 0], [2, 0], [0, 1]]] },
  measureGroundedness: {
    args: [
      [{ text: 'It is so.', tokens: EMBEDDED.reference }, { text: 'Or not.', tokens: EMBEDDED.candidate }],
      [EMBEDDED.candidate, EMBEDDED.reference], { threshold: 0.8 }
    ]
  },
  splitSentences: { args: ['Dr. No came at 9.30 a.m. today. Why?'] },

  kolmogorovSmirnov: { args: [X, Y] },
  kolmogorovSmirnovExactP: { args: [0.5, 20, 20], costly: /[12]/ },
  kolmogorovSmirnovLimitP: { args: [0.05, 1000, 1000] },
  kolmogorovSmirnovRoundedP: { args: [0.3, 30, 30] },
  kolmogorovSmirnovStephensP: { args: [0.05, 1000, 1000] },
  populationStability: { args: [X, Y, 4] },
  stabilityOfCounts: { args: [[50, 50], [40, 60]] },
  greatestDifference: { args: COUNTS },
  hellingerDistance: { args: COUNTS },
  jensenShannonDistance: { args: COUNTS },
  kullbackLeibler: { args: COUNTS, unbounded: /^$/ },
  totalVariation: { args: COUNTS },
  energyDistance: { args: [X, Y] },
  wasserstein1: { args: [X, Y] },
  wasserstein1Normed: { args: [X, Y] },
  cramerVonMises: { args: [X, Y] },
  andersonDarling: { args: [[X, Y, [1, 2, 3]]] },
  maximumMeanDiscrepancy: { args: [...VECTORS, { random, permutationsMax: 9, sigma: 2, exceedancesMax: 5 }], lenient: /sigma/, costly: /permutationsMax/ },
  centroidCosineDistance: { args: VECTORS },
  centroidDistance: { args: VECTORS },
  chiSquareTest: { args: [TABLE] },
  cramersV: { args: [TABLE] },
  fisherExact: { args: [TABLE], unbounded: /oddsRatio/ },
  gTest: { args: [TABLE] },
  yatesTest: { args: [TABLE] },
  buildVocabulary: { args: [['the cat', 'The dog', 'a cat'], 2, 1] },
  describeText: { args: ['Ab 12, да'] },
  outOfVocabularyRate: {
    args: ['the cat the fish', ['the', 'cat']],
    run: (text: never, words: never) => evaluators.outOfVocabularyRate(text, new Set(words as string[])),
    trusted: /^1/
  },
  classifyDomains: {
    args: [
      ['order a late', 'order b late', 'order c is late', 'order d'],
      ['refund a now', 'refund b now', 'refund c', 'refund d now'], { random, folds: 2, epochs: 2, textsMax: 50, confidence: 0.9 }
    ]
  },
  startPageHinkley: { args: [{ delta: 0.1, threshold: 5, instancesMin: 30 }] },
  updatePageHinkley: { args: [STATES.pageHinkley, 2.5] },
  calibrateDdm: { args: [Array.from({ length: 60 }, (_, i) => i % 10 === 0 ? 1 : 0), { random, valuesPerFalseAlarm: 200 }] },
  calibratePageHinkley: {
    args: [Array.from({ length: 60 }, (_, i) => (i * 37) % 17), { random, valuesPerFalseAlarm: 200, shift: 2, instancesMin: 20 }],
    derived: /^streams$/
  },
  startDdm: { args: [{ instancesMin: 30, warningLevel: 2, driftLevel: 3 }] },
  updateDdm: { args: [STATES.ddm, true] },
  adwinMean: { args: [evaluators.updateAdwin(STATES.adwin, 4).state], trusted: /rows\[/ },
  startAdwin: { args: [{ delta: 0.002, min: 0, max: 10, valuesPerLook: 32 }] },
  updateAdwin: { args: [evaluators.updateAdwin(STATES.adwin, 4).state, 5], trusted: /rows\[/ },
  inferColumns: { args: [{ stars: [1, 5, 4], plan: ['free', 'paid', null], vector: [[1, 0], [0, 1]] }], lenient: /\[|values$|previous/ },
  sketchColumn: { args: ['numeric', [1, 2, 3, 4], { random }], lenient: /\[|values$|previous/ },
  sketchTable: {
    args: [ROWS, COLUMNS, { random, aggregate: { rowsMin: 2, quantilesMax: 3, vocabularyMax: 5 } }],
    lenient: /\[|values$|previous/
  },
  sketchBaseline: { args: [ROWS, COLUMNS, { random, bytesMax: 10_000 }], lenient: /\[|values$|previous/ },
  mergeSketches: { args: [SKETCH, SKETCH, random], lenient: /\[|values$|previous/ },
  parseSketch: { args: [JSON.parse(JSON.stringify(SKETCH))], lenient: /\[|values$|previous/ },
  detectDrift: {
    args: [ROWS, { price: [2, 3, 4, 5], plan: ['a', 'b', 'c', 'b'] }, COLUMNS, { random, windowMin: 2, q: 0.01 }],
    lenient: /\[|values$|previous/
  },

  anytimeP: { args: [SEQUENCE, 0.2, 0] },
  oneSidedHalfWidth: { args: [SEQUENCE] },
  twoSidedHalfWidth: { args: [SEQUENCE] },
  armMean: { args: [X] },
  differenceSequence: { args: [ARMS, { alpha: 0.05, plannedSamples: 5000 }], derived: /^se$/ },
  meanSequence: { args: [ARMS.champion, { alpha: 0.05, plannedSamples: 5000 }], derived: /^se$/ },
  pairedSequence: { args: [X, Y, { alpha: 0.05, plannedSamples: 500 }], derived: /^se$/ },
  relativeLiftSequence: { args: [ARMS, { alpha: 0.05, plannedSamples: 5000 }], derived: /^se$/ },
  difference: { args: [ARMS], unbounded: /se$/ },
  relativeLift: { args: [ARMS], unbounded: /se$/ },
  stratifiedMeans: { args: [[ARMS, ARMS]], lenient: /\.n$|varianceOfMean/ },
  mergeMoments: { args: [moments(X), moments(Y)], lenient: /clusterShift/ },
  Moments: {
    args: [[1, 5, 2], [0, 0, 7]],
    run: (values: never, clusters: never) => {
      const all = new Moments()
      Array.from<number>(values ?? []).forEach((value, i) => all.add(value, (clusters as number[])?.[i]!))
      return all.summary()
    },
    lenient: /^[01]$/
  },
  varianceOfMean: { args: [moments(X)], lenient: /./, unbounded: /^/ },
  mergePairMoments: { args: [pairMoments(UNITS.y, UNITS.x), pairMoments([5, 7, 9], [2, 3, 4])] },
  pairMoments: { args: [UNITS.y, UNITS.x] },
  PairMoments: {
    args: [UNITS.y, UNITS.x],
    run: (y: never, x: never) => {
      const all = new evaluators.PairMoments()
      Array.from<number>(y ?? []).forEach((value, i) => all.add(value, (x as number[])?.[i]!))
      return all.summary()
    },
    lenient: /^[01]$/
  },
  adjustedMean: { args: [pairMoments(UNITS.y, UNITS.x), 2, 2], unbounded: /varianceOfMean/ },
  adjustForCovariate: { args: [{ champion: pairMoments(UNITS.y, UNITS.x), challenger: pairMoments([5, 7, 9], [2, 3, 4]) }] },
  pooledTheta: { args: [[pairMoments(UNITS.y, UNITS.x), pairMoments([5, 7, 9], [2, 3, 4])]] },
  ratioEstimate: { args: [UNITS.y, UNITS.x] },
  ratioMean: { args: [pairMoments(UNITS.y, UNITS.x)] },
  EmpiricalBernstein: {
    args: [{ alpha: 0.1, lambdaCap: 0.4, min: -1, max: 2 }, [0.5, -0.5, 2]],
    run: (options: never, values: never) => {
      const sequence = new evaluators.EmpiricalBernstein(options)
      for (const value of Array.from<number>(values ?? [])) sequence.add(value)
      const restored = evaluators.EmpiricalBernstein.fromJSON(sequence.toJSON())
      return [restored.interval(), restored.intersection()]
    },
    lenient: /^1$/
  },
  empiricalBernsteinInterval: { args: [[0.5, 0.25, 1], { alpha: 0.1, lambdaCap: 0.4, min: 0, max: 2 }] },
  compareEventShares: { args: [EVENTS, { alpha: 0.05, concentration: 10, pBefore: 0.9 }], unbounded: /upper|ratio$/ },
  eventShareAt: { args: [3, 0.25] },
  logEvidence: { args: [EVENTS, 0.1, 10] },
  ratioInterval: { args: [EVENTS, 0.05, 10], unbounded: /upper|estimate/ },
  compareMissingOutcomes: { args: [[{ ...TALLIES, share: 0.5 }], { alpha: 0.001, pBefore: 0.9 }], unbounded: /upper|ratio$/ },
  expectedEvents: { args: [[TALLIES, TALLIES]] },
  proportionSequence: { args: [{ events: 3, n: 757 }, 0.05] },
  stratifiedProportions: { args: [[TALLIES, TALLIES]] },
  chiSquareSampleRatio: { args: [SPLIT] },
  sampleRatioEvidence: { args: [SPLIT, 100] },
  testSampleRatio: { args: [[SPLIT, SPLIT], { concentration: 100, pBefore: 0.9 }], lenient: /concentration/ },
  hasTail: { args: [400, 0.95, 20] },
  quantileEstimate: {
    args: [X, 0.5], run: (values: never, p: never) => evaluators.quantileEstimate(evaluators.ranked(values), p)
  },
  quantileType1: { args: [X, 0.5], lenient: /\[/ },
  quantileType7: { args: [X, 0.5], lenient: /\[/ },
  ranked: { args: [X, 3], run: (values: never, rank: never) => evaluators.ranked(values).valueAtRank(rank), lenient: /^1$/ },
  quantileInflation: { args: [X, [1, 1, 2, 2, 3, 3, 4, 4], 4], lenient: /^1\[/ },
  quantileSequence: {
    args: [X, 0.5, 0.05], run: (values: never, p: never, alpha: never) => evaluators.quantileSequence(evaluators.ranked(values), p, alpha)
  },
  LogHistogram: {
    args: [0.01, [100, 200, 300, 900], 800],
    run: (relativeError: never, values: never, limit: never) => {
      const histogram = new evaluators.LogHistogram(relativeError)
      for (const value of Array.from<number>(values ?? [])) histogram.add(value)
      const restored = evaluators.LogHistogram.fromJSON(JSON.parse(JSON.stringify(histogram)))
      return [restored.count, restored.shareAbove(limit), restored.toJSON()]
    },
    lenient: /^1$|^2$/
  },
  seededRandom: {
    args: [7, 100],
    run: (seed: never, bound: never) => [seededRandom(seed).uniform(), seededRandom(seed).normal(), seededRandom(seed).below(bound)],
    trusted: /^1/
  }
}
