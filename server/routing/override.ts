import { createHmac, timingSafeEqual } from 'node:crypto'
import { GatewayError } from '../errors.js'

/** Names the environment variable that holds the secret which overrides are signed with. */
export const OVERRIDE_SECRET = 'GAUNTLET_OVERRIDE_SECRET'
export const OVERRIDE_HEADER = 'x-gauntlet-override'
const SECRET_BYTES = { min: 16, max: 1_024 }
/** Longer headers are refused unread, UTF-16 code units. */
const HEADER_LENGTH_MAX = 512
/** A version or an arm, when it ends in seconds since the epoch, and the signature as base64url. */
const FORM = /^([A-Za-z0-9][A-Za-z0-9._+-]{0,127});exp=([1-9]\d{0,11});sig=([A-Za-z0-9_-]{43})$/

/** What a tester wants to be answered by. */
export interface Override {
  readonly model: string
  /** A version, or `champion` or `challenger`. */
  readonly target: string
  /** Seconds since the epoch. */
  readonly expiresAtSeconds: number
}

/** The secret of the environment; null without one. @throws Error naming what is wrong with it, never the secret */
export function overrideSecret (env: NodeJS.ProcessEnv): Buffer | null {
  const text = env[OVERRIDE_SECRET]
  if (text === undefined || text === '') return null
  const secret = Buffer.from(text)
  if (secret.length >= SECRET_BYTES.min && secret.length <= SECRET_BYTES.max) return secret
  throw new Error(`invalid configuration: ${OVERRIDE_SECRET} has ${secret.length} bytes, expected ${SECRET_BYTES.min} to ${SECRET_BYTES.max}`)
}

/** The value of the header, for `parseOverride`. */
export function formatOverride (override: Override, secret: Buffer): string {
  return `${override.target};exp=${override.expiresAtSeconds};sig=${signatureOf(override, secret)}`
}

/**
 * The target that a header asks for, when its signature is of this model and secret and its time is not over.
 * Signatures are compared in constant time, and before anything else is told of the header.
 * @param nowMs milliseconds since the epoch
 * @throws GatewayError OVERRIDE_REFUSED naming what is wrong
 */
export function parseOverride (header: string | string[], model: string, secret: Buffer, nowMs: number): string {
  const parts = typeof header === 'string' && header.length <= HEADER_LENGTH_MAX ? FORM.exec(header) : null
  if (parts === null) throw refused('expected TARGET;exp=SECONDS;sig=SIGNATURE, once, as gauntlet override prints it')
  const [, target = '', expiry = '', signature = ''] = parts
  const expiresAtSeconds = Number(expiry)
  const expected = signatureOf({ model, target, expiresAtSeconds }, secret)
  if (!timingSafeEqual(Buffer.from(signature), Buffer.from(expected))) {
    throw refused(`sig does not fit: it is of another model than ${model}, another secret, or other values`)
  }
  const agoMs = nowMs - expiresAtSeconds * 1_000
  if (agoMs >= 0) throw refused(`exp was ${Math.floor(agoMs / 1_000)} s ago`)
  return target
}

/** A line break is in none of the parts, so no two overrides are signed as the same text. */
function signatureOf ({ model, target, expiresAtSeconds }: Override, secret: Buffer): string {
  return createHmac('sha256', secret).update(`gauntlet-override\n${model}\n${target}\n${expiresAtSeconds}`).digest('base64url')
}

function refused (fault: string): GatewayError {
  return new GatewayError('OVERRIDE_REFUSED', `${OVERRIDE_HEADER}: ${fault}`)
}
