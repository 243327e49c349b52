import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import type { Registry } from '../../registry/registry.js'
import type { EventStreams } from '../events/streams.js'

const Event = Type.Object({
  id: Type.Integer({ description: 'rises in the order of the commits' }),
  at: Type.Number({ description: 'ms since the epoch' }),
  type: Type.String({ description: 'rollout.create, rollout.verdict, or rollout. and a transition' }),
  rolloutId: Type.String(),
  model: Type.String(),
  body: Type.Record(Type.String(), Type.Unknown())
})

const Id = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'only newer events: the id of the last one seen' })

const Query = Type.Object({
  rollout: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  after: Type.Optional(Id),
  limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100 })
})

const Headers = Type.Object({ 'last-event-id': Type.Optional(Id) })

export interface EventRoutesOptions { readonly registry: Registry, readonly streams: EventStreams }

/** What happened to rollouts, oldest first: a page of it as JSON, or all that comes as a stream. */
export const eventRoutes: FastifyPluginAsyncTypebox<EventRoutesOptions> = async (app, { registry, streams }) => {
  app.addHook('preClose', async () => { streams.close() })
  app.get('/', {
    schema: {
      description: 'With `accept: text/event-stream` they are sent as they happen, from `last-event-id` or `after` on.',
      querystring: Query,
      headers: Headers,
      response: { 200: Type.Array(Event) }
    }
  }, async (request, reply) => {
    const { query: { rollout, after, limit }, headers } = request
    if (request.method !== 'GET' || !/\btext\/event-stream\b/i.test(headers.accept ?? '')) {
      return registry.events.list({ after: after ?? 0, limit, ...rollout === undefined ? {} : { rolloutId: rollout } })
    }
    if (rollout !== undefined) registry.rollouts.get(rollout)
    streams.requireRoom()
    reply.hijack()
    // A client that comes back names the last event in the header, and asks by the same address as before.
    streams.open(reply.raw, { after: headers['last-event-id'] ?? after ?? null, rolloutId: rollout ?? null })
    return await reply
  })
}
