import {
  cohensD, commonLanguageEffectSize, meanRatio, percentileR7, summariseSide
} from '../../evaluators/judge/describe.js'
import { estimateShift, shiftStatistic } from '../../evaluators/judge/rank-shift.js'
import { concludeRun } from '../../evaluators/judge/run.js'
import { labelScore, scoreCanary, type ScoredMetric } from '../../evaluators/judge/score.js'
import {
  detectOutliersByQuartiles, detectOutliersBySigma, quartileFences, removeNaN, removeOutliers, replaceNaN
} from '../../evaluators/judge/transform.js'
import { normalQuantile } from '../../evaluators/statistics/special.js'
import type { Format, Parsed } from './format.js'
import {
  type Case, compareAll, isObject, type Kind, kind, list, number, orNaN, RECOMPUTED, sidesOf, toleranceOf, values
} from './kayenta-case.js'
import { checkClassifier, checkDerivedClassifier } from './kayenta-classify.js'
import { type Section, UNSTATED } from './report.js'

/** Fields that explain a case and expect nothing. */
const REMARKS = ['id', 'fn', 'case', 'note', 'kayentaTest', 'labelsExact'] as const

/** Reference figures of a Kayenta-compatible judge: sections of cases, each with what it expects. */
export const kayenta: Format = {
  name: 'kayenta',
  recognises: (parsed) => {
    const sections = sectionsOf(parsed)
    return sections !== null && Object.keys(KINDS).some((name) => isListOfObjects(sections[name]))
  },
  check: (parsed, report) => {
    for (const [name, cases] of Object.entries(sectionsOf(parsed) ?? {})) {
      if (name === 'meta') continue
      const section = report.section(name)
      if (!Array.isArray(cases) || cases.length === 0) section.fail(name, cases, 'no such section')
      else cases.forEach((each: unknown, i) => { checkCase(name, each, section, i) })
    }
  }
}

function sectionsOf (parsed: Parsed): Record<string, unknown> | null {
  return 'document' in parsed && isObject(parsed.document) ? parsed.document : null
}

function isListOfObjects (cases: unknown): boolean {
  return Array.isArray(cases) && cases.some(isObject)
}

function checkCase (name: string, each: unknown, section: Section, index: number): void {
  if (!isObject(each)) return section.fail(`${name}[${index}]`, each, 'not a case')
  const place = String(each['id'] ?? `${name}[${index}]`)
  const kind = (Object.hasOwn(KINDS, name) ? KINDS[name] : undefined)?.(each)
  if (kind === undefined) return section.fail(place, each['expected'], 'no such section or function')
  for (const field of Object.keys(each)) {
    if (!kind.fields.includes(field) && !(REMARKS as readonly string[]).includes(field)) {
      section.fail(`${place}.${field}`, each[field], 'no such field')
    }
  }
  try {
    kind.check(each, section, place)
  } catch (error) {
    section.fail(place, each['expected'], error instanceof Error ? error.message : error)
  }
}

const checkQuantile = kind('p expected absTol recomputed', (each, section, place) => {
  compareAll(each, section, place, normalQuantile(number(each, 'p')))
})

const checkStatistic = kind('x y calls absTol', (each, section, place) => {
  list(each, 'calls').forEach((call, i) => {
    const { mu, quantile, ...figures } = call as Case
    const got = shiftStatistic(sidesOf(each), Number(mu), Number(quantile ?? 0))
    compareAll({ absTol: each['absTol'], ...figures }, section, `${place}.calls[${i}]`, got)
  })
})

