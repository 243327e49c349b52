export interface HttpResponse {
  readonly status: number
  /** Status line and header lines, as sent. */
  readonly headers: string
  readonly body: Buffer
  readonly keepsAlive: boolean
}

interface Head {
  readonly status: number
  readonly headers: string
  readonly sizeBytes: number
  /** null: chunked. */
  readonly bodyBytes: number | null
}

const HEAD_END = '\r\n\r\n'
const LINE_END = '\r\n'
const EMPTY = Buffer.alloc(0)

/**
 * Cuts the bytes of one HTTP/1.1 connection into responses; made for a client whose requests are answered one by one
 * and are never HEAD. Knows content-length and chunked bodies; skips interim (1xx) responses.
 */
export class ResponseParser {
  private readonly chunks: Buffer[] = []
  private sizeBytes = 0
  private head: Head | null = null

  push (chunk: Buffer): void {
    this.chunks.push(chunk)
    this.sizeBytes += chunk.length
  }

  /**
   * The next whole response, or null until more bytes are pushed.
   * @throws Error when the bytes are not HTTP or the end of the body is not marked
   */
  next (): HttpResponse | null {
    while (true) {
      this.head ??= this.readHead()
      const head = this.head
      if (head === null) return null
      const body = head.bodyBytes === null ? this.readChunked(head) : this.readSized(head, head.bodyBytes)
      if (body === null) return null
      this.head = null
      if (head.status < 200) continue
      return { status: head.status, headers: head.headers, body, keepsAlive: !/\r\nconnection: *close/i.test(head.headers) }
    }
  }

  private readHead (): Head | null {
    const bytes = this.joined()
    const end = bytes.indexOf(HEAD_END)
    if (end < 0) return null
    const headers = bytes.toString('latin1', 0, end)
    const status = Number(headers.slice(9, 12))
    if (!headers.startsWith('HTTP/1.') || !(status >= 100)) throw new Error(`not an HTTP response: ${headers.slice(0, 40)}`)
    return { status, headers, sizeBytes: end + HEAD_END.length, bodyBytes: bodyBytesOf(status, headers) }
  }

  private readSized (head: Head, bodyBytes: number): Buffer | null {
    const end = head.sizeBytes + bodyBytes
    if (this.sizeBytes < end) return null
    const bytes = this.joined()
    this.keepFrom(bytes, end)
    return bytes.subarray(head.sizeBytes, end)
  }

  private readChunked (head: Head): Buffer | null {
    const bytes = this.joined()
    const parts: Buffer[] = []
    let at = head.sizeBytes
    while (true) {
      const lineEnd = bytes.indexOf(LINE_END, at)
      if (lineEnd < 0) return null
      const size = parseInt(bytes.toString('latin1', at, lineEnd), 16)
      if (!(size >= 0)) throw new Error('not a chunk size')
      if (size === 0) {
        // after the last chunk: trailer lines, if any, and an empty line
        const isBare = bytes.toString('latin1', lineEnd, lineEnd + HEAD_END.length) === HEAD_END
        const end = isBare ? lineEnd : bytes.indexOf(HEAD_END, lineEnd)
        if (end < 0) return null
        this.keepFrom(bytes, end + HEAD_END.length)
        return Buffer.concat(parts)
      }
      const start = lineEnd + LINE_END.length
      at = start + size + LINE_END.length
      if (bytes.length < at) return null
      parts.push(bytes.subarray(start, start + size))
    }
  }

  private joined (): Buffer {
    if (this.chunks.length > 1) this.chunks.splice(0, this.chunks.length, Buffer.concat(this.chunks, this.sizeBytes))
    return this.chunks[0] ?? EMPTY
  }

  private keepFrom (bytes: Buffer, offset: number): void {
    this.chunks.length = 0
    this.sizeBytes = bytes.length - offset
    if (this.sizeBytes > 0) this.chunks.push(bytes.subarray(offset))
  }
}

function bodyBytesOf (status: number, headers: string): number | null {
  if (status < 200 || status === 204 || status === 304) return 0
  if (/\r\ntransfer-encoding:[^\r]*chunked/i.test(headers)) return null
  const length = /\r\ncontent-length: *(\d+)/i.exec(headers)?.[1]
  if (length === undefined) throw new Error('the response marks no end of its body')
  return Number(length)
}
