import type { FastifyInstance } from 'fastify'
import type { Fleet } from '../fleet.js'
import type { Metrics } from '../metrics.js'

export interface HealthRoutesOptions { readonly fleet: Fleet, readonly metrics: Metrics }

/** Liveness, readiness and metrics, for what operates the gateway. */
export async function healthRoutes (app: FastifyInstance, { fleet, metrics }: HealthRoutesOptions): Promise<void> {
  app.get('/livez', () => ({ live: true }))
  app.get('/readyz', (_request, reply) => {
    const waiting = fleet.unready()
    reply.code(waiting.length === 0 ? 200 : 503)
    return { ready: waiting.length === 0, waiting }
  })
  app.get('/metrics', async (_request, reply) => {
    reply.type(metrics.registry.contentType)
    return metrics.registry.metrics()
  })
}
