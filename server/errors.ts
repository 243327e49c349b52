import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { EvaluatorError, type EvaluatorErrorCode } from '../evaluators/errors.js'
import { ModelsError, type ModelsErrorCode } from '../models/errors.js'
import { RegistryError, type RegistryErrorCode } from '../registry/errors.js'
import type { Log } from './log.js'
import { type Fault, SpecError } from './rollouts/spec-error.js'

export type GatewayErrorCode =
  | 'BAD_REQUEST' | 'NOT_SERVED' | 'NO_CHAMPION' | 'UNKNOWN_REQUEST' | 'BUSY' | 'METHOD_NOT_ALLOWED' | 'NOT_FOUND'
  | 'STORAGE_FAILED' | 'TOO_MANY_CLIENTS' | 'OVERRIDE_REFUSED' | 'WEBHOOK_FAILED'

/** Every error the server folder raises on purpose; anything else is a bug. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'

  constructor (readonly code: GatewayErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
  }
}

/** The only place where a domain error meets HTTP. A code without a row does not compile. */
export const STATUS = {
  INVALID_NAME: 400,
  INVALID_VERSION: 400,
  INVALID_ALIAS: 400,
  SOURCE_NOT_FOUND: 400,
  SOURCE_INVALID: 400,
  SERVING_INVALID: 400,
  DATASET_INVALID: 400,
  KIND_MISMATCH: 409,
  GOLDEN_FAILED: 422,
  SOURCE_FORBIDDEN: 403,
  SOURCE_UNAVAILABLE: 503,
  TARGET_INVALID: 422,
  MODEL_NOT_FOUND: 404,
  VERSION_NOT_FOUND: 404,
  ALIAS_NOT_FOUND: 404,
  VERSION_CONFLICT: 409,
  VERSION_IN_USE: 409,
  VERSION_REMOVED: 409,
  VERSION_UNFIT: 422,
  ALIAS_CONFLICT: 409,
  ALIAS_LOCKED: 409,
  SIGNATURE_CHANGED: 409,
  DIGEST_MISMATCH: 500,
  BLOB_MISSING: 500,
  LAYOUT_CORRUPT: 500,
  REGISTRY_BUSY: 503,
  DISK_FULL: 507,
  DISK_READ_ONLY: 507,
  SIGNATURE_REQUIRED: 403,
  SIGNATURE_INVALID: 403,
  KEY_INVALID: 400,
  KEY_NOT_FOUND: 404,
  KEY_CONFLICT: 409,
  INVALID_REFERENCE: 400,
  CREDENTIALS_INVALID: 400,
  REMOTE_UNAUTHORIZED: 401,
  REMOTE_NOT_FOUND: 404,
  REMOTE_REFUSED: 502,
  REMOTE_UNAVAILABLE: 503,
  AUDIT_BROKEN: 500,
  VERDICT_DIFFERS: 500,
  ROLLOUT_NOT_FOUND: 404,
  ROLLOUT_CONFLICT: 409,
  ROLLOUT_OPEN: 409,
  LAYER_TAKEN: 409,
  ILLEGAL_TRANSITION: 409,
  QUEUE_FULL: 503,
  DEADLINE_EXCEEDED: 504,
  HOST_CRASHED: 503,
  HOST_NOT_READY: 503,
  LOAD_FAILED: 503,
  INFERENCE_FAILED: 500,
  INVALID_INPUT: 400,
  EMPTY: 400,
  NOT_FINITE: 400,
  OUT_OF_RANGE: 400,
  LENGTH_MISMATCH: 400,
  MALFORMED: 400,
  BAD_REQUEST: 400,
  NOT_SERVED: 503,
  NO_CHAMPION: 503,
  UNKNOWN_REQUEST: 404,
  BUSY: 503,
  METHOD_NOT_ALLOWED: 405,
  NOT_FOUND: 404,
  STORAGE_FAILED: 500,
  TOO_MANY_CLIENTS: 503,
  OVERRIDE_REFUSED: 403,
  WEBHOOK_FAILED: 502
} satisfies Record<RegistryErrorCode | ModelsErrorCode | EvaluatorErrorCode | GatewayErrorCode, number>

/** A failure as HTTP tells it. */
export interface Problem {
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly faults?: readonly Fault[]
}

const OPAQUE: Problem = { status: 500, code: 'INTERNAL', detail: 'internal error' }
/** Server-side failures whose message is about the user's own model or load, and safe to show. */
const SHOWN = new Set<string>(['INFERENCE_FAILED'])
const RETRY_AFTER_SECONDS = 1

/**
 * What HTTP says of an error. Statuses of 500 never show an inner message, but for a failure of the user's own model.
 */
export function classify (error: unknown): Problem {
  if (error instanceof SpecError) return { status: 400, code: 'BAD_SPEC', detail: error.message, faults: error.faults }
  if (isOurs(error)) {
    const status = STATUS[error.code]
    if (status === 500 && !SHOWN.has(error.code)) return { ...OPAQUE, code: error.code }
    return { status, code: error.code, detail: error.message }
  }
  const { statusCode: status, message: detail = '' } = error as Partial<FastifyError>
  if (status === undefined || status >= 500) return OPAQUE
  return { status, code: status === 413 ? 'BODY_TOO_LARGE' : 'BAD_REQUEST', detail }
}

function isOurs (error: unknown): error is RegistryError | ModelsError | EvaluatorError | GatewayError {
  return [RegistryError, ModelsError, EvaluatorError, GatewayError].some((ours) => error instanceof ours)
}

/**
 * `/v2` speaks the Open Inference Protocol (`{ error }`); every other path speaks RFC 9457. Faults of ours are logged.
 */
export function errorHandler (log: Log) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const problem = classify(error)
    if (problem.status === 500 && !SHOWN.has(problem.code)) {
      const { message, stack } = error as Partial<Error>
      log('error', 'request failed', { requestId: request.id, method: request.method, url: request.url, code: problem.code, message, stack })
    }
    if (problem.status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS)
    return sendProblem(problem, request, reply)
  }
}

/** Answers an unknown path in the form of its protocol. */
export function handleNotFound (request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const detail = `no route for ${request.method} ${request.url.split('?')[0]}`
  return sendProblem({ status: 404, code: 'NOT_FOUND', detail }, request, reply)
}

function sendProblem (problem: Problem, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, code, detail, faults } = problem
  reply.header('x-request-id', request.id)
  if (/^\/v2(\/|\?|$)/.test(request.url)) {
    return reply.code(status).type('application/json').send(JSON.stringify({ error: detail, code }))
  }
  const type = `urn:gauntlet:problem:${code.toLowerCase().replaceAll('_', '-')}`
  const errors = faults === undefined ? {} : { errors: faults }
  const body = { type, title: code, status, detail, instance: request.url, ...errors }
  return reply.code(status).type('application/problem+json').send(JSON.stringify(body))
}
