import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Published } from '../../registry/distribution/published.js'
import type { Log } from '../log.js'
import { requestId } from '../request-id.js'
import { parseByteRange } from './byte-range.js'
import { sendOciError } from './oci-error.js'

const INDEX_MEDIA_TYPE = 'application/vnd.oci.image.index.v1+json'
const PAGE_MAX = 1_000
const IMMUTABLE = 'public, max-age=31536000, immutable'
const DIGEST = /^sha256:[0-9a-f]{64}$/

export interface DistributionOptions {
  readonly published: Published
  /** Connections at a time; a further one is closed at once. */
  readonly connectionsMax: number
  /** A connection on which no byte moves for so long is closed, ms. */
  readonly idleTimeoutMs: number
  readonly log: Log
}

interface Call { readonly published: Published, readonly request: FastifyRequest, readonly reply: FastifyReply }

/** The registry for reading by the OCI distribution specification 1.1: what a container tool can pull and copy from. */
export function buildDistributionApp (options: DistributionOptions): FastifyInstance {
  const { published, connectionsMax, idleTimeoutMs, log } = options
  const app = Fastify({
    genReqId: requestId,
    connectionTimeout: idleTimeoutMs,
    requestTimeout: idleTimeoutMs,
    forceCloseConnections: true,
    exposeHeadRoutes: false, // made of GET they would read what is not sent
    frameworkErrors: (_error, _request, reply) => { sendOciError(reply, 'NAME_INVALID', 'the path is malformed') }
  })
  app.server.maxConnections = connectionsMax
  app.removeAllContentTypeParsers()
  // what is written to a registry that cannot be written to is not read
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume()
    done(null)
  })
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('docker-distribution-api-version', 'registry/2.0').header('x-content-type-options', 'nosniff')
  })
  app.setErrorHandler((error: Error, request, reply) => {
    log('error', 'reading the registry failed', { requestId: request.id, url: request.url, message: error.message })
    return sendOciError(reply, 'UNKNOWN', 'internal error')
  })
  app.setNotFoundHandler((request, reply) => ['GET', 'HEAD'].includes(request.method)
    ? sendOciError(reply, 'NAME_UNKNOWN', 'there is no such path')
    : sendOciError(reply, 'UNSUPPORTED', 'this registry is read-only: versions come by gauntlet publish, import or pull'))
  for (const url of ['/v2', '/v2/*']) {
    app.route({ method: ['GET', 'HEAD'], url, handler: async (request, reply) => await answer({ published, request, reply }) })
  }
  return app
}

/** Names of repositories have slashes in them, so the last parts of the path tell what is asked. */
async function answer (call: Call): Promise<FastifyReply> {
  const { request, reply } = call
  const path = (request.params as { '*'?: string })['*'] ?? ''
  if (path === '') return await reply.type('application/json').send('{}')
  if (path === '_catalog') return sendCatalog(call)
  if (path.endsWith('/tags/list')) return sendTags(call, path.slice(0, -'/tags/list'.length))
  const [, repository = '', kind, reference = ''] = /^(.+)\/(manifests|blobs|referrers)\/([^/]+)$/.exec(path) ?? []
  if (kind === 'manifests') return await sendManifest(call, repository, reference)
  if (kind === undefined) return sendOciError(reply, 'NAME_UNKNOWN', 'there is no such path')
  if (!DIGEST.test(reference)) return sendOciError(reply, 'DIGEST_INVALID', 'a digest is sha256: and 64 hex digits')
  return kind === 'blobs' ? await sendBlob(call, repository, reference) : await sendReferrers(call, repository, reference)
}

function sendCatalog (call: Call): FastifyReply {
  return sendPage(call, call.published.repositories(), '/v2/_catalog', (repositories) => ({ repositories }))
}

function sendTags (call: Call, repository: string): FastifyReply {
  const tags = call.published.tags(repository)
  if (tags === null) return sendOciError(call.reply, 'NAME_UNKNOWN', 'there is no such repository')
  return sendPage(call, [...tags.keys()], `/v2/${repository}/tags/list`, (page) => ({ name: repository, tags: page }))
}

