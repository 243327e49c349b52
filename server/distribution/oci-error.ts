import type { FastifyReply } from 'fastify'

/** What the distribution specification calls its errors, with the status of each. */
const STATUS = {
  NAME_UNKNOWN: 404,
  MANIFEST_UNKNOWN: 404,
  BLOB_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  NAME_INVALID: 400,
  PAGINATION_NUMBER_INVALID: 400,
  UNSUPPORTED: 405,
  UNKNOWN: 500
} as const

export type OciErrorCode = keyof typeof STATUS

/** Answers with an error in the form of the distribution specification. */
export function sendOciError (reply: FastifyReply, code: OciErrorCode, message: string): FastifyReply {
  if (code === 'UNSUPPORTED') reply.header('allow', 'GET, HEAD')
  return reply.code(STATUS[code]).type('application/json').header('cache-control', 'no-store')
    .send(JSON.stringify({ errors: [{ code, message, detail: null }] }))
}
