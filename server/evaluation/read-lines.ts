import { createReadStream } from 'node:fs'
import { TextDecoder } from 'node:util'
import { GatewayError } from '../errors.js'

/** One line of a text file, without its line feed; numbers start at 1. */
export interface Line { readonly number: number, readonly text: string }

export interface LineOptions {
  /** A longer line is refused, so that a file without line feeds cannot fill the memory. */
  readonly lineBytesMax: number
  readonly signal: AbortSignal
  /** Told how many bytes of the file have been read so far. */
  readonly onBytes?: (bytes: number) => void
}

const CHUNK_BYTES = 262_144
const LINE_FEED = 0x0a
const BYTE_ORDER_MARK = '\uFEFF'

/**
 * The lines of a UTF-8 file, as many at a time as a chunk of the file holds; a byte order mark is left out.
 * @throws GatewayError NOT_FOUND, or BAD_REQUEST naming the line that is too long or not UTF-8
 */
export async function * readLines (path: string, options: LineOptions): AsyncGenerator<Line[]> {
  const { lineBytesMax, signal, onBytes } = options
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let pending: Buffer[] = []
  let pendingBytes = 0
  let number = 0
  let bytes = 0
  const take = (piece: Buffer): Line => {
    number++
    const line = pendingBytes === 0 ? piece : Buffer.concat([...pending, piece])
    pending = []
    pendingBytes = 0
    if (line.length > lineBytesMax) throw tooLong(path, number, lineBytesMax)
    const text = decode(decoder, line, path, number)
    return { number, text: number === 1 && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text }
  }
  for await (const chunk of chunks(path, signal)) {
    const lines: Line[] = []
    let from = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, from)) {
      lines.push(take(chunk.subarray(from, end)))
      from = end + 1
    }
    if (from < chunk.length) pending.push(chunk.subarray(from))
    pendingBytes += chunk.length - from
    if (pendingBytes > lineBytesMax) throw tooLong(path, number + 1, lineBytesMax)
    bytes += chunk.length
    onBytes?.(bytes)
    yield lines
  }
  if (pendingBytes > 0) yield [take(Buffer.alloc(0))]
}

async function * chunks (path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    yield * createReadStream(path, { highWaterMark: CHUNK_BYTES, signal }) as AsyncIterable<Buffer>
  } catch (error) {
    throw unreadable(path, error)
  }
}

/** What the user is told of a file that the system refuses. */
export function unreadable (path: string, error: unknown): unknown {
  const { code, name } = error as NodeJS.ErrnoException
  if (code === undefined || name === 'AbortError') return error
  if (code === 'ENOENT') return new GatewayError('NOT_FOUND', `${path}: no such file`, { cause: error })
  const reason = code === 'EISDIR' ? 'is a folder, expected a file' : (error as Error).message
  return new GatewayError('BAD_REQUEST', `${path}: ${reason}`, { cause: error })
}

function decode (decoder: TextDecoder, bytes: Buffer, path: string, number: number): string {
  try {
    return decoder.decode(bytes)
  } catch (error) {
    throw new GatewayError('BAD_REQUEST', `${path}, line ${number}: is not valid UTF-8`, { cause: error })
  }
}

function tooLong (path: string, number: number, lineBytesMax: number): GatewayError {
  return new GatewayError('BAD_REQUEST', `${path}, line ${number}: is longer than ${lineBytesMax} bytes (--line-bytes-max)`)
}
