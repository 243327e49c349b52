import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, type AsyncBuffer, type FileMetaData } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { GatewayError } from '../errors.js'
import { unreadable } from './read-lines.js'
import type { Row, TableOptions } from './row.js'

const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * The rows of a Parquet file, a row group at a time. Whole numbers beyond 2^53 become strings, dates ISO 8601 text.
 * @throws GatewayError BAD_REQUEST when it is no Parquet file, is damaged, or holds text that is not UTF-8
 */
export async function * readParquet (
  path: string, { signal }: TableOptions, onShare: (share: number) => void
): AsyncGenerator<Row> {
  const { file, metadata } = await open(path)
  const total = Number(metadata.num_rows)
  let rowStart = 0
  for (const group of metadata.row_groups) {
    signal.throwIfAborted()
    const rowEnd = rowStart + Number(group.num_rows)
    for (const [i, fields] of (await read(path, file, metadata, { rowStart, rowEnd })).entries()) {
      yield { number: rowStart + i + 1, fields: plain(fields) as Record<string, unknown> }
    }
    rowStart = rowEnd
    onShare(rowEnd / total)
  }
}

async function open (path: string): Promise<{ file: AsyncBuffer, metadata: FileMetaData }> {
  const file = await asyncBufferFromFile(path).catch((error: unknown) => { throw unreadable(path, error) })
  try {
    return { file, metadata: await parquetMetadataAsync(file) }
  } catch (error) {
    throw new GatewayError('BAD_REQUEST', `${path}: is not a Parquet file: ${(error as Error).message}`, { cause: error })
  }
}

async function read (
  path: string, file: AsyncBuffer, metadata: FileMetaData, range: { rowStart: number, rowEnd: number }
): Promise<Record<string, unknown>[]> {
  const parsers = { stringFromBytes: (bytes: Uint8Array | undefined) => bytes && decoder.decode(bytes) }
  try {
    return await parquetReadObjects({ file, metadata, compressors, parsers, ...range })
  } catch (error) {
    const place = `${path}, rows ${range.rowStart + 1} to ${range.rowEnd}`
    const reason = error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
      ? 'text that is not valid UTF-8'
      : (error as Error).message
    throw new GatewayError('BAD_REQUEST', `${place}: ${reason}`, { cause: error })
  }
}

/** As JSON would hold it. */
function plain (value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(plain)
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]))
}