const checkInterval = kind('confLevel x y experiment control expected absTol recomputed', (each, section, place) => {
  const sides = sidesOf(each)
  const confidenceLevel = number(each, 'confLevel')
  const z = normalQuantile((1 - confidenceLevel) / 2)
  const extremes = { experiment: summariseSide(sides.experiment), control: summariseSide(sides.control) }
  const muMin = extremes.experiment.min - extremes.control.max
  const muMax = extremes.experiment.max - extremes.control.min
  compareAll(each, section, place, {
    ...estimateShift(sides, confidenceLevel),
    muMin,
    muMax,
    zqLower: -z,
    zqUpper: z,
    f_muMin_zqLower: shiftStatistic(sides, muMin, -z),
    f_muMax_zqLower: shiftStatistic(sides, muMax, -z),
    f_muMin_zqUpper: shiftStatistic(sides, muMin, z),
    f_muMax_zqUpper: shiftStatistic(sides, muMax, z)
  })
})

const checkSummary = kind('values expected absTol recomputed', (each, section, place) => {
  compareAll(each, section, place, summariseSide(values(each, 'values')))
})

const checkPercentile = kind('values cases absTol recomputed p expected', (each, section, place) => {
  const at = (percent: unknown): number => orNaN(() => percentileR7(values(each, 'values'), Number(percent)))
  const cases = each['cases'] === undefined ? [{ p: each['p'], expected: each['expected'] }] : list(each, 'cases')
  const got = cases.map((one) => at((one as Case)['p']))
  cases.forEach((one, i) => {
    const { p, ...figures } = one as Case
    compareAll({ absTol: each['absTol'], ...figures }, section, `${place}.p${String(p)}`, got[i])
  })
  const { recomputed } = each
  if (recomputed === undefined) return
  section.compare(`${place}.recomputed`, Array.isArray(recomputed) ? got : got[0], recomputed, RECOMPUTED)
})

/** Figures of two samples, or of one, that are a single number. */
const checkNumber = (compute: (each: Case) => number | null): Kind =>
  kind('values experiment control expected absTol recomputed', (each, section, place) => {
    compareAll(each, section, place, orNaN(() => compute(each) ?? NaN))
  })

const checkOutliers = kind(
  'detector k factor reduceSensitivity values expectedOutlier expectedOutlierIndexes recomputedFences fences expected ' +
  'absTol', (each, section, place) => {
    const flags = detect(each)
    const indexes = flags.flatMap((isOutlier, i) => isOutlier ? [i] : [])
    const fences = each['recomputedFences'] ?? each['fences']
    const expected = {
      ...(each['expectedOutlier'] === undefined ? {} : { expectedOutlier: each['expectedOutlier'] }),
      ...(each['expectedOutlierIndexes'] === undefined ? {} : { expectedOutlierIndexes: each['expectedOutlierIndexes'] }),
      ...(each['expected'] === undefined ? {} : { expected: each['expected'] })
    }
    const got = { expectedOutlier: flags, expectedOutlierIndexes: indexes, expected: flags }
    section.compare(place, got, expected, UNSTATED.exact)
    if (fences === undefined) return
    const { low, high } = quartileFences(values(each, 'values'), fenceOptions(each))
    section.compare(`${place}.fences`, [low, high], fences, toleranceOf(each))
  })

const fenceOptions = (each: Case): { factor: number, reducesSensitivity: boolean } => (
  { factor: Number(each['factor'] ?? 3), reducesSensitivity: each['reduceSensitivity'] === true })

function detect (each: Case): boolean[] {
  const detector = each['detector'] ?? each['fn']
  if (detector === 'kSigma') return detectOutliersBySigma(values(each, 'values'), Number(each['k'] ?? 3))
  if (detector === 'iqr') return detectOutliersByQuartiles(values(each, 'values'), fenceOptions(each))
  throw new Error(`no such detector: ${String(detector)}`)
}

const checkTransform = kind(
  'values with_ detector k factor reduceSensitivity expected absTol', (each, section, place) => {
    const given = values(each, 'values')
    const transforms: Readonly<Record<string, () => number[]>> = {
      removeNaN: () => removeNaN(given),
      replaceNaN: () => replaceNaN(given, number(each, 'with_')),
      removeOutliers: () => removeOutliers(given, detect(each))
    }
    const transform = transforms[String(each['fn'])]
    if (transform === undefined) throw new Error(`no such transform: ${String(each['fn'])}`)
    section.compare(place, transform(), each['expected'], UNSTATED.exact)
  })

