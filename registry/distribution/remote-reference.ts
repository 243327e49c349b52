import { RegistryError } from '../errors.js'
import { quote } from '../names.js'

const REPOSITORY = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const DIGEST = /^sha256:[0-9a-f]{64}$/
const HOST = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:\d{1,5})?$/
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/
const REPOSITORY_LENGTH_MAX = 255

/** Where an artifact is, or shall be, in another registry. */
export interface RemoteReference {
  /** With its port, when one was given. */
  readonly host: string
  readonly repository: string
  readonly tag: string | null
  readonly digest: string | null
}

/**
 * `host[:port]/repository[:tag|@digest]`, with or without `oci://` before it. Pure.
 * @throws RegistryError INVALID_REFERENCE
 */
export function parseRemoteReference (text: string): RemoteReference {
  const refuse = (why: string) => new RegistryError('INVALID_REFERENCE',
    `${quote(text)} must be host[:port]/repository[:tag|@digest], for example registry.example:5000/team/spam-filter:1.4.0: ${why}`)
  const [, host, rest] = /^(?:oci:\/\/)?([^/@]+)\/(.+)$/.exec(text) ?? []
  if (host === undefined || rest === undefined) throw refuse('it has no host or no repository')
  checkHost(host)
  if (host === rest.split('/')[0] || !/[.:]|^localhost$/.test(host)) {
    throw refuse(`${quote(host)} is no host; write a host with a dot or a port`)
  }
  const at = rest.indexOf('@')
  const named = at < 0 ? rest : rest.slice(0, at)
  const digest = at < 0 ? null : rest.slice(at + 1)
  const colon = named.indexOf(':')
  const repository = colon < 0 ? named : named.slice(0, colon)
  const tag = colon < 0 ? null : named.slice(colon + 1)
  if (repository.length > REPOSITORY_LENGTH_MAX || !REPOSITORY.test(repository)) {
    throw refuse(`the repository ${quote(repository)} must be lower-case letters and digits with single . _ or - between, parts separated by /`)
  }
  if (tag !== null && !TAG.test(tag)) {
    throw refuse(`the tag ${quote(tag)} must be 1 to 128 letters, digits, . _ or -; a + of a version is written as _`)
  }
  if (digest !== null && !DIGEST.test(digest)) throw refuse(`the digest ${quote(digest)} must be sha256: and 64 hex digits`)
  return { host, repository, tag, digest }
}

/** @throws RegistryError INVALID_REFERENCE */
export function checkHost (host: string): void {
  if (HOST.test(host)) return
  throw new RegistryError('INVALID_REFERENCE', `${quote(host)} must be a host with or without a port, for example registry.example:5000`)
}

/** Only a registry on this machine is spoken to without TLS unless somebody asks for it. Pure. */
export function isLoopback (host: string): boolean {
  return LOOPBACK.test(host)
}

/** The tag of a version: tags know no +. Pure. */
export function tagOf (version: string): string {
  return version.replaceAll('+', '_')
}

/** As it is written: `host/repository:tag`, or `@digest`. Pure. */
export function describeRemote ({ host, repository, tag, digest }: RemoteReference): string {
  return `${host}/${repository}${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${digest}`}`
}
