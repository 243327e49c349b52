import { createHash } from 'node:crypto'

const TARGETS_MAX = 32
const SECRET_VARIABLE = 'GAUNTLET_WEBHOOK_SECRET'
/** What Standard Webhooks allows for a symmetric key, bytes. */
const SECRET_BYTES = { min: 24, max: 64 }

export type WebhookFormat = 'standard' | 'slack'

/** Somebody who is told of events. */
export interface WebhookTarget {
  /** A hash of the URL: what is stored and shown instead of it, since it may hold a secret. */
  readonly target: string
  readonly origin: string
  readonly url: string
  readonly format: WebhookFormat
  /** Keys of the signature; several while one replaces the other; none for formats that have no signature. */
  readonly secrets: readonly Buffer[]
}

/**
 * Reads the setting `webhookUrls`. Behind `#`, which is never sent, a URL says how it wants to be told: `format=slack`,
 * `secret=VARIABLE`.
 * @throws Error naming every fault by the place of its URL, never the URL or the secret itself
 */
export function parseWebhookTargets (urls: string, env: NodeJS.ProcessEnv): WebhookTarget[] {
  if (urls.trim() === 'none') return []
  const faults: string[] = []
  const targets: WebhookTarget[] = []
  const entries = urls.split(/[\s,]+/).filter((entry) => entry !== '')
  if (entries.length === 0 || entries.length > TARGETS_MAX) faults.push(`expected 1 to ${TARGETS_MAX} URLs, got ${entries.length}`)
  for (const [index, entry] of entries.slice(0, TARGETS_MAX).entries()) {
    try {
      const target = parseTarget(entry, env)
      const twin = targets.findIndex((other) => other.target === target.target)
      if (twin >= 0) throw new Error(`is the same as URL ${twin + 1}`)
      targets.push(target)
    } catch (error) {
      faults.push(`URL ${index + 1} ${(error as Error).message}`)
    }
  }
  if (faults.length > 0) throw new Error(`invalid configuration: webhookUrls (GAUNTLET_WEBHOOK_URLS): ${faults.join('; ')}`)
  return targets
}

function parseTarget (entry: string, env: NodeJS.ProcessEnv): WebhookTarget {
  if (!URL.canParse(entry)) throw new Error('is no URL')
  const url = new URL(entry)
  if (!/^https?:$/.test(url.protocol)) throw new Error(`begins with ${url.protocol}, expected https: or http:`)
  if (url.username !== '' || url.password !== '') throw new Error('holds a user or password, which are not sent')
  const wishes = new URLSearchParams(url.hash.slice(1))
  const unknown = [...wishes.keys()].find((key) => key !== 'format' && key !== 'secret')
  if (unknown !== undefined) throw new Error(`says ${JSON.stringify(unknown)} behind #, expected format or secret`)
  const format = wishes.get('format') ?? 'standard'
  if (format !== 'standard' && format !== 'slack') throw new Error(`wants format ${JSON.stringify(format)}, expected standard or slack`)
  url.hash = ''
  const target = createHash('sha256').update(url.href).digest('hex').slice(0, 12)
  const secrets = secretsOf(wishes.get('secret'), format, env)
  return { target, origin: url.origin, url: url.href, format, secrets }
}

function secretsOf (named: string | null, format: WebhookFormat, env: NodeJS.ProcessEnv): Buffer[] {
  const variable = named ?? SECRET_VARIABLE
  if (!/^[A-Z_][A-Z0-9_]{0,127}$/.test(variable)) throw new Error('wants a secret that is no name of an environment variable')
  const value = env[variable]?.trim() ?? ''
  if (value === '' && named === null && format === 'slack') return []
  if (value === '') throw new Error(`is to be signed, and ${variable} is not set: expected whsec_ and a key in base64`)
  return value.split(/\s+/).map((secret) => {
    const [, base64] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? []
    const key = Buffer.from(base64 ?? '', 'base64')
    if (key.length >= SECRET_BYTES.min && key.length <= SECRET_BYTES.max) return key
    throw new Error(`is to be signed, and ${variable} holds no key: expected whsec_ and ${SECRET_BYTES.min} to ${SECRET_BYTES.max} bytes in base64`)
  })
}
