import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import type { Webhooks } from '../webhooks/webhooks.js'

const Target = Type.String({ description: 'the first 12 digits of the SHA-256 of the URL, which is not shown' })

const State = Type.Object({
  target: Target,
  origin: Type.String(),
  format: Type.Union([Type.String(), Type.Null()], { description: 'null when it is not in the settings any more' }),
  position: Type.Integer({ description: 'id of the last event that was delivered or given up' }),
  waiting: Type.Integer({ description: 'events behind it' }),
  attempts: Type.Integer({ description: 'failed attempts at the next event' }),
  nextAt: Type.Union([Type.Number(), Type.Null()], { description: 'when it is tried again, ms since the epoch' }),
  error: Type.Union([Type.String(), Type.Null()])
})

const DeadLetter = Type.Object({
  id: Type.Integer(),
  target: Target,
  origin: Type.String(),
  at: Type.Number({ description: 'when it was given up, ms since the epoch' }),
  attempts: Type.Integer(),
  error: Type.String({ description: 'how the last attempt ended' }),
  event: Type.Unknown({ description: 'as GET /api/events gives it' })
})

const Page = Type.Object({
  before: Type.Optional(Type.Integer({ minimum: 1, description: 'the id of the last one seen, for the next page' })),
  limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100 })
})

/** How far webhooks have come, and what they did not take. */
export const webhookRoutes: FastifyPluginAsyncTypebox<{ readonly webhooks: Webhooks }> = async (app, { webhooks }) => {
  app.get('/', { schema: { response: { 200: Type.Array(State) } } }, async () => webhooks.list())
  app.get('/dead-letters', { schema: { querystring: Page, response: { 200: Type.Array(DeadLetter) } } },
    async ({ query }) => webhooks.deadLetters(query))
  app.post('/dead-letters/:id/redeliver', {
    schema: { params: Type.Object({ id: Type.Integer({ minimum: 1 }) }), response: { 204: Type.Null() } }
  }, async ({ params }, reply) => {
    await webhooks.redeliver(params.id)
    return await reply.code(204).send(null)
  })
}
