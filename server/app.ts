import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Registry } from '../registry/registry.js'
import { stopSoon } from './connections.js'
import { errorHandler, handleNotFound } from './errors.js'
import type { Notices } from './events/notices.js'
import type { Fleet } from './fleet.js'
import type { Inference } from './inference.js'
import type { Log } from './log.js'
import type { Metrics } from './metrics.js'
import { MODEL_RUNS } from './model-runs.js'
import { requestId } from './request-id.js'
import type { RolloutController } from './rollouts/controller.js'
import { auditRoutes } from './routes/audit.js'
import { eventRoutes } from './routes/events.js'
import { feedbackRoutes } from './routes/feedback.js'
import { healthRoutes } from './routes/health.js'
import { modelRoutes } from './routes/models.js'
import { oipRoutes } from './routes/oip.js'
import { rolloutRoutes } from './routes/rollouts.js'
import { webhookRoutes } from './routes/webhooks.js'
import type { TrafficLog } from './traffic/log.js'

export interface Dependencies {
  readonly registry: Registry
  readonly fleet: Fleet
  readonly inference: Inference
  readonly controller: RolloutController
  readonly traffic: TrafficLog
  readonly notices: Notices
  readonly metrics: Metrics
  readonly version: string
  readonly bodyMaxBytes: number
  readonly isCookieSecure: boolean
  readonly log: Log
}

/** Composes the application without listening, so that tests and `gauntlet serve` build the same thing. */
export async function buildApp (deps: Dependencies): Promise<FastifyInstance> {
  const { registry, fleet, inference, controller, traffic, notices, metrics, version } = deps
  const app = Fastify({
    bodyLimit: deps.bodyMaxBytes,
    genReqId: requestId,
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 256 },
    ajv: { customOptions: { coerceTypes: true, removeAdditional: false, allErrors: true } }
  })
  stopSoon(app)
  app.setErrorHandler(errorHandler(deps.log))
  app.setNotFoundHandler(handleNotFound)
  await app.register(swagger, {
    openapi: { info: { title: 'Gauntlet', version, description: 'Champion-challenger model-serving gateway' } }
  })
  await app.register(healthRoutes, { fleet, metrics })
  await app.register(oipRoutes, { prefix: '/v2', inference, fleet, version, isCookieSecure: deps.isCookieSecure, ...descriptions(registry) })
  await app.register(feedbackRoutes, { traffic, controller, metrics })
  await app.register(modelRoutes, { prefix: '/api/models', registry, fleet, prove: MODEL_RUNS.prove })
  await app.register(rolloutRoutes, { prefix: '/api/rollouts', registry, controller })
  await app.register(eventRoutes, { prefix: '/api/events', registry, streams: notices.streams })
  await app.register(webhookRoutes, { prefix: '/api/webhooks', webhooks: notices.webhooks })
  await app.register(auditRoutes, { prefix: '/api/audit', registry })
  app.get('/api/openapi.json', { schema: { hide: true } }, () => app.swagger())
  return app
}

function descriptions (registry: Registry) {
  return {
    models: () => registry.models().map(({ name }) => name),
    describe: (model: string, version: string | null) => {
      const known = registry.models().find(({ name }) => name === model)
      const shown = version ?? known?.aliases['champion'] ?? null
      const serving = shown === null && known !== undefined ? null : registry.show(model, shown ?? '').serving
      return { versions: known?.versions.map((entry) => entry.version) ?? [], serving }
    }
  }
}
