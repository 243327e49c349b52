import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, describe, expect, it } from 'vitest'
import { rouge } from '../../../evaluators/text/rouge.js'
import { METRICS } from '../../../server/evaluation/metric-catalogue.js'
import type { ScoreReport } from '../../../server/evaluation/score-file.js'
import { fileFolder, gauntlet, jsonLines } from '../../support/command.js'
import { FIXTURES } from '../../support/fixtures.js'
import { withFixtures } from '../../support/models-hosts.js'
import { childrenOf } from '../../support/processes.js'

const files = fileFolder()
afterAll(() => { files.remove() })

const ROWS = [
  { id: 1, reference: 'the cat sat on the mat', candidate: 'the cat sat on the mat' },
  { id: 2, reference: 'a dog barked at the moon', candidate: 'the dog barks' },
  { id: 3, reference: 'it rained all night', candidate: 'sun' }
]
const pairs = files.write('pairs.jsonl', jsonLines(ROWS))

async function report (...args: string[]): Promise<ScoreReport> {
  const { code, out, talk } = await gauntlet('score', ...args, '--json')
  expect({ code, talk }).toEqual({ code: 0, talk: '' })
  return JSON.parse(out) as ScoreReport
}

const meansOf = ({ metrics }: ScoreReport): Record<string, number | null> =>
  Object.fromEntries(metrics.map(({ name, mean }) => [name, mean]))

