import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseCanaryConfig } from '../../../evaluators/judge/config.js'
import { judgeCanary, type JudgeOptions } from '../../../evaluators/judge/judge.js'
import { parseMetricSeries } from '../../../evaluators/judge/series.js'

type Canary = Record<string, unknown>

const thresholds = { pass: 95, marginal: 75 }
const around = (centre: number, count = 60): number[] => Array.from({ length: count }, (_, i) => centre * (1 + ((i * 7) % count) / count / 50))

/** A config of metrics that each are a group of their own unless they name others. */
function configOf (metrics: Record<string, Canary & { groups?: string[] }>, over: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name: 'test',
    judge: { name: 'NetflixACAJudge-v1.0', judgeConfigurations: {} },
    metrics: Object.entries(metrics).map(([name, { groups = [name], ...canary }]) =>
      ({ name, groups, scopeName: 'default', query: { type: 'prometheus' }, analysisConfigurations: { canary } })),
    classifier: { groupWeights: {} },
    ...over
  }
}

function judge (config: unknown, metrics: unknown, options: Partial<JudgeOptions> = {}) {
  return judgeCanary(config, metrics, { thresholds, ...options })
}

const strictly = (config: unknown, metrics: unknown) => judge(config, metrics, { preset: 'strict' })
const first = (config: unknown, metrics: unknown, options: Partial<JudgeOptions> = {}) => judge(config, metrics, options).results[0]!
const pair = (experiment: unknown, control: unknown) => ({ m: { experiment, control } })