/** At most `n` of what comes behind `last`, with a link to more. */
function sendPage (
  { request, reply }: Call, sorted: readonly string[], path: string, bodyOf: (page: readonly string[]) => object
): FastifyReply {
  const { n, last } = request.query as { n?: string, last?: string }
  if (n !== undefined && !/^\d{1,9}$/.test(n)) return sendOciError(reply, 'PAGINATION_NUMBER_INVALID', 'n is a whole number')
  const count = Math.min(Number(n ?? PAGE_MAX), PAGE_MAX)
  const from = last === undefined ? sorted : sorted.filter((name) => name > last)
  const page = from.slice(0, count)
  if (page.length < from.length && count > 0) {
    reply.header('link', `<${path}?n=${count}&last=${encodeURIComponent(page.at(-1)!)}>; rel="next"`)
  }
  return reply.type('application/json').header('cache-control', 'no-store').send(JSON.stringify(bodyOf(page)))
}

/** The exact bytes that were published; their digest was checked when they were read. */
async function sendManifest (call: Call, repository: string, reference: string): Promise<FastifyReply> {
  const { published, request, reply } = call
  const manifest = await published.manifest(repository, reference)
  if (manifest === null) return sendOciError(reply, 'MANIFEST_UNKNOWN', 'there is no such manifest')
  const { digest, bytes, mediaType } = manifest
  reply.header('docker-content-digest', digest).header('etag', `"${digest}"`)
    .header('cache-control', reference === digest ? IMMUTABLE : 'no-cache')
  if (isKnown(request, digest)) return await reply.code(304).send()
  reply.header('content-type', mediaType).header('content-length', bytes.length)
  return request.method === 'HEAD' ? await reply.send() : await reply.send(bytes)
}

async function sendBlob (call: Call, repository: string, digest: string): Promise<FastifyReply> {
  const { published, request, reply } = call
  const blob = await published.blob(repository, digest)
  if (blob === null) return sendOciError(reply, 'BLOB_UNKNOWN', 'there is no such blob in this repository')
  const { file, sizeBytes } = blob
  reply.header('docker-content-digest', digest).header('etag', `"${digest}"`).header('cache-control', IMMUTABLE)
    .header('accept-ranges', 'bytes').type('application/octet-stream')
  const range = parseByteRange(request.headers.range, sizeBytes)
  const isWhole = range === null || (request.headers['if-range'] ?? `"${digest}"`) !== `"${digest}"`
  const { start, end } = isWhole || range === 'unsatisfiable' ? { start: 0, end: sizeBytes } : range
  const isBodiless = request.method === 'HEAD' || start === end || isKnown(request, digest)
  if (isBodiless || (!isWhole && range === 'unsatisfiable')) await file.close()
  if (isKnown(request, digest)) return await reply.code(304).send()
  if (!isWhole && range === 'unsatisfiable') return await reply.code(416).header('content-range', `bytes */${sizeBytes}`).send()
  if (!isWhole) reply.code(206).header('content-range', `bytes ${start}-${end - 1}/${sizeBytes}`)
  reply.header('content-length', end - start)
  if (isBodiless) return await reply.send()
  return await reply.send(file.createReadStream({ start, end: end - 1, highWaterMark: 256 * 1024 }))
}

async function sendReferrers (call: Call, repository: string, subject: string): Promise<FastifyReply> {
  const { published, request, reply } = call
  const { artifactType } = request.query as { artifactType?: string }
  const all = await published.referrers(repository, subject)
  if (artifactType !== undefined) reply.header('oci-filters-applied', 'artifactType')
  const manifests = all.filter((each) => artifactType === undefined || each.artifactType === artifactType)
  return await reply.header('content-type', INDEX_MEDIA_TYPE).header('cache-control', 'no-cache')
    .send(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX_MEDIA_TYPE, manifests })))
}

function isKnown (request: FastifyRequest, digest: string): boolean {
  return (request.headers['if-none-match'] ?? '').split(',').some((etag) => etag.trim().replace(/^W\//, '') === `"${digest}"`)
}
