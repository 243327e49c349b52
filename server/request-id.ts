import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'

/** What a client may send as its own id: up to 128 visible characters that need no escaping anywhere. */
const VALID = /^[A-Za-z0-9._:@/+=-]{1,128}$/
const process = randomBytes(9).toString('base64url')
let count = 0

/** The request's own `x-request-id` where it is well formed, else a new one, unique and growing within a process. */
export function requestId (request: IncomingMessage | Http2ServerRequest): string {
  const given = request.headers['x-request-id']
  if (typeof given === 'string' && VALID.test(given)) return given
  count += 1
  return `${process}-${count.toString(36).padStart(8, '0')}`
}
