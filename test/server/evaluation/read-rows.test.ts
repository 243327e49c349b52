import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, describe, expect, it } from 'vitest'
import { LINE_BYTES_MAX } from '../../../server/evaluation/formats.js'
import type { Row, TableOptions } from '../../../server/evaluation/row.js'
import { openTable, placeOf } from '../../../server/evaluation/table.js'

const folder = mkdtempSync(join(tmpdir(), 'gauntlet-tables-'))
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

let files = 0

function write (extension: string, content: string | Uint8Array): string {
  const path = join(folder, `${++files}${extension}`)
  writeFileSync(path, content)
  return path
}

async function all (rows: AsyncIterable<Row>): Promise<Row[]> {
  const read: Row[] = []
  for await (const row of rows) read.push(row)
  return read
}

async function rowsOf (path: string, options: Partial<TableOptions> = {}): Promise<Row[]> {
  const table = await openTable(path, { lineBytesMax: LINE_BYTES_MAX, signal: new AbortController().signal, ...options })
  return await all(table.rows())
}

const fieldsOf = async (path: string, options: Partial<TableOptions> = {}): Promise<unknown[]> =>
  (await rowsOf(path, options)).map(({ fields }) => ({ ...fields }))

describe('a table of JSON lines', () => {
  it('gives every object with the number of its line, blank lines passed over', async () => {
    const rows = await rowsOf(write('.jsonl', '\uFEFF{"a":1}\r\n\n  \n{"a":"é"}'))

    expect(rows).toEqual([{ number: 1, fields: { a: 1 } }, { number: 4, fields: { a: 'é' } }])
  })

  it('reads back any text that JSON can hold, however the file is cut into chunks', async () => {
    const texts = fc.array(fc.string({ unit: 'binary', maxLength: 40 }), { minLength: 1, maxLength: 20 })
    await fc.assert(fc.asyncProperty(texts, async (written) => {
      const path = write('.jsonl', written.map((text) => JSON.stringify({ text })).join('\n'))
      expect(await fieldsOf(path)).toEqual(written.map((text) => ({ text })))
    }), { numRuns: 15 })
    const long = Array.from({ length: 400 }, (_, i) => ({ text: `${'é'.repeat(1_000 + i)}${i}` }))
    expect(await fieldsOf(write('.ndjson', long.map((row) => JSON.stringify(row)).join('\n')))).toEqual(long)
  })

  it('tells which share of the file has been read', async () => {
    const shares: number[] = []
    const path = write('.jsonl', Array.from({ length: 100 }, (_, i) => JSON.stringify({ text: 'x'.repeat(9_000), i })).join('\n'))
    const table = await openTable(path, { lineBytesMax: LINE_BYTES_MAX, signal: new AbortController().signal })

    await all(table.rows((share) => { shares.push(share) }))

    expect(shares.length).toBeGreaterThan(2)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(shares.at(-1)).toBe(1)
  })

  it.each<[string, string | Uint8Array, string]>([
    ['a line that is not JSON', '{"a":1}\n{"a":\n', ', line 2: is not JSON'],
    ['a line that is no object', '{"a":1}\n\n[1]\n', ', line 3: expected a JSON object'],
    ['bytes that are not UTF-8', Buffer.concat([Buffer.from('{"a":1}\n{"a":"'), Buffer.of(0xff), Buffer.from('"}\n')]), ', line 2: is not valid UTF-8'],
    ['a character that is cut off at the end', Buffer.concat([Buffer.from('{"a":1}\n{"a":"'), Buffer.of(0xc3)]), ', line 2: is not valid UTF-8'],
    ['too long a line', `{"a":1}\n{"a":"${'x'.repeat(200)}"}\n`, ', line 2: is longer than 100 bytes (--line-bytes-max)'],
    ['too long a line without an end', `{"a":1}\n{"a":"${'x'.repeat(200)}"}`, ', line 2: is longer than 100 bytes (--line-bytes-max)']
  ])('refuses %s, naming file and line', async (_what, content, message) => {
    const path = write('.jsonl', content)

    await expect(rowsOf(path, { lineBytesMax: 100 })).rejects.toThrow(`${path}${message}`)
  })

  it('does not hold more than a line that is too long', async () => {
    const path = write('.jsonl', 'x'.repeat(8_000_000))

    await expect(rowsOf(path, { lineBytesMax: 1_000 })).rejects.toThrow('line 1: is longer than 1000 bytes')
  })

  it('stops when the signal aborts', async () => {
    const controller = new AbortController()
    controller.abort()

    await expect(rowsOf(write('.jsonl', '{}\n'), { signal: controller.signal })).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }))
  })
})

