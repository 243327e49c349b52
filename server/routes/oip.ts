import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { encodeTensor } from '../../models/oip-tensors.js'
import type { Serving } from '../../registry/serving.js'
import { GatewayError } from '../errors.js'
import type { Fleet } from '../fleet.js'
import type { Inference, InferenceAnswer } from '../inference.js'
import { type InferBody, parseInferBody } from '../oip/request.js'
import { setCookie } from '../routing/session-cookie.js'

interface Described { readonly versions: readonly string[], readonly serving: Serving | null }

export interface OipRoutesOptions {
  readonly inference: Inference
  readonly fleet: Fleet
  readonly version: string
  /** Whether cookies are sent back over TLS only. */
  readonly isCookieSecure: boolean
  /**
   * What the registry says of a model: its versions and, of one of them (null: the champion), what it serves.
   * Throws for unknown ones.
   */
  readonly describe: (model: string, version: string | null) => Described
  readonly models: () => readonly string[]
}

interface Params { readonly model: string, readonly version?: string }
type ModelRequest = FastifyRequest<{ Params: Params }>

/** What runs a version, as the protocol calls it. */
const PLATFORMS: Readonly<Record<Serving['runtime'], string>> = { onnx: 'onnxruntime_onnx', remote: 'gauntlet_remote' }
const EMPTY = Buffer.alloc(0)
const VERBS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const

/** Open Inference Protocol V2 over REST, with JSON tensors. */
export async function oipRoutes (app: FastifyInstance, options: OipRoutesOptions): Promise<void> {
  acceptAnyContentType(app)
  const { fleet, version, models } = options
  const routes: [typeof VERBS[number], string, (request: FastifyRequest, reply: FastifyReply) => unknown][] = [
    ['GET', '/', () => ({ name: 'gauntlet', version, extensions: [] })],
    ['GET', '/health/live', () => ({ live: true })],
    ['GET', '/health/ready', (_request, reply) => readiness(fleet, reply)],
    ['GET', '/models', () => ({ models: models() })]
  ]
  for (const path of ['/models/:model', '/models/:model/versions/:version']) {
    routes.push(['GET', path, (request) => metadata(options, (request as ModelRequest).params)])
    routes.push(['GET', `${path}/ready`, (request, reply) => modelReady(options, (request as ModelRequest).params, reply)])
    routes.push(['POST', `${path}/infer`, async (request, reply) => infer(options, request as ModelRequest, reply)])
  }
  for (const [method, url, handler] of routes) {
    app.route({ method, url, handler })
    const others = VERBS.filter((verb) => verb !== method)
    app.route({
      method: [...others],
      url,
      schema: { hide: true },
      handler: (_request, reply) => refuseMethod(method, reply)
    })
  }
}

/** Clients of the protocol send JSON under many content types, or none: the body is JSON whatever it says. */
function acceptAnyContentType (app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => { done(null, body) })
}

function refuseMethod (allowed: string, reply: FastifyReply): never {
  reply.header('allow', allowed)
  throw new GatewayError('METHOD_NOT_ALLOWED', `method not allowed: expected ${allowed}`)
}

function readiness (fleet: Fleet, reply: FastifyReply): object {
  const ready = fleet.unready().length === 0
  reply.code(ready ? 200 : 503)
  return { ready }
}

function metadata ({ describe }: OipRoutesOptions, { model, version }: Params): object {
  const { versions, serving } = describe(model, version ?? null)
  return {
    name: model,
    versions: version === undefined ? versions : [version],
    platform: serving === null ? '' : PLATFORMS[serving.runtime],
    inputs: serving?.inputs ?? [],
    outputs: serving?.outputs ?? []
  }
}

function modelReady ({ describe, fleet }: OipRoutesOptions, { model, version }: Params, reply: FastifyReply): object {
  describe(model, version ?? null)
  const route = fleet.snapshot().models.get(model)
  const target = version === undefined ? route?.champion : route?.versions.get(version)
  const ready = target?.live.state === 'ready'
  reply.code(ready ? 200 : 503)
  return { name: model, ready }
}

async function infer (
  { inference, isCookieSecure }: OipRoutesOptions,
  request: ModelRequest,
  reply: FastifyReply
): Promise<FastifyReply> {
  const { model, version } = request.params
  const body = parseInferBody(request.body as Buffer | undefined ?? EMPTY)
  const answer = await inference.infer({
    model,
    version: version ?? null,
    requestId: request.id,
    carrier: { headers: request.headers, body: body.document },
    inputs: body.inputs,
    outputs: body.outputs
  })
  if (answer.cookie != null) reply.header('set-cookie', setCookie(answer.cookie, isCookieSecure))
  return reply.headers(answerHeaders(answer, request.id)).send(encodeAnswer(model, answer, body, request.id))
}

function answerHeaders (answer: InferenceAnswer, requestId: string): Record<string, string> {
  const { target, arm, rolloutId, assignment } = answer
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'x-gauntlet-version': target.label,
    'x-gauntlet-arm': arm,
    'x-gauntlet-assignment': assignment,
    'x-request-id': requestId,
    'cache-control': 'private'
  }
  if (rolloutId !== null) headers['x-gauntlet-rollout'] = rolloutId
  return headers
}

function encodeAnswer (model: string, answer: InferenceAnswer, body: InferBody, requestId: string): string {
  const { target, outputs } = answer
  const id = JSON.stringify(body.id ?? requestId)
  const name = JSON.stringify(model)
  return `{"model_name":${name},"model_version":"${target.version}","id":${id},"outputs":[${outputs.map(encodeTensor).join(',')}]}`
}
