import { describe, expect, it } from 'vitest'
import { numberOf, parseField, textOf, textsOf } from '../../../server/evaluation/fields.js'
import type { Row } from '../../../server/evaluation/row.js'
import type { Table } from '../../../server/evaluation/table.js'

const table: Table = { path: 'pairs.jsonl', unit: 'line', rows: async function * () {} }
const row = (fields: Record<string, unknown>): Row => ({ number: 7, fields })

describe('a field', () => {
  it.each<[string, unknown]>([
    ['plain', 1],
    ['outputs.small', 2],
    ['/outputs/small', 2],
    ['/a~1b/c~0d', 3],
    ['dotted.name', 4],
    ['list.1', 'y'],
    ['outputs.large', undefined],
    ['plain.deeper', undefined],
    ['constructor', undefined],
    ['outputs.__proto__', undefined]
  ])('%s is read', (name, expected) => {
    const fields = { plain: 1, outputs: { small: 2 }, 'a/b': { 'c~d': 3 }, 'dotted.name': 4, dotted: { name: 5 }, list: ['x', 'y'] }

    expect(parseField(name).read(fields)).toBe(expected)
  })

  it('needs a name', () => {
    expect(() => parseField('')).toThrow('a field needs a name')
  })
})

describe('the value of a field', () => {
  const field = parseField('x')

  it('is a text, or several', () => {
    expect(textOf(table, row({ x: '' }), field)).toBe('')
    expect(textsOf(table, row({ x: 'a' }), field)).toEqual(['a'])
    expect(textsOf(table, row({ x: ['a', 'b'] }), field)).toEqual(['a', 'b'])
  })

  it('is a number, also in words of CSV, or none', () => {
    const values = [1.5, '1.5', true, false, null, '', undefined].map((x) => numberOf(table, row({ x }), field))

    expect(values).toEqual([1.5, 1.5, 1, 0, null, null, null])
  })

  it.each<[string, (fields: Record<string, unknown>) => unknown, Record<string, unknown>, string]>([
    ['a missing text', (fields) => textOf(table, row(fields), field), {}, 'field "x" is missing'],
    ['a number for a text', (fields) => textOf(table, row(fields), field), { x: 1 }, 'field "x": expected a string, got a number'],
    ['null for a text', (fields) => textOf(table, row(fields), field), { x: null }, 'expected a string, got null'],
    ['no reference at all', (fields) => textsOf(table, row(fields), field), { x: [] }, 'a list of strings, got another list'],
    ['a reference that is no text', (fields) => textsOf(table, row(fields), field), { x: ['a', 1] }, 'got another list'],
    ['a word for a number', (fields) => numberOf(table, row(fields), field), { x: 'high' }, 'expected a number or null, got a string'],
    ['blanks for a number', (fields) => numberOf(table, row(fields), field), { x: ' ' }, 'expected a number or null, got a string']
  ])('is refused when it is %s, with file and line', (_what, read, fields, message) => {
    expect(() => read(fields)).toThrow(message)
    expect(() => read(fields)).toThrow('pairs.jsonl, line 7: ')
  })
})
