import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import type { Registry } from '../../registry/registry.js'

const Entry = Type.Object({
  id: Type.Integer(),
  at: Type.Number({ description: 'ms since the epoch' }),
  actor: Type.String(),
  action: Type.String(),
  subject: Type.String(),
  reason: Type.String(),
  details: Type.Record(Type.String(), Type.Unknown()),
  previous: Type.String({ description: 'hash of the entry before' }),
  hash: Type.String()
})

const Query = Type.Object({
  subject: Type.Optional(Type.String({ maxLength: 512 })),
  before: Type.Optional(Type.Integer({ minimum: 1, description: 'only older entries: the id of the last one seen' })),
  limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100 })
})

const Head = Type.Union([Type.Object({ id: Type.Integer(), hash: Type.String() }), Type.Null()])

/** The audit trail, to be read. */
export const auditRoutes: FastifyPluginAsyncTypebox<{ readonly registry: Registry }> = async (app, { registry }) => {
  app.get('/', { schema: { querystring: Query, response: { 200: Type.Array(Entry) } } },
    async ({ query }) => registry.audit().list(query))

  app.get('/head', { schema: { response: { 200: Head } } }, async () => registry.audit().head())
}