const checkScorer = kind('groupWeights metrics expected recomputed absTol', (each, section, place) => {
  const weights = isObject(each['groupWeights']) ? each['groupWeights'] as Record<string, number> : {}
  const { score, groupScores, zeroedBecause } = scoreCanary(list(each, 'metrics') as ScoredMetric[], weights)
  const got = {
    summaryScore: score,
    groupScores: Object.fromEntries(groupScores.map((group) => [group.name, group.score])),
    zeroedBecause
  }
  for (const name of ['expected', 'recomputed'] as const) {
    if (each[name] !== undefined) section.compare(`${place}.${name}`, got, each[name], UNSTATED.percent)
  }
})

const checkLabel = kind('score passThreshold marginalThreshold expected', (each, section, place) => {
  const thresholds = { pass: number(each, 'passThreshold'), marginal: number(each, 'marginalThreshold') }
  section.compare(place, labelScore(number(each, 'score'), thresholds), each['expected'], UNSTATED.exact)
})

const checkRun = kind('finalScore scores marginal pass expectedDidPass', (each, section, place) => {
  const { finalScore } = each
  const scores = each['scores'] === undefined
    ? (typeof finalScore === 'number' ? [finalScore] : [])
    : list(each, 'scores').map(Number)
  const { didPass } = concludeRun(scores, {
    ...(typeof each['marginal'] === 'number' ? { marginal: each['marginal'] } : {}),
    ...(typeof each['pass'] === 'number' ? { pass: each['pass'] } : {})
  })
  section.compare(place, didPass, each['expectedDidPass'], UNSTATED.exact)
})

const STATISTICS: Readonly<Record<string, Kind>> = {
  summary: checkSummary,
  percentileR7: checkPercentile,
  percentile: checkPercentile,
  meanRatio: checkNumber((each) => meanRatio(sidesOf(each))),
  cles: checkNumber((each) => commonLanguageEffectSize(sidesOf(each))),
  cohenD: checkNumber((each) => cohensD(sidesOf(each))),
  min: checkNumber((each) => summariseSide(values(each, 'values')).min),
  max: checkNumber((each) => summariseSide(values(each, 'values')).max),
  mean: checkNumber((each) => summariseSide(values(each, 'values')).mean),
  std: checkNumber((each) => summariseSide(values(each, 'values')).std),
  count: checkNumber((each) => summariseSide(values(each, 'values')).count),
  median: checkNumber((each) => percentileR7(values(each, 'values'), 50))
}

const DERIVED: Readonly<Record<string, Kind>> = {
  ...STATISTICS,
  scorer: checkScorer,
  scoreLabel: checkLabel,
  iqr: checkOutliers,
  kSigma: checkOutliers,
  classify: checkDerivedClassifier,
  removeNaN: checkTransform,
  replaceNaN: checkTransform,
  removeOutliers: checkTransform,
  didPass: checkRun
}

const ofFunction = (kinds: Readonly<Record<string, Kind>>, each: Case): Kind | undefined =>
  Object.hasOwn(kinds, String(each['fn'])) ? kinds[String(each['fn'])] : undefined

/** How a section's cases are checked; most by the section alone, some by the function that a case names. */
const KINDS: Readonly<Record<string, (each: Case) => Kind | undefined>> = {
  normalQuantile: () => checkQuantile,
  wilcoxonDiff: () => checkStatistic,
  confidenceInterval: () => checkInterval,
  confidenceIntervalIntermediate: () => checkInterval,
  classifier: () => checkClassifier,
  statistics: (each) => ofFunction(STATISTICS, each),
  outlierDetector: () => checkOutliers,
  transform: () => checkTransform,
  scorer: () => checkScorer,
  aggregatedJudgement: () => checkRun,
  derived: (each) => ofFunction(DERIVED, each)
}
