import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import { GatewayError } from '../errors.js'
import { readLines } from './read-lines.js'
import type { ReadRows, Row, TableOptions } from './row.js'

interface Parsed { readonly info: { readonly lines: number }, readonly record: Record<string, string> }

/**
 * CSV as in RFC 4180, or tab-separated text, in which a quotation mark is a character like any other. The first line
 * names the columns unless `header` does; empty lines are passed over; every value is a string.
 * @throws GatewayError BAD_REQUEST naming the line with too few or too many values, an open quotation mark …
 */
export function readDelimited (delimiter: ',' | '\t'): ReadRows {
  return async function * (path: string, options: TableOptions, onShare: (share: number) => void): AsyncGenerator<Row> {
    const { size } = await stat(path)
    const source = Readable.from(texts(path, options, (bytes) => { onShare(bytes / size) }))
    const parser = parse({
      delimiter,
      quote: delimiter === ',' ? '"' : null,
      record_delimiter: ['\r\n', '\n'],
      columns: options.header === undefined ? (names) => distinct(names, path) : [...distinct(options.header, path)],
      skip_empty_lines: true,
      info: true,
      max_record_size: options.lineBytesMax
    })
    source.on('error', (error) => { parser.destroy(error) })
    source.pipe(parser)
    try {
      for await (const { info, record } of parser as AsyncIterable<Parsed>) yield { number: info.lines, fields: record }
    } catch (error) {
      if (!(error instanceof CsvError)) throw error
      throw new GatewayError('BAD_REQUEST', `${path}: ${error.message}`, { cause: error })
    } finally {
      source.destroy()
    }
  }
}

/** The text in pieces of whole lines, each checked for its length and encoding. */
async function * texts (
  path: string, { lineBytesMax, signal }: TableOptions, onBytes: (bytes: number) => void
): AsyncGenerator<string> {
  for await (const lines of readLines(path, { lineBytesMax, signal, onBytes })) {
    if (lines.length > 0) yield lines.map(({ text }) => `${text}\n`).join('')
  }
}

function distinct (names: readonly string[], path: string): string[] {
  names.forEach((name, i) => {
    if (name === '') throw new GatewayError('BAD_REQUEST', `${path}: column ${i + 1} has no name (--header gives names)`)
    if (names.indexOf(name) !== i) throw new GatewayError('BAD_REQUEST', `${path}: two columns are called "${name}"`)
  })
  return [...names]
}