describe('judgeCanary as Kayenta', () => {
  it('answers in Kayenta\'s form', () => {
    const result = judge(configOf({ m: { groups: ['speed'] } }), [{ name: 'm', tags: { zone: 'a' }, control: [1, 2, 3, 4, null], experiment: [11, 12, 13, 'NaN'] }])

    expect(result).toEqual({
      judgeName: 'NetflixACAJudge-v1.0',
      score: { score: 0, classification: 'Fail', classificationReason: 'score 0' },
      groupScores: [{ name: 'speed', score: 0, classification: '', classificationReason: '' }],
      results: [{
        name: 'm',
        id: 'm{zone=a}',
        tags: { zone: 'a' },
        groups: ['speed'],
        classification: 'High',
        classificationReason: expect.stringMatching(/^higher than the control: shift \[/),
        critical: false,
        muted: false,
        experimentMetadata: { stats: { min: 11, max: 13, mean: 12, std: 1, count: 3 } },
        controlMetadata: { stats: { min: 1, max: 4, mean: 2.5, std: Math.sqrt(5 / 3), count: 4 } },
        resultMetadata: { ratio: 4.8 }
      }]
    })
    expect(JSON.parse(JSON.stringify(result))).toEqual(result)
  })

  it('finds any clear shift too much where no effect size is set', () => {
    expect(first(configOf({ m: {} }), pair(around(106), around(100))).classification).toBe('High')
    expect(first(configOf({ m: { effectSize: { allowedIncrease: 1.1 } } }), pair(around(106), around(100))).classification).toBe('Pass')
  })

  it('takes 0.5 for the effect of a probability where none is set', () => {
    const half = [...around(100, 30), ...around(103, 30)]

    expect(first(configOf({ m: { effectSize: { measure: 'cles' } } }), pair(half, around(100))).classification).toBe('High')
    expect(first(configOf({ m: { effectSize: { measure: 'cles', allowedIncrease: 0.9 } } }), pair(half, around(100))).classification).toBe('Pass')
  })

  it('drops missing steps, or counts them as 0, each side on its own', () => {
    const metrics = pair([null, 5, 'NaN', NaN], [6, 7])

    expect(first(configOf({ m: {} }), metrics).experimentMetadata.stats).toMatchObject({ count: 1, mean: 5 })
    expect(first(configOf({ m: { nanStrategy: 'replace' } }), metrics).experimentMetadata.stats).toMatchObject({ count: 4, mean: 1.25 })
    expect(first(configOf({ m: { nanStrategy: 'zero' } }), metrics).experimentMetadata.stats).toMatchObject({ count: 1 })
  })

  it('continues both sides without data to the length of the window', () => {
    const config = configOf({ m: { nanStrategy: 'replace' } })

    expect(first(config, pair([2, 2], undefined), { points: 4 })).toMatchObject({
      experimentMetadata: { stats: { count: 4, mean: 1 } }, controlMetadata: { stats: { count: 4, max: 0 } }
    })
    expect(first(config, pair([2, 2], undefined)).controlMetadata.stats.count).toBe(2)
  })

  it('removes outliers only when asked', () => {
    const metrics = pair([...around(100, 120), 100_000], around(100))

    expect(first(configOf({ m: {} }), metrics).experimentMetadata.stats.max).toBe(100_000)
    expect(first(configOf({ m: { outliers: { strategy: 'remove' } } }), metrics).experimentMetadata.stats.max).toBeLessThan(103)
    expect(first(configOf({ m: { outliers: { strategy: 'remove', outlierFactor: 1e6 } } }), metrics).experimentMetadata.stats.max).toBe(100_000)
    expect(first(configOf({ m: { outliers: { strategy: 'drop' } } }), metrics).experimentMetadata.stats.max).toBe(100_000)
  })

  it('takes a metric without series for one without data', () => {
    const result = judge(configOf({ m: {}, other: { critical: true } }), pair(around(1), around(1)))

    expect(result.results[1]).toMatchObject({ name: 'other', id: 'other', classification: 'Nodata', critical: true, resultMetadata: { ratio: 1 } })
    expect(result.score).toEqual({ score: 0, classification: 'Fail', classificationReason: 'Canary Failed: critical metric other is Nodata' })
    expect(judge(configOf({ m: {}, other: {} }), pair(around(1), around(1))).score.classificationReason).toBe('half of the metrics or more have no data')
  })

  it('keeps failing open: an error, and missing data that counts as 0', () => {
    expect(judge(configOf({ m: { critical: true } }), pair([10], [5])).score).toMatchObject({ score: 100, classification: 'Pass' })
    expect(judge(configOf({ m: { critical: true, nanStrategy: 'replace' } }), {}).score).toMatchObject({ score: 100, classification: 'Pass' })
  })

  it('leaves muted metrics out of the score', () => {
    const result = judge(configOf({ m: { muted: true, critical: true }, n: {} }), { ...pair(around(9), around(1)), n: { control: [1, 2], experiment: [2, 1] } })

    expect(result.results[0]).toMatchObject({ classification: 'High', critical: true, muted: true })
    expect(result.score).toMatchObject({ score: 100 })
    expect(judge(configOf({ m: { muted: true } }), pair([1], [1])).score).toMatchObject({ score: 0, classification: 'Fail' })
  })

  it('judges each set of tags of a metric', () => {
    const side = { control: around(1), experiment: around(1) }
    const result = judge(configOf({ m: {} }), [{ name: 'm', tags: { zone: 'b', app: 'x' }, ...side }, { name: 'm', tags: { zone: 'a' }, control: around(1), experiment: around(2) }])

    expect(result.results.map(({ id, classification }) => [id, classification])).toEqual([['m{app=x,zone=b}', 'Pass'], ['m{zone=a}', 'High']])
    expect(result.score.score).toBe(50)
  })

  it('depends on the seed alone where noise is needed', () => {
    const metrics = pair(Array<number>(5).fill(10), Array<number>(5).fill(9))
    const reason = (seed: string) => first(configOf({ m: {} }), metrics, { seed })

    expect(reason('run-1')).toEqual(reason('run-1'))
    expect(reason('run-1').classification).toBe('High')
  })
})

describe('judgeCanary, strict', () => {
  it('says Inconclusive below five values a side, never High', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 30 }), fc.boolean(), (few, many, isControl) => {
      const [control, experiment] = isControl ? [around(1, few), around(9, many)] : [around(1, many), around(9, few)]
      const result = strictly(configOf({ m: { critical: true } }), pair(experiment, control))

      expect(result.results[0]).toMatchObject({ classification: 'Inconclusive', critical: false, resultMetadata: { ratio: null } })
      expect(result.score).toMatchObject({ score: 0, classification: 'Inconclusive' })
    }))
    expect(strictly(configOf({ m: {} }), pair(around(9, 5), around(1, 5))).results[0]!.classification).toBe('High')
  })

  it('warns below fifty', () => {
    expect(strictly(configOf({ m: {} }), pair(around(1, 49), around(1))).warnings).toEqual(['m: control 60, experiment 49 values; 50 each are advised'])
    expect(strictly(configOf({ m: {} }), pair(around(1), around(1))).warnings).toEqual([])
    expect(judge(configOf({ m: {} }), pair(around(1, 49), around(1)))).not.toHaveProperty('warnings')
  })

  it('lets effects within ten per cent pass where no threshold is set', () => {
    const label = (experiment: number, effectSize: Canary = {}) => strictly(configOf({ m: { effectSize } }), pair(around(experiment), around(100))).results[0]!.classification

    expect([label(109), label(111), label(91), label(89)]).toEqual(['Pass', 'High', 'Pass', 'Low'])
    expect([label(106, { allowedIncrease: 1.05 }), label(94, { allowedDecrease: 0.95 })]).toEqual(['High', 'Low'])
    expect(label(100.5, { measure: 'cles' })).toBe('High')
    expect(label(99.99, { measure: 'cles' })).toBe('Pass')
  })

  it('finds what cannot be computed inconclusive, and a critical metric failed by it', () => {
    const tiny = { experiment: [1e-20, 2e-20, 1e-20, 2e-20, 1e-20], control: Array<number>(5).fill(1e149) }

    expect(first(configOf({ m: {} }), { m: tiny }).classification).toBe('Error')
    expect(strictly(configOf({ m: {} }), { m: tiny })).toMatchObject({ score: { classification: 'Inconclusive' }, results: [{ classification: 'Inconclusive', critical: false }] })
    expect(strictly(configOf({ m: { critical: true } }), { m: tiny })).toMatchObject({ score: { score: 0, classification: 'Fail' }, results: [{ critical: true }] })
  })

  it('never passes on missing data', () => {
    const good = { n: { control: around(1), experiment: around(1) } }

    for (const canary of [{}, { nanStrategy: 'replace' }]) {
      const { score, results } = strictly(configOf({ m: canary, n: {}, o: {} }), { ...good, o: good.n })
      expect(results[0]!.classification).toBe('Nodata')
      expect(score).toMatchObject({ score: 66.67, classification: 'Inconclusive' })
    }
    expect(strictly(configOf({ m: { critical: true }, n: {} }), good).score).toMatchObject({ score: 0, classification: 'Fail' })
    expect(strictly(configOf({ m: { mustHaveData: true }, n: {} }), good).score).toMatchObject({ score: 50, classification: 'Fail' })
    expect(strictly(configOf({ m: { muted: true } }), {}).score).toMatchObject({ classification: 'Inconclusive' })
  })

  it('fails where even the best that is still open would not do', () => {
    const metrics = { a: { control: around(1), experiment: around(2) }, b: { control: [1], experiment: [1] } }

    expect(strictly(configOf({ a: {}, b: {} }), metrics).score).toEqual({ score: 0, classification: 'Fail', classificationReason: 'the score is at best 50' })
  })

  it('sees shifts of small values, and the sense of negative ones', () => {
    const seconds = around(0.002).map((x) => x / 1000)
    const label = (experiment: number[], control: number[]) => strictly(configOf({ m: {} }), pair(experiment, control)).results[0]!.classification

    expect(label(seconds.map((x) => x * 1.2), seconds)).toBe('High')
    expect(label(around(-80), around(-100))).toBe('High')
    expect(label(around(-120), around(-100))).toBe('Low')
    expect(label(around(-101), around(-100))).toBe('Pass')
  })

  it('passes what did not change', () => {
    expect(strictly(configOf({ m: { critical: true }, n: {} }, { classifier: { groupWeights: { m: 80, n: 20 } } }), {
      ...pair(around(5), around(5)), n: { control: Array<number>(60).fill(0), experiment: Array<number>(60).fill(0) }
    }).score).toEqual({ score: 100, classification: 'Pass', classificationReason: 'score 100' })
  })

  it.each([
    [{ m: 50 }, 'config.classifier.groupWeights', /total 100, got 50/],
    [{ m: 60, absent: 40 }, 'config.classifier.groupWeights["absent"]', /name of a group/],
    [{ m: 120, n: -20 }, 'config.classifier.groupWeights["n"]', /0 or more/],
    [{ m: 100 }, 'config.classifier.groupWeights', /for group "n" too/],
    [{ m: 50, n: 25, o: 25 }, 'config.classifier.groupWeights["o"]', /name of a group/]
  ])('refuses the weights %j', (groupWeights, argument, message) => {
    const config = configOf({ m: {}, n: {}, o: { muted: true } }, { classifier: { groupWeights } })

    expect(() => strictly(config, {})).toThrow(expect.objectContaining({ argument, message: expect.stringMatching(message) }))
    expect(() => judge(config, {})).not.toThrow()
  })

  it('refuses a metric that no group counts', () => {
    expect(() => strictly(configOf({ m: { groups: [] } }), {})).toThrow(expect.objectContaining({ argument: 'config.metrics[0].groups' }))
  })
})

