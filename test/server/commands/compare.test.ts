import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { CompareReport } from '../../../server/evaluation/compare-file.js'
import { fileFolder, gauntlet, jsonLines } from '../../support/command.js'
import { FIXTURES } from '../../support/fixtures.js'
import { withFixtures } from '../../support/models-hosts.js'

const files = fileFolder()
afterAll(() => { files.remove() })

const WORDS = 'one two three four five six seven eight nine ten'.split(' ')
/** B keeps all words, A only the first half; people like B in every other row, and have not seen every third. */
const rows = files.write('rows.jsonl', jsonLines(Array.from({ length: 300 }, (_, i) => ({
  reference: WORDS.join(' '),
  out: { a: WORDS.slice(0, 5 + i % 2).join(' '), b: WORDS.slice(0, 8 + i % 3).join(' ') },
  liked: { a: i % 3 === 0 ? null : 0, b: i % 3 === 0 ? null : i % 2 }
}))))
const SIDES = [rows, '--a', 'out.a', '--b', 'out.b']

async function report (...args: string[]): Promise<CompareReport> {
  const { code, out, talk } = await gauntlet('compare', ...args, '--json')
  expect({ code, talk }).toEqual({ code: 0, talk: '' })
  return JSON.parse(out) as CompareReport
}

describe('gauntlet compare', () => {
  it('concludes by every metric, and by all of them', async () => {
    const { metrics, overall } = await report(...SIDES)

    expect(metrics.map(({ metric, conclusion, n }) => [metric, conclusion, n])).toEqual([
      ['rouge1', 'b is better', 300], ['rouge2', 'b is better', 300], ['rougeL', 'b is better', 300]
    ])
    expect(metrics[0]!.difference).toBeCloseTo(metrics[0]!.meanB - metrics[0]!.meanA, 12)
    expect(metrics[0]!.interval!.lower).toBeLessThan(metrics[0]!.fixed!.pairedT.lower)
    expect(overall).toEqual({ conclusion: 'b is better', reason: 'b is better by rouge1, rouge2, rougeL' })
  })

  it('turns round with its sides', async () => {
    const { overall } = await report(rows, '--a', 'out.b', '--b', 'out.a')

    expect(overall.conclusion).toBe('b is worse')
  })

  it('finds a text no better than itself, and within any margin that so many rows can show', async () => {
    const same = await report(rows, '--a', 'out.a', '--b', 'out.a', '--metrics', 'rouge1')
    const within = await report(rows, '--a', 'out.a', '--b', 'out.a', '--metrics', 'rouge1', '--margin', '0.2')

    expect(same.overall.conclusion).toBe('undecided')
    expect(within.metrics[0]).toMatchObject({ conclusion: 'no worse than the margin', isWithinMargin: true, margin: 0.2 })
  })

  it('takes a margin for each metric', async () => {
    const { metrics } = await report(...SIDES, '--metrics', 'rouge1,bleu', '--margin', 'bleu=2')

    expect(metrics.map(({ margin }) => margin)).toEqual([null, 2])
  })

  it('sets people\'s numbers beside the metrics', async () => {
    const { against } = await report(...SIDES, '--metrics', 'rouge1', '--against', 'liked.a,liked.b', '--against-range', '0,1')

    expect(against!.comparison).toMatchObject({ metric: 'liked.a vs liked.b', n: 200, unused: 100, meanB: 0.5, conclusion: 'b is better' })
    expect(against!.agreement).toEqual([{ metric: 'rouge1', verdict: 'agrees', told: 100, same: 100 }])
  })

  it('tells which text is longer without calling that better', async () => {
    const { metrics, overall } = await report(...SIDES, '--metrics', 'length')

    expect(metrics[0]).toMatchObject({ conclusion: 'b is higher' })
    expect(overall.conclusion).toBe('undecided')
  })

  it('prints a table for people', async () => {
    const { out } = await gauntlet('compare', ...SIDES, '--metrics', 'rouge1', '--against', 'liked.a,liked.b')

    expect(out).toContain('300 rows: A is out.a, B is out.b')
    expect(out).toMatch(/^metric +mean A +mean B +b - a +95 %, any look +95 %, paired t +conclusion$/m)
    expect(out).toMatch(/^rouge1 +0\.\d{4} +0\.\d{4} +\+0\.\d{4} +\[\+0\.\d{4}, \+0\.\d{4}\] +\[\+.*\] +b is better$/m)
    expect(out).toMatch(/^overall b is better: b is better by rouge1$/m)
  })

  it.each<[string, number, string[], RegExp]>([
    ['a missing side', 2, [rows, '--a', 'out.a'], /--b <field>/],
    ['a side that no row has', 4, [rows, '--a', 'out.a', '--b', 'out.c'], /rows\.jsonl, line 1: field "out\.c" is missing/],
    ['a margin of a metric that is not compared', 4, [...SIDES, '--margin', 'bleu=1'], /"bleu" is not compared/],
    ['a number of people outside its range', 4, [...SIDES, '--against', 'liked.a,liked.b', '--against-range', '0,0.5'], /line 2: field "liked\.b" is 1, outside/],
    ['numbers of people that no row has', 4, [...SIDES, '--against', 'liked.x,liked.y'], /no row has liked\.x vs liked\.y/],
    ['people\'s words for numbers', 4, [...SIDES, '--against', 'out.a,out.b'], /line 1: field "out\.a": expected a number or null/],
    ['a range that is none', 2, [...SIDES, '--against-range', '1,0'], /the least and the greatest/],
    ['one field of people', 2, [...SIDES, '--against', 'liked.a'], /two names/]
  ])('refuses %s', async (_what, code, args, message) => {
    const outcome = await gauntlet('compare', ...args)

    expect(outcome).toMatchObject({ code, out: '' })
    expect(outcome.talk).toMatch(message)
  })
})

describe('gauntlet compare on published summaries', () => {
  it.skipIf(FIXTURES === null)(withFixtures('sides with the ROUGE that their authors published'), async () => {
    const path = join(FIXTURES!, 'data', 'xsum-systems', 'summaries.jsonl')
    const published = ['--against', 'published.BERTS2S.R1,published.TConvS2S.R1', '--against-range', '0,1']

    const { metrics, against, rows, overall } = await report(path, '--a', 'outputs.BERTS2S', '--b', 'outputs.TConvS2S', '--metrics', 'rouge1', ...published)

    expect(rows).toBe(351)
    expect(metrics[0]!.difference).toBeCloseTo(against!.comparison.difference, 2)
    expect(against!.agreement[0]).toMatchObject({ verdict: 'agrees' })
    expect(overall.conclusion).toBe('b is worse')
  })
})
