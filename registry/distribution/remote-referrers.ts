import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { ArtifactDescriptor } from '../artifact-reader.js'
import { RegistryError } from '../errors.js'
import { canonicalJson } from '../manifest.js'
import { INDEX_MEDIA_TYPE, pullOf, pushOf, type RegistryClient } from './client.js'
import { dropBody, headerOf, readBody, type Reply } from './transport.js'

const INDEX_BYTES_MAX = 4 * 1024 ** 2
const PAGES_MAX = 100
/** Others may replace the index between our reading and writing it. */
const ROUNDS_MAX = 5

const IndexSchema = Type.Object({
  schemaVersion: Type.Literal(2),
  manifests: Type.Array(Type.Object({
    mediaType: Type.Optional(Type.String()),
    artifactType: Type.Optional(Type.String()),
    digest: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }),
    size: Type.Integer({ minimum: 0 }),
    annotations: Type.Optional(Type.Record(Type.String(), Type.String()))
  }))
})

/** What is about a manifest, and whether the registry itself knew: an older one is told by a tag. */
export interface RemoteReferrers { readonly descriptors: ArtifactDescriptor[], readonly isNative: boolean }

/** @throws RegistryError REMOTE_* */
export async function listReferrers (
  client: RegistryClient, repository: string, subject: string, scopes = pullOf(repository)
): Promise<RemoteReferrers> {
  const descriptors: ArtifactDescriptor[] = []
  let target: string | URL = `/v2/${repository}/referrers/${subject}`
  for (let pages = 0; pages < PAGES_MAX; pages++) {
    const reply = await client.request({ method: 'GET', target, scopes, headers: { accept: INDEX_MEDIA_TYPE } })
    if (pages === 0 && (reply.status === 404 || reply.status === 400 || reply.status === 405)) {
      await dropBody(reply)
      const tagged = await client.manifest(repository, fallbackTagOf(subject), scopes)
      return { descriptors: tagged === null ? [] : parseIndex(tagged.bytes, client.host), isNative: false }
    }
    if (reply.status !== 200) throw await client.refusal(reply, `what is about ${subject}`)
    const next = nextOf(reply)
    descriptors.push(...parseIndex(await readBody(reply, INDEX_BYTES_MAX), client.host))
    if (next === null) return { descriptors, isNative: true }
    target = client.resolve(next, reply.url)
  }
  throw new RegistryError('REMOTE_REFUSED', `${client.host} lists what is about ${subject} on more than ${PAGES_MAX} pages`)
}

/**
 * Names a manifest among those about another, for registries that do not do so themselves: an index under a tag that
 * is read, changed, written, and read again in case somebody else did the same.
 * @throws RegistryError REMOTE_*
 */
export async function addFallbackReferrer (
  client: RegistryClient, repository: string, subject: string, descriptor: ArtifactDescriptor
): Promise<void> {
  const scopes = pushOf(repository)
  const tag = fallbackTagOf(subject)
  for (let rounds = 0; rounds < ROUNDS_MAX; rounds++) {
    const present = await client.manifest(repository, tag, scopes)
    const known = present === null ? [] : parseIndex(present.bytes, client.host)
    if (known.some(({ digest }) => digest === descriptor.digest)) return
    const manifests = [...known, descriptor]
    const body = Buffer.from(canonicalJson({ schemaVersion: 2, mediaType: INDEX_MEDIA_TYPE, manifests }))
    const reply = await client.request({
      method: 'PUT', target: `/v2/${repository}/manifests/${tag}`, scopes, headers: { 'content-type': INDEX_MEDIA_TYPE }, body
    })
    if (reply.status !== 201) throw await client.refusal(reply, `the index ${tag}`)
    await dropBody(reply)
  }
  const { descriptors } = await listReferrers(client, repository, subject, scopes)
  if (descriptors.some(({ digest }) => digest === descriptor.digest)) return
  throw new RegistryError('REMOTE_UNAVAILABLE', `others keep replacing the index ${tag} of ${client.host}/${repository}; try again`)
}

/** The tag of the referrers tag schema. Pure. */
function fallbackTagOf (digest: string): string {
  return digest.replace(':', '-')
}

function parseIndex (bytes: Buffer, host: string): ArtifactDescriptor[] {
  let document: unknown
  try {
    document = JSON.parse(bytes.toString())
  } catch {}
  if (Value.Check(IndexSchema, document)) return document.manifests as ArtifactDescriptor[]
  throw new RegistryError('REMOTE_REFUSED', `${host} answered with something else than an image index`)
}

/** `<address>; rel="next"`. */
function nextOf (reply: Reply): string | null {
  return /<([^>]+)>\s*;\s*rel="?next"?/.exec(headerOf(reply, 'link') ?? '')?.[1] ?? null
}