describe('gauntlet score', () => {
  it('gives the mean of every metric with its interval', async () => {
    const { rows, metrics } = await report(pairs)

    const wanted = ROWS.map(({ reference, candidate }) => rouge(reference, candidate, { stem: true }).rouge1.f1)
    const rouge1 = metrics.find(({ name }) => name === 'rouge1.f1')!
    expect(rows).toBe(3)
    expect(metrics.map(({ name }) => name)).toEqual(['rouge1', 'rouge2', 'rougeL'].flatMap((type) => ['precision', 'recall', 'f1'].map((part) => `${type}.${part}`)))
    expect(rouge1).toMatchObject({ n: 3, undefined: 0 })
    expect(rouge1.mean).toBeCloseTo(wanted.reduce((sum, value) => sum + value, 0) / 3, 12)
    expect(rouge1.lower!).toBeLessThan(rouge1.median!)
    expect(rouge1.median!).toBeLessThan(rouge1.upper!)
  })

  it('prints a table for people', async () => {
    const { code, out, talk } = await gauntlet('score', pairs, '--metrics', 'rouge1,bleu,repetition', '--confidence', '0.9')

    expect({ code, talk }).toEqual({ code: 0, talk: '' })
    expect(out).toMatch(/^metric +mean +90 % interval +rows\n/)
    expect(out).toMatch(/^rouge1\.f1 +0\.\d{4} +\[0\.\d{4}, \d\.\d{4}\] +3$/m)
    expect(out).toMatch(/^repetition .* 2, undefined for 1$/m)
    expect(out).toMatch(/^bleu of all +\d+\.\d{4} +3$/m)
    expect(out).toMatch(/^3 rows, 1000 resamples, seed 1$/m)
  })

  it('knows every metric of the texts themselves', async () => {
    const { metrics, corpus } = await report(pairs, '--metrics', METRICS.filter((name) => !['bertscore', 'cosine', 'coherence'].includes(name)).join(','))
    const of = (name: string): number | null => metrics.find((metric) => metric.name === name)!.mean

    expect(of('exact_match')).toBeCloseTo(1 / 3, 12)
    expect(of('length')).toBeCloseTo(10 / 3, 12)
    expect(of('distinct1')).toBeCloseTo((5 / 6 + 1 + 1) / 3, 12)
    expect(of('chrf')!).toBeGreaterThan(of('exact_match')!)
    expect(Object.keys(corpus)).toEqual(['bleu', 'chrf', 'chrfpp'])
    expect(corpus['bleu']).not.toBeCloseTo(of('bleu')!, 3)
  })

  it('lists in its help every metric that it knows', async () => {
    const { out } = await gauntlet('score', '--help')

    for (const name of METRICS.filter((name) => !/^(rouge|distinct)\d$/.test(name))) expect(out).toContain(name)
  })

  it('takes the best of several references, and the field that it is told', async () => {
    const path = files.write('many.jsonl', jsonLines([
      { gold: ['something else', 'the cat sat'], outputs: { small: 'the cat sat', 'x/y': 'no' } }
    ]))

    const best = await report(path, '--reference', 'gold', '--candidate', 'outputs.small')
    const other = await report(path, '--reference', 'gold', '--candidate', '/outputs/x~1y')

    expect(meansOf(best)['rouge1.f1']).toBe(1)
    expect(meansOf(other)['rouge1.f1']).toBe(0)
  })

  it('stems unless it is told not to', async () => {
    const path = files.write('stems.jsonl', jsonLines([{ reference: 'dogs running', candidate: 'dog runs' }]))

    expect(meansOf(await report(path))['rouge1.f1']).toBe(1)
    expect(meansOf(await report(path, '--no-stem'))['rouge1.f1']).toBe(0)
  })

  it('needs no reference for metrics of the text alone', async () => {
    const path = files.write('alone.jsonl', jsonLines([{ candidate: 'one two' }, { candidate: '' }]))

    const { metrics } = await report(path, '--metrics', 'length,distinct2')

    expect(metrics).toMatchObject([{ name: 'length', mean: 1, n: 2 }, { name: 'distinct2', mean: 1, n: 1, undefined: 1 }])
  })

  it('says the same of the same rows in every format', async () => {
    const columns = ['reference', 'candidate'] as const
    const csv = files.write('pairs.csv', [columns.join(','), ...ROWS.map((row) => columns.map((name) => `"${row[name]}"`).join(','))].join('\r\n'))
    const tsv = files.write('pairs.tsv', ROWS.map((row) => columns.map((name) => row[name]).join('\t')).join('\n'))
    const parquet = files.write('pairs.parquet', new Uint8Array(parquetWriteBuffer({
      columnData: columns.map((name) => ({ name, data: ROWS.map((row) => row[name]), type: 'STRING' as const })), rowGroupSize: 2
    })))

    const wanted = (await report(pairs)).metrics

    expect((await report(csv)).metrics).toEqual(wanted)
    expect((await report(tsv, '--header', 'reference,candidate')).metrics).toEqual(wanted)
    expect((await report(parquet)).metrics).toEqual(wanted)
  })

  it('draws by its seed alone, whatever other metrics are asked for', async () => {
    const path = files.write('seeded.jsonl', jsonLines(Array.from({ length: 12 }, (_, i) => ({ reference: 'a b c d e f g h i j k l', candidate: 'a b c d e f g h i j k l'.slice(0, 2 * i + 1) }))))
    const one = await report(path, '--metrics', 'rouge1', '--seed', '5')
    const same = await report(path, '--metrics', 'repetition,bleu,rouge1', '--seed', '5')
    const other = await report(path, '--metrics', 'rouge1', '--seed', '6')

    expect(same.metrics.filter(({ name }) => name.startsWith('rouge1'))).toEqual(one.metrics)
    expect(other.metrics).not.toEqual(one.metrics)
  })

  it('takes only the first rows', async () => {
    const { rows, metrics } = await report(pairs, '--limit', '1')

    expect(rows).toBe(1)
    expect(metrics.every(({ mean }) => mean === 1)).toBe(true)
  })
})

describe('gauntlet score by row', () => {
  it('prints a line per row with --rows, the means going to stderr', async () => {
    const { out, talk } = await gauntlet('score', pairs, '--metrics', 'rouge1,length', '--rows')
    const rows = out.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)

    expect(rows).toHaveLength(3)
    expect(rows[0]).toEqual({ line: 1, rouge1: { precision: 1, recall: 1, f1: 1 }, length: 6 })
    expect(rows[2]).toEqual({ line: 3, rouge1: { precision: 0, recall: 0, f1: 0 }, length: 1 })
    expect(talk).toMatch(/^rouge1\.f1/m)
  })

  it('puts the rows beside the means with --json', async () => {
    const { scores } = await report(pairs, '--metrics', 'repetition', '--rows')

    expect(scores).toEqual([{ line: 1, repetition: 0 }, { line: 2, repetition: 0 }, { line: 3, repetition: null }])
  })

  it('writes them to a file that is whole', async () => {
    const many = files.write('many-rows.jsonl', jsonLines(Array.from({ length: 3_000 }, () => ROWS[1]!)))
    const path = join(files.path, 'scores.jsonl')

    const { code, out } = await gauntlet('score', many, '--metrics', 'rouge1', '--out', path, '--resamples', '10')
    const rows = readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { line: number })

    expect(code).toBe(0)
    expect(out).toContain('3000 rows')
    expect(rows.map(({ line }) => line)).toEqual(Array.from({ length: 3_000 }, (_, i) => i + 1))
  })
})

