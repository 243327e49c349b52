import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, describe, expect, it } from 'vitest'
import { seededRandom } from '../../../evaluators/statistics/random.js'
import type { DriftReport } from '../../../server/evaluation/drift-files.js'
import { fileFolder, gauntlet, jsonLines } from '../../support/command.js'

const files = fileFolder()
afterAll(() => { files.remove() })

interface Person { readonly age: number, readonly plan: string, readonly zip: string }

/** People, older by `years` than usual. */
function people (seed: number, years = 0, n = 600): Person[] {
  const random = seededRandom(seed)
  return Array.from({ length: n }, () => ({
    age: 40 + years + 10 * random.normal(), plan: ['free', 'team', 'pro'][random.below(3)]!, zip: String(10_000 + random.below(4))
  }))
}

const csv = (rows: readonly Person[], separator = ','): string =>
  ['age', 'plan', 'zip'].join(separator) + '\n' + rows.map(({ age, plan, zip }) => [age, plan, zip].join(separator)).join('\n') + '\n'

const usual = files.write('usual.csv', csv(people(1)))
const today = files.write('today.csv', csv(people(2)))
const older = files.write('older.csv', csv(people(3, 20)))
const little = files.write('little.csv', csv(people(4, 0, 50)))

async function report (code: number, ...args: string[]): Promise<DriftReport> {
  const outcome = await gauntlet('drift', ...args, '--json')
  expect(outcome.code, outcome.talk).toBe(code)
  return JSON.parse(outcome.out) as DriftReport
}

const statuses = ({ rows }: DriftReport): Record<string, string> => Object.fromEntries(rows.map(({ column, status }) => [column, status]))

