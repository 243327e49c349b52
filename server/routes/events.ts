import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import type { Registry } from '../../registry/registry.js'

const Event = Type.Object({
  id: Type.Integer({ description: 'rises in the order of the commits' }),
  at: Type.Number({ description: 'ms since the epoch' }),
  type: Type.String({ description: 'rollout.create, rollout.verdict, or rollout. and a transition' }),
  rolloutId: Type.String(),
  model: Type.String(),
  body: Type.Record(Type.String(), Type.Unknown())
})

const Query = Type.Object({
  rollout: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  after: Type.Integer({ minimum: 0, default: 0, description: 'only newer events: the id of the last one seen' }),
  limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100 })
})

/** What happened to rollouts, oldest first. */
export const eventRoutes: FastifyPluginAsyncTypebox<{ readonly registry: Registry }> = async (app, { registry }) => {
  app.get('/', { schema: { querystring: Query, response: { 200: Type.Array(Event) } } },
    async ({ query: { rollout, ...page } }) =>
      registry.events.list({ ...page, ...rollout === undefined ? {} : { rolloutId: rollout } }))
}