describe('which judge', () => {
  const chosen = (judgement: unknown) => judge(configOf({ m: {} }, { judge: judgement }), {}).judgeName

  it('is the one the config names, the strict one where it names none', () => {
    expect(chosen({ name: 'NetflixACAJudge-v1.0' })).toBe('NetflixACAJudge-v1.0')
    expect(chosen({ name: 'GauntletJudge-v1.0' })).toBe('GauntletJudge-v1.0')
    expect([chosen(undefined), chosen({}), chosen({ name: null })]).toEqual(Array(3).fill('GauntletJudge-v1.0'))
    expect(judge(configOf({ m: {} }, { judge: { name: 'dredd-v1.0' } }), {}, { preset: 'netflix-v1.0' }).judgeName).toBe('NetflixACAJudge-v1.0')
  })

  it('must be known', () => {
    expect(() => chosen({ name: 'dredd-v1.0' })).toThrow('config.judge.name: expected NetflixACAJudge-v1.0 or GauntletJudge-v1.0, got "dredd-v1.0"')
  })
})

describe('bad input', () => {
  const canary = (fields: Canary) => ({ metrics: [{ name: 'm', analysisConfigurations: { canary: fields } }] })

  it.each([
    [null, 'config'],
    [[], 'config'],
    [{}, 'config.metrics'],
    [{ metrics: [] }, 'config.metrics'],
    [{ metrics: { name: 'm' } }, 'config.metrics'],
    [{ metrics: [{}] }, 'config.metrics[0].name'],
    [{ metrics: [7] }, 'config.metrics[0]'],
    [{ metrics: [{ name: 'm' }, { name: 'm' }] }, 'config.metrics[1].name'],
    [{ metrics: [{ name: 'm', groups: 'a' }] }, 'config.metrics[0].groups'],
    [{ metrics: [{ name: 'm', groups: [''] }] }, 'config.metrics[0].groups[0]'],
    [canary({ direction: 1 }), 'config.metrics[0].analysisConfigurations.canary.direction'],
    [canary({ critical: 'yes' }), 'config.metrics[0].analysisConfigurations.canary.critical'],
    [canary({ effectSize: { measure: 'ratio' } }), 'config.metrics[0].analysisConfigurations.canary.effectSize.measure'],
    [canary({ effectSize: { allowedIncrease: 'x' } }), 'config.metrics[0].analysisConfigurations.canary.effectSize.allowedIncrease'],
    [canary({ outliers: { outlierFactor: 0 } }), 'config.metrics[0].analysisConfigurations.canary.outliers.outlierFactor'],
    [{ ...canary({}), classifier: { groupWeights: { 'a b': null } } }, 'config.classifier.groupWeights["a b"]'],
    [{ ...canary({}), classifier: { scoreThresholds: { pass: 95 } } }, 'config.classifier.scoreThresholds.marginal'],
    [{ ...canary({}), classifier: { scoreThresholds: { pass: 95, marginal: 96 } } }, 'config.classifier.scoreThresholds.marginal']
  ])('of the config %j names %s', (config, argument) => {
    expect(() => parseCanaryConfig(config)).toThrow(expect.objectContaining({ name: 'EvaluatorError', argument }))
  })

  it.each([
    [null, 'metrics'],
    [5, 'metrics'],
    [{ m: null }, 'metrics.m'],
    [{ m: {} }, 'metrics.m'],
    [{ m: { control: 'x' } }, 'metrics.m.control'],
    [{ m: { control: [1, '2'] } }, 'metrics.m.control[1]'],
    [{ m: { control: [Infinity] } }, 'metrics.m.control[0]'],
    [{ m: { control: [1e151] } }, 'metrics.m.control[0]'],
    [[{ control: [] }], 'metrics[0].name'],
    [[{ name: 'm', control: [], tags: { zone: 3 } }], 'metrics[0].tags.zone'],
    [[{ name: 'm', control: [] }, { name: 'm', control: [] }], 'metrics[1]']
  ])('of the series %j names %s', (metrics, argument) => {
    expect(() => parseMetricSeries(metrics)).toThrow(expect.objectContaining({ name: 'EvaluatorError', argument }))
  })

  it('includes a series that no metric is named like, thresholds and a window that are none', () => {
    expect(() => judge(configOf({ m: {} }), { typo: { control: [], experiment: [] } })).toThrow('metrics "typo": expected a metric of the config: m')
    expect(() => judge(configOf({ m: {} }), {}, { thresholds: { pass: 50, marginal: 60 } })).toThrow(/^thresholds\.marginal: /)
    expect(() => judge(configOf({ m: {} }), {}, { points: 1.5 })).toThrow(/^points: /)
  })

  it('takes what Kayenta takes: numbers and flags as strings, typed arrays', () => {
    const config = canary({ critical: 'true', muted: 'False', effectSize: { allowedIncrease: '1.5' } })

    expect(parseCanaryConfig(config).metrics[0]).toMatchObject({ critical: true, muted: false, effectSize: { allowedIncrease: 1.5, allowedDecrease: null } })
    expect(parseMetricSeries({ m: { control: Float32Array.of(1, NaN) } })[0]).toMatchObject({ control: Float64Array.of(1, NaN), experiment: Float64Array.of(NaN, NaN) })
  })
})