describe('gauntlet score refuses', () => {
  const bad = files.write('bad.jsonl', `${jsonLines([ROWS[0]!, ROWS[1]!])}{"reference":"x"}\n`)
  const broken = files.write('broken.jsonl', `${jsonLines([ROWS[0]!])}{"reference":\n`)
  const bytes = files.write('bytes.jsonl', Buffer.concat([Buffer.from(jsonLines([ROWS[0]!])), Buffer.of(0x22, 0xff, 0x22, 0x0a)]))
  const empty = files.write('empty.jsonl', '\n')

  it.each<[string, number, string[], RegExp]>([
    ['a row without the field', 4, [bad], /bad\.jsonl, line 3: field "candidate" is missing/],
    ['a row that is no JSON', 4, [broken], /broken\.jsonl, line 2: is not JSON/],
    ['a row that is no UTF-8', 4, [bytes], /bytes\.jsonl, line 2: is not valid UTF-8/],
    ['a field that is no text', 4, [pairs, '--candidate', 'id'], /pairs\.jsonl, line 1: field "id": expected a string, got a number/],
    ['a line that is too long', 4, [pairs, '--line-bytes-max', '20'], /pairs\.jsonl, line 1: is longer than 20 bytes/],
    ['a file without rows', 4, [empty], /empty\.jsonl: has no rows/],
    ['an unknown metric', 4, [pairs, '--metrics', 'rouge1,blue'], /unknown metric "blue", expected some of rouge1.*coherence/],
    ['a metric named twice', 4, [pairs, '--metrics', 'bleu,bleu'], /"bleu" is named twice/],
    ['a metric that lacks its encoder', 4, [pairs, '--metrics', 'rouge1,bertscore'], /bertscore: needs a model.*--encoder/],
    ['--idf without BERTScore', 4, [pairs, '--idf'], /--idf is for bertscore/],
    ['a folder to write into', 4, [pairs, '--out', files.path], /--out .*cannot be written/],
    ['an encoder that was never published', 3, ['--data-dir', join(files.path, 'data'), pairs, '--metrics', 'bertscore', '--encoder', 'none:1'], /none/],
    ['a file that is not there', 3, [join(files.path, 'none.jsonl')], /none\.jsonl: no such file/],
    ['a number that is none', 2, [pairs, '--resamples', 'many'], /expected a whole number from 1/],
    ['no file', 2, [], /missing required argument/]
  ])('%s, printing no result', async (_what, code, args, message) => {
    const outcome = await gauntlet('score', ...args)

    expect(outcome).toMatchObject({ code, out: '' })
    expect(outcome.talk).toMatch(message)
    expect(outcome.talk).not.toMatch(/\n\s+at /)
  })

  it('leaves no rows behind when a later row is bad', async () => {
    const path = join(files.path, 'none-scores.jsonl')

    const { code, out } = await gauntlet('score', bad, '--rows', '--out', path)

    expect({ code, out }).toEqual({ code: 4, out: '' })
    expect(existsSync(path)).toBe(false)
    expect(readdirSync(files.path).filter((name) => name.endsWith('.part'))).toEqual([])
  })
})

describe('gauntlet score with an encoder', () => {
  it.skipIf(FIXTURES === null)(withFixtures('runs a published model for BERTScore, and ends its host'), async () => {
    const dataDir = join(files.path, 'models')
    await gauntlet('--data-dir', dataDir, 'publish', join(FIXTURES!, 'models', 'trained-sts-encoder'), '--name', 'sts', '--version', '1.0.0', '--task', 'feature-extraction')

    const scored = await report(pairs, '--data-dir', dataDir, '--metrics', 'bertscore,cosine,coherence', '--encoder', 'sts:1.0.0', '--rows')

    expect(scored.scores![0]).toMatchObject({ line: 1, bertscore: { precision: expect.closeTo(1, 6), recall: expect.closeTo(1, 6), f1: expect.closeTo(1, 6) }, cosine: expect.closeTo(1, 6), coherence: null })
    expect(meansOf(scored)['bertscore.f1']!).toBeLessThan(0.95)
    expect(childrenOf(process.pid, 'gauntlet')).toEqual([])
  }, 120_000)
})
