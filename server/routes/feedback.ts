import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import { GatewayError } from '../errors.js'
import type { Metrics } from '../metrics.js'
import type { RolloutController } from '../rollouts/controller.js'
import type { TrafficLog } from '../traffic/log.js'

const KEYS_MAX = 32

const FeedbackBody = Type.Object({
  requestId: Type.String({ minLength: 1, maxLength: 128, description: 'the x-request-id of the reply this is about' }),
  values: Type.Record(Type.String({ minLength: 1, maxLength: 64 }), Type.Union([Type.Number(), Type.Boolean()]), {
    maxProperties: KEYS_MAX, default: {}, description: 'numbers by metric key; true is 1, false is 0'
  }),
  label: Type.Optional(Type.String({ maxLength: 1_024, description: 'the ground truth' }))
}, { additionalProperties: false })

const FeedbackReply = Type.Object({
  requestId: Type.String(),
  accepted: Type.Array(Type.String()),
  duplicates: Type.Array(Type.String())
})

export interface FeedbackRoutesOptions {
  readonly traffic: TrafficLog
  readonly controller: RolloutController
  readonly metrics: Metrics
}

/** `POST /v1/feedback`: what became of a prediction, joined to it by the id of its reply. Answered after its commit. */
export const feedbackRoutes: FastifyPluginAsyncTypebox<FeedbackRoutesOptions> = async (app, options) => {
  const { traffic, controller, metrics } = options
  app.post('/v1/feedback', {
    schema: { body: FeedbackBody, response: { 200: FeedbackReply } }
  }, async ({ body }) => {
    const values = Object.fromEntries(Object.entries(body.values).map(([key, value]) => [key, Number(value)]))
    if (Object.keys(values).length === 0 && body.label === undefined) {
      throw new GatewayError('BAD_REQUEST', 'body: expected values or a label')
    }
    const result = await traffic.feedback({ requestId: body.requestId, values, label: body.label ?? null })
    if (result.prediction === null) {
      metrics.feedback.inc({ outcome: 'unknown' })
      throw new GatewayError('UNKNOWN_REQUEST', `requestId ${body.requestId}: no prediction of a trial has this id`)
    }
    if (result.accepted.length > 0) metrics.feedback.inc({ outcome: 'accepted' }, result.accepted.length)
    if (result.duplicates.length > 0) metrics.feedback.inc({ outcome: 'duplicate' }, result.duplicates.length)
    controller.feedback(result, values)
    return { requestId: body.requestId, accepted: [...result.accepted], duplicates: [...result.duplicates] }
  })
}