describe('a table of values with commas or tabs between them', () => {
  it('takes names from the first line, and quoted values over several lines', async () => {
    const rows = await rowsOf(write('.csv', '\uFEFFid,text\r\n1,"say ""hi"", then\ngo"\r\n\r\n2,\r\n'))

    expect(rows.map(({ number, fields }) => ({ number, ...fields }))).toEqual([
      { number: 3, id: '1', text: 'say "hi", then\ngo' }, { number: 5, id: '2', text: '' }
    ])
  })

  it('takes quotation marks in tab-separated text for what they are', async () => {
    const rows = await fieldsOf(write('.tsv', 'ham\t"Go until\nspam\tFree "entry"\r\n'), { header: ['label', 'text'] })

    expect(rows).toEqual([{ label: 'ham', text: '"Go until' }, { label: 'spam', text: 'Free "entry"' }])
  })

  it.each<[string, string, string | Uint8Array, RegExp]>([
    ['a row with too few values', '.csv', 'a,b\n1,2\n3\n', /columns length is 2, got 1 on line 3/],
    ['a quotation mark that is never closed', '.csv', 'a,b\n1,"2\n3,4\n', /opening quote at line/],
    ['two columns of one name', '.csv', 'a,b,a\n1,2,3\n', /two columns are called "a"/],
    ['a column without a name', '.tsv', 'a\t\n1\t2\n', /column 2 has no name/],
    ['bytes that are not UTF-8', '.tsv', Buffer.of(0x61, 0x0a, 0x62, 0x0a, 0xe9, 0x0a), /line 3: is not valid UTF-8/],
    ['a record that is too long', '.csv', `a\n"${'xxxxxxxx\n'.repeat(40)}"\n`, /exceed the maximum/]
  ])('refuses %s', async (_what, extension, content, message) => {
    const path = write(extension, content)

    await expect(rowsOf(path, { lineBytesMax: 100 })).rejects.toThrow(message)
    await expect(rowsOf(path, { lineBytesMax: 100 })).rejects.toThrow(path)
  })

  it('can be left before its end', async () => {
    const path = write('.csv', `a\n${'1\n'.repeat(50_000)}`)
    const table = await openTable(path, { lineBytesMax: LINE_BYTES_MAX, signal: new AbortController().signal })

    const rows = table.rows()[Symbol.asyncIterator]()
    const first = await rows.next()
    const left = await rows.return?.()

    expect(first.value).toEqual({ number: 2, fields: { a: '1' } })
    expect(left).toEqual({ value: undefined, done: true })
  })
})

describe('a table in Parquet', () => {
  const parquet = (rowGroupSize: number): Uint8Array => new Uint8Array(parquetWriteBuffer({
    columnData: [
      { name: 'text', data: ['a', null, 'ü'], type: 'STRING' },
      { name: 'count', data: [1n, 2n, 9_007_199_254_740_993n], type: 'INT64' },
      { name: 'score', data: [0.5, null, 1.5], type: 'DOUBLE' },
      { name: 'at', data: [new Date(0), new Date(1), new Date(2)], type: 'TIMESTAMP' },
      { name: 'nested', data: [{ a: 'x' }, { a: 'y' }, { a: 'z' }], type: 'JSON' }
    ],
    rowGroupSize
  }))

  it.each([1, 2, 3])('gives every row with its number as JSON would hold it, in groups of %i', async (rowGroupSize) => {
    const rows = await rowsOf(write('.parquet', parquet(rowGroupSize)))

    expect(rows).toEqual([
      { number: 1, fields: { text: 'a', count: 1, score: 0.5, at: '1970-01-01T00:00:00.000Z', nested: { a: 'x' } } },
      { number: 2, fields: { text: null, count: 2, score: null, at: '1970-01-01T00:00:00.001Z', nested: { a: 'y' } } },
      { number: 3, fields: { text: 'ü', count: '9007199254740993', score: 1.5, at: '1970-01-01T00:00:00.002Z', nested: { a: 'z' } } }
    ])
  })

  it('refuses what is no Parquet file, what is cut short, and text that is not UTF-8', async () => {
    const whole = parquet(3)
    const bad = new Uint8Array(parquetWriteBuffer({
      columnData: [{ name: 'text', data: ['abcd'], type: 'STRING' }], codec: 'UNCOMPRESSED', statistics: false
    }))
    const at = Buffer.from(bad).indexOf('abcd')
    bad[at] = 0xff

    await expect(rowsOf(write('.parquet', 'no'))).rejects.toThrow(/is not a Parquet file/)
    await expect(rowsOf(write('.parquet', whole.subarray(0, 100)))).rejects.toThrow(/is not a Parquet file/)
    await expect(rowsOf(write('.parquet', bad))).rejects.toThrow(/rows 1 to 1: text that is not valid UTF-8/)
  })
})

describe('opening a table', () => {
  it('says that there is none, that it is a folder, or that its format cannot be told', async () => {
    const inside = join(folder, 'inside.csv')
    mkdirSync(inside)

    await expect(rowsOf(join(folder, 'none.csv'))).rejects.toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
    await expect(rowsOf(inside)).rejects.toThrow('is a folder')
    await expect(rowsOf(write('.txt', 'a\n'))).rejects.toThrow('.jsonl, .csv, .tsv or .parquet')
    await expect(rowsOf(write('.jsonl', '{}'), { header: ['a'] })).rejects.toThrow('--header is for CSV and TSV')
  })

  it('takes the format that it is told, and names places in its unit', async () => {
    const path = write('.txt', 'a\n1\n')
    const table = await openTable(path, { lineBytesMax: 100, signal: new AbortController().signal, format: 'csv' })
    const [row] = await all(table.rows())

    expect(placeOf(table, row!)).toBe(`${path}, line 2`)
  })
})