describe('gauntlet drift', () => {
  it('is stable between two samples of the same', async () => {
    const result = await report(0, usual, today)

    expect(statuses(result)).toEqual({ age: 'stable', plan: 'stable', zip: 'stable' })
    expect(result).toMatchObject({ status: 'stable', reference: { file: usual, rows: 600 }, current: { file: today, rows: 600 } })
    expect(result.rows[0]).toMatchObject({ kind: 'numeric', effect: { name: 'wasserstein1/sd' } })
  })

  it('names the column that drifted, and refuses with exit code 6', async () => {
    const result = await report(6, usual, older)

    expect(statuses(result)).toEqual({ age: 'severe', plan: 'stable', zip: 'stable' })
  })

  it.each<[string, string, number]>([
    ['severe', 'never', 0], ['severe', 'warning', 6], ['stable', 'warning', 0], ['insufficient', 'severe', 6], ['insufficient', 'never', 0]
  ])('on a %s result with --fail-on %s exits with %i', async (status, failOn, code) => {
    const current = { severe: older, stable: today, insufficient: little }[status]!

    expect((await report(code, usual, current, '--fail-on', failOn)).status).toBe(status)
  })

  it('prints a table for people', async () => {
    const { out, talk } = await gauntlet('drift', usual, older)

    expect(out).toMatch(/^column +measure +kind +n +distance +value +warn \/ severe +p +adjusted +PSI +status$/m)
    expect(out).toMatch(/^age +values +numeric +600 \/ 600 +wasserstein1\/sd .* severe$/m)
    expect(out).toMatch(/^status +severe: /m)
    expect(talk).toMatch(/^gauntlet: drift: severe: /)
  })

  it('says the same of every format', async () => {
    const [reference, current] = [people(1), people(3, 20)]
    const parquet = files.write('older.parquet', new Uint8Array(parquetWriteBuffer({
      columnData: [
        { name: 'age', data: current.map(({ age }) => age), type: 'DOUBLE' },
        { name: 'plan', data: current.map(({ plan }) => plan), type: 'STRING' },
        { name: 'zip', data: current.map(({ zip }) => BigInt(zip)), type: 'INT64' }
      ]
    })))
    const lines = files.write('usual.jsonl', jsonLines(reference.map((row) => ({ ...row, zip: Number(row.zip) }))))
    const tsv = files.write('older.tsv', csv(current, '\t').split('\n').slice(1).join('\n'))

    const wanted = (await report(6, usual, older)).rows

    expect((await report(6, lines, parquet)).rows).toEqual(wanted)
    expect((await report(6, usual, tsv, '--current-header', 'age,plan,zip')).rows).toEqual(wanted)
  })

  it('compares with a sketch of the reference as with the reference', async () => {
    const sketch = join(files.path, 'usual.json')
    const first = await report(0, usual, today, '--sketch', sketch)
    const later = await report(6, sketch, older)

    expect(statuses(later)).toEqual({ age: 'severe', plan: 'stable', zip: 'stable' })
    expect(statuses(await report(0, sketch, today))).toEqual(statuses(first))
    expect(JSON.parse(readFileSync(sketch, 'utf8'))).toMatchObject({ version: 1, rows: 600 })
  })

  it('takes the columns, names and kinds that it is told', async () => {
    const renamed = files.write('renamed.csv', csv(people(2)).replace('age,', 'years,'))

    const result = await report(0, usual, renamed, '--columns', 'age=years,zip', '--types', 'zip=categorical')

    expect(result.rows.map(({ column, kind }) => [column, kind])).toEqual([['age', 'numeric'], ['zip', 'categorical']])
  })

  it('leaves columns of objects out and says so; their fields can be named', async () => {
    const nested = (seed: number): string => files.write(`nested${seed}.jsonl`, jsonLines(people(seed).map((person) => ({ person, age: person.age }))))
    const [reference, current] = [nested(1), nested(2)]

    const all = await report(0, reference, current)
    const one = await report(0, reference, current, '--columns', 'person.plan')

    expect(all.notes[0]).toMatch(/^person holds objects and was left out/)
    expect(one.rows.map(({ column }) => column)).toEqual(['person.plan'])
  })

  it('counts empty cells as missing', async () => {
    const gaps = files.write('gaps.csv', csv(people(2).map((person, i) => ({ ...person, plan: i % 2 === 0 ? '' : person.plan }))))

    const { rows } = await report(6, usual, gaps)

    expect(rows.find(({ column, measure }) => column === 'plan' && measure === 'missing')).toMatchObject({ status: 'severe' })
  })

  it('gives the same figures for the same seed', async () => {
    expect((await report(0, usual, today, '--seed', '3')).rows).toEqual((await report(0, usual, today, '--seed', '3')).rows)
  })

  const junk = files.write('junk.json', '{"version":2}')
  const words = files.write('words.csv', csv(people(2)).replace(/\n[\d.]+,/, '\nold,'))

  it.each<[string, number, string[], RegExp]>([
    ['a column that the current file lacks', 4, [usual, files.write('fewer.csv', 'age,plan\n1,free\n')], /fewer\.csv: no row has a field "zip"/],
    ['a word in a column of numbers', 4, [usual, words], /words\.csv, value 1 of "age": expected a number, got "old"/],
    ['a kind of a column that is not there', 4, [usual, today, '--types', 'size=numeric'], /there is no column "size"/],
    ['what is no sketch', 4, [junk, today], /junk\.json: expected a sketch/],
    ['a sketch of a sketch', 4, [junk, today, '--sketch', 'x.json'], /a sketch already/],
    ['a file that is not there', 3, [usual, 'none.csv'], /none\.csv: no such file/],
    ['an unknown kind', 2, [usual, today, '--types', 'age=number'], /kind being numeric/],
    ['an unknown status', 2, [usual, today, '--fail-on', 'stable'], /warning, severe, never/]
  ])('refuses %s', async (_what, code, args, message) => {
    const outcome = await gauntlet('drift', ...args)

    expect(outcome).toMatchObject({ code, out: '' })
    expect(outcome.talk).toMatch(message)
  })
})
