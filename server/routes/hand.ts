import { Type, type Static } from 'typebox'
import type { FastifyRequest } from 'fastify'
import type { Hand } from '../rollouts/trial.js'

/** The body of an act by hand; may be left out. */
export const HandBody = Type.Optional(Type.Union([
  Type.Object({ reason: Type.Optional(Type.String({ maxLength: 1_024 })) }, { additionalProperties: false }),
  Type.Null()
]))

export type Named = Pick<FastifyRequest, 'headers'>

const ACTOR_LENGTH_MAX = 128

/** Who acts and why: the actor is what the client calls itself in `x-gauntlet-actor`. */
export function handOf ({ headers }: Named, body: Static<typeof HandBody> | null): Hand {
  const actor = headers['x-gauntlet-actor']
  return {
    actor: typeof actor === 'string' && actor !== '' ? actor.slice(0, ACTOR_LENGTH_MAX) : 'api',
    reason: body?.reason ?? 'by hand'
  }
}
