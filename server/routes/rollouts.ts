import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import type { Registry } from '../../registry/registry.js'
import { ALIASES_MAX, parseYaml, YamlFault } from '../../registry/yaml.js'
import { GatewayError } from '../errors.js'
import { parseJson } from '../oip/request.js'
import { readReport, renderReport, REPORT_FORMATS } from '../rollouts/report/read.js'
import { REPORT_POLICY } from '../rollouts/report/html.js'
import type { RolloutController } from '../rollouts/controller.js'
import { documentSchema } from '../rollouts/spec/document-schema.js'
import { HandBody, handOf, type Named } from './hand.js'
import { RolloutViewSchema, viewRollout } from './rollout-view.js'

const Params = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) })
const Limit = Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100 }) })

const Verdicts = Type.Array(Type.Object({
  number: Type.Integer({ description: 'counts from 1; those that are left out were dropped' }),
  at: Type.Number(),
  decision: Type.String(),
  reason: Type.String(),
  acted: Type.Boolean({ description: 'whether the rollout moved because of it; such a verdict is never dropped' }),
  engine: Type.String({ description: 'the release that drew it' }),
  verdict: Type.Unknown(),
  evidence: Type.Unknown(),
  analysis: Type.Unknown()
}))

const History = Type.Array(Type.Object({
  at: Type.Number(),
  event: Type.String(),
  from: Type.Union([Type.String(), Type.Null()]),
  to: Type.String(),
  step: Type.Integer(),
  weightBps: Type.Integer(),
  actor: Type.String(),
  reason: Type.String()
}))

const Report = Type.Object({
  format: Type.Union(REPORT_FORMATS.map((format) => Type.Literal(format)), { default: 'json' })
})
const MEDIA = {
  md: 'text/markdown; charset=utf-8', html: 'text/html; charset=utf-8', json: 'application/json; charset=utf-8'
} as const

export interface RolloutRoutesOptions { readonly controller: RolloutController, readonly registry: Registry }

/** Rollouts: start, read, and act on them by hand. */
export const rolloutRoutes: FastifyPluginAsyncTypebox<RolloutRoutesOptions> = async (app, { controller, registry }) => {
  const view = (id: string) => {
    const { row, verdict, arms } = controller.get(id)
    return viewRollout(row, verdict, arms)
  }

  await app.register(async (scope) => { startRoute(scope, controller) })

  app.get('/', {
    schema: {
      querystring: Type.Object({ model: Type.Optional(Type.String()) }),
      response: { 200: Type.Array(RolloutViewSchema) }
    }
  }, async ({ query }) => registry.rollouts.list(query.model).map((row) => view(row.id)))

  app.get('/:id', { schema: { params: Params, response: { 200: RolloutViewSchema } } }, async ({ params }) => view(params.id))

  app.get('/:id/verdicts', {
    schema: { params: Params, querystring: Limit, response: { 200: Verdicts } }
  }, async ({ params, query }) => {
    registry.rollouts.get(params.id)
    return registry.rollouts.verdicts(params.id, query.limit)
  })

  app.get('/:id/history', { schema: { params: Params, response: { 200: History } } }, async ({ params }) => {
    registry.rollouts.get(params.id)
    return registry.rollouts.history(params.id)
  })

  app.get('/:id/report', { schema: { params: Params, querystring: Report } }, async ({ params, query: { format } }, reply) => {
    const text = renderReport(readReport(registry, params.id, Date.now()), format)
    return reply.type(MEDIA[format]).header('content-security-policy', REPORT_POLICY)
      .header('x-content-type-options', 'nosniff').send(text)
  })

  const acts = {
    promote: controller.promote.bind(controller),
    pause: controller.pause.bind(controller),
    resume: controller.proceed.bind(controller),
    skip: controller.skipStep.bind(controller),
    off: controller.switchOff.bind(controller),
    on: controller.switchOn.bind(controller),
    rollback: controller.rollback.bind(controller)
  }
  for (const [name, act] of Object.entries(acts)) {
    app.post(`/:id/${name}`, {
      schema: { params: Params, body: HandBody, response: { 200: RolloutViewSchema } }
    }, async (request) => {
      act(request.params.id, handOf(request as Named, request.body))
      return view(request.params.id)
    })
  }
}

/** Takes the document as JSON or as YAML, by its content type. */
function startRoute (app: FastifyInstance, controller: RolloutController): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (request, body, done) => {
    try {
      const isYaml = /yaml/.test(request.headers['content-type'] ?? '')
      done(null, isYaml ? parseText(body as string) : parseJson(body as string))
    } catch (error) {
      done(error as Error)
    }
  })
  app.post('/', {
    schema: { body: Type.Unsafe<unknown>(documentSchema()), response: { 201: RolloutViewSchema } },
    validatorCompiler: () => () => true,
    config: { consumes: ['application/json', 'application/yaml'] }
  }, async (request, reply) => {
    const row = controller.start(request.body, handOf(request, null))
    const { verdict } = controller.get(row.id)
    return reply.code(201).header('location', `/api/rollouts/${row.id}`).send(viewRollout(row, verdict))
  })
}

function parseText (text: string): unknown {
  try {
    return parseYaml(text, ALIASES_MAX)
  } catch (error) {
    if (!(error instanceof YamlFault)) throw error
    throw new GatewayError('BAD_REQUEST', `body: expected YAML: ${error.message}`, { cause: error })
  }
}
