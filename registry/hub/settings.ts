import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'

const ENDPOINT = 'https://huggingface.co'
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** Which hub, and as whom. */
export interface HubSettings {
  /** Without a slash at its end. */
  readonly endpoint: string
  /** Sent to the endpoint alone. */
  readonly token: string | null
  readonly isOffline: boolean
}

/**
 * What the hub's own tools read: HF_ENDPOINT, HF_HUB_OFFLINE, and the token of HF_TOKEN or of the file HF_TOKEN_PATH,
 * which is `token` in HF_HOME unless told.
 * @throws RegistryError SOURCE_INVALID for an endpoint or a token that cannot be one; the token is never shown
 */
export function readHubSettings (environment: Readonly<Record<string, string | undefined>>, home: string): HubSettings {
  const endpoint = parseEndpoint(environment['HF_ENDPOINT'] || ENDPOINT)
  const token = environment['HF_TOKEN'] || readToken(tokenPath(environment, home))
  if (token !== null && !/^[\x21-\x7e]{1,1024}$/.test(token)) {
    throw new RegistryError('SOURCE_INVALID', 'the token for the hub (HF_TOKEN, or its file) must be 1 to 1024 visible ASCII characters')
  }
  if (token !== null && !isPrivate(endpoint)) {
    throw new RegistryError('SOURCE_INVALID',
      `the token for the hub would travel unencrypted to ${quote(endpoint)}; let HF_ENDPOINT begin with https://`)
  }
  return { endpoint, token, isOffline: /^(1|on|yes|true)$/i.test(environment['HF_HUB_OFFLINE'] ?? '') }
}

/** Whether what travels there can be read on the way. */
export function isPrivate (url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || LOOPBACK.test(hostname)
}

function parseEndpoint (text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new RegistryError('SOURCE_INVALID', `HF_ENDPOINT must be an http or https URL without credentials, for example ${ENDPOINT}`)
  }
  return url.href.replace(/\/+$/, '')
}

function tokenPath (environment: Readonly<Record<string, string | undefined>>, home: string): string {
  const cache = environment['XDG_CACHE_HOME'] || join(home, '.cache')
  return environment['HF_TOKEN_PATH'] || join(environment['HF_HOME'] || join(cache, 'huggingface'), 'token')
}

function readToken (path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim() || null
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw new RegistryError('SOURCE_INVALID', `cannot read the token file ${quote(path)}: ${(error as Error).message}`, { cause: error })
  }
}
