import { Type, type Static } from 'typebox'
import { CLOSED } from './tensors.js'

/** Secrets for headers are read from variables with this prefix alone, so that no artifact can ask for another one. */
export const HEADER_VARIABLE_PREFIX = 'GAUNTLET_REMOTE_HEADER_'

const HEADERS_MAX = 16
/** What belongs to the connection or to the body, and so to whoever sends it. */
const RESERVED: ReadonlySet<string> = new Set([
  'accept-encoding', 'connection', 'content-encoding', 'content-length', 'content-type', 'expect', 'host', 'keep-alive',
  'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'
])

/** Where a remote version is run, and how it is called there. */
export const BackendSchema = Type.Object({
  protocol: Type.Literal('oip-v2-http', { description: 'Open Inference Protocol V2 over HTTP, with JSON tensors.' }),
  url: Type.String({
    minLength: 8,
    maxLength: 2048,
    description: 'Where the protocol begins, without /v2. Opened only when the operator allows its origin.'
  }),
  modelName: Type.String({ minLength: 1, maxLength: 256, description: 'What the model is called there.' }),
  modelVersion: Type.Optional(Type.String({
    minLength: 1, maxLength: 128, description: 'The version there; without it that server chooses, and may change.'
  })),
  timeoutMs: Type.Integer({
    minimum: 1, maximum: 600_000, default: 10_000, description: 'Longest wait for one answer, ms; a request may end sooner.'
  }),
  concurrency: Type.Integer({
    minimum: 1, maximum: 1024, default: 16, description: 'Requests under way there at once; more wait here.'
  }),
  headers: Type.Optional(Type.Record(
    Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9a-z-]{1,64}$" }),
    Type.String({ pattern: `^${HEADER_VARIABLE_PREFIX}[A-Z0-9_]{1,64}$` }),
    {
      ...CLOSED,
      maxProperties: HEADERS_MAX,
      description: `Headers by name, each with the variable ${HEADER_VARIABLE_PREFIX}… of the gateway that has its value.`
    }
  ))
}, { ...CLOSED, description: 'The server that runs the model.' })

/** What a user writes of it. */
export const BackendDraftSchema = Type.Object({
  ...BackendSchema.properties,
  timeoutMs: Type.Optional(BackendSchema.properties.timeoutMs),
  concurrency: Type.Optional(BackendSchema.properties.concurrency)
}, { ...CLOSED, description: 'The server that runs the model.' })

export type BackendDraft = Static<typeof BackendDraftSchema>
export type Backend = Static<typeof BackendSchema>

/** What is wrong with a backend beside its schema. */
export function backendFaults ({ url, headers = {} }: BackendDraft): string[] {
  const reserved = Object.keys(headers).find((name) => RESERVED.has(name))
  return [
    ...urlFaults(url),
    ...reserved === undefined ? [] : [`/backend/headers/${reserved} cannot be set: it belongs to the connection`]
  ]
}

function urlFaults (text: string): string[] {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return ['/backend/url must be an http:// or https:// address']
  if (url.username !== '' || url.password !== '') return ['/backend/url must not have credentials; name a variable under /backend/headers']
  return url.search === '' && url.hash === '' ? [] : ['/backend/url must have neither a query nor a fragment']
}
