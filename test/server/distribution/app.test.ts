import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, truncateSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Registry } from '../../../registry/registry.js'
import { buildDistributionApp } from '../../../server/distribution/app.js'
import { parseByteRange } from '../../../server/distribution/byte-range.js'
import { fakeInspect, folderOf, modelBytes, openRegistry } from '../../support/registry-fixtures.js'
import { digestOf } from '../../support/remote-registry.js'

const MODEL = modelBytes('1')
const OTHER = modelBytes('other')

interface Served { app: FastifyInstance, registry: Registry, digest: string, blobs: string }

/** team/m:1.0+a (champion, signed), team/m:2 and other:1, served for reading. */
async function served (options: { connectionsMax?: number } = {}): Promise<Served> {
  const { registry, dataDir } = openRegistry()
  const signWith = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const publish = async (name: string, version: string, bytes: string, more = {}) =>
    (await registry.publish({ path: folderOf({ 'model.onnx': bytes }), name, version, actor: 'ann', ...more }, fakeInspect)).detail.digest
  const digest = await publish('team/m', '1.0+a', MODEL, { alias: 'champion', signWith })
  await publish('team/m', '2', modelBytes('2'))
  await publish('other', '1', OTHER)
  const app = buildDistributionApp({ published: registry.published, connectionsMax: 10, idleTimeoutMs: 5_000, log: () => {}, ...options })
  onTestFinished(async () => { await app.close() })
  return { app, registry, digest, blobs: join(dataDir, 'registry', 'blobs', 'sha256') }
}

describe('the registry for reading', () => {
  it('gives a manifest by tag, alias and digest, byte for byte, for ever the same by digest', async () => {
    const { app, digest } = await served()

    const replies = await Promise.all(['1.0_a', 'champion', digest].map(async (reference) => await app.inject(`/v2/team/m/manifests/${reference}`)))

    for (const { rawPayload, headers, statusCode } of replies) {
      expect(statusCode).toBe(200)
      expect(digestOf(rawPayload)).toBe(digest)
      expect(headers).toMatchObject({ 'content-type': 'application/vnd.oci.image.manifest.v1+json', 'docker-content-digest': digest, etag: `"${digest}"`, 'docker-distribution-api-version': 'registry/2.0' })
    }
    expect(replies.map(({ headers }) => headers['cache-control'])).toEqual(['no-cache', 'no-cache', 'public, max-age=31536000, immutable'])
    const head = await app.inject({ method: 'HEAD', url: '/v2/team/m/manifests/champion' })
    expect([head.statusCode, head.body, head.headers['content-length']]).toEqual([200, '', String(replies[0]!.rawPayload.length)])
    expect((await app.inject({ url: '/v2/team/m/manifests/champion', headers: { 'if-none-match': `"x", W/"${digest}"` } })).statusCode).toBe(304)
  })

  it('gives blobs whole and in ranges', async () => {
    const { app } = await served()
    const url = `/v2/team/m/blobs/${digestOf(MODEL)}`

    const whole = await app.inject(url)
    const part = await app.inject({ url, headers: { range: 'bytes=5-9' } })
    const rest = await app.inject({ url, headers: { range: 'bytes=10-' } })
    const changed = await app.inject({ url, headers: { range: 'bytes=5-9', 'if-range': '"another"' } })
    const behind = await app.inject({ url, headers: { range: 'bytes=100000-' } })
    const head = await app.inject({ method: 'HEAD', url })

    expect([whole.statusCode, whole.body]).toEqual([200, MODEL])
    expect([part.statusCode, part.body, part.headers['content-range']]).toEqual([206, MODEL.slice(5, 10), `bytes 5-9/${MODEL.length}`])
    expect([rest.statusCode, rest.body]).toEqual([206, MODEL.slice(10)])
    expect([changed.statusCode, changed.body]).toEqual([200, MODEL])
    expect([behind.statusCode, behind.headers['content-range']]).toEqual([416, `bytes */${MODEL.length}`])
    expect([head.statusCode, head.body, head.headers['content-length']]).toEqual([200, '', String(MODEL.length)])
  })

  it('gives no blob of another model, nor one that no manifest names', async () => {
    const { app, blobs } = await served()
    writeFileSync(join(blobs, digestOf('stray').slice(7)), 'stray')

    expect((await app.inject(`/v2/other/blobs/${digestOf(OTHER)}`)).statusCode).toBe(200)
    for (const path of [`team/m/blobs/${digestOf(OTHER)}`, `team/m/blobs/${digestOf('stray')}`, `nobody/blobs/${digestOf(MODEL)}`]) {
      expect((await app.inject(`/v2/${path}`)).json()).toEqual({ errors: [{ code: 'BLOB_UNKNOWN', message: expect.any(String), detail: null }] })
    }
  })

  it('lists signatures, filtered by type, and serves them', async () => {
    const { app, digest } = await served()

    const all = await app.inject(`/v2/team/m/referrers/${digest}`)
    const none = await app.inject(`/v2/team/m/referrers/${digest}?artifactType=application/sbom`)
    const [signature] = all.json().manifests
    const manifest = await app.inject(`/v2/team/m/manifests/${signature.digest}`)
    const bundle = await app.inject(`/v2/team/m/blobs/${manifest.json().layers[0].digest}`)

    expect(all.headers['content-type']).toBe('application/vnd.oci.image.index.v1+json')
    expect(signature).toMatchObject({ artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json', size: manifest.rawPayload.length })
    expect([none.json().manifests, none.headers['oci-filters-applied']]).toEqual([[], 'artifactType'])
    expect(manifest.json().subject.digest).toBe(digest)
    expect(bundle.statusCode).toBe(200)
    expect((await app.inject(`/v2/other/referrers/${digest}`)).json().manifests).toEqual([])
    expect((await app.inject(`/v2/other/manifests/${signature.digest}`)).statusCode).toBe(404)
  })

  it('lists repositories and tags page by page', async () => {
    const { app } = await served()

    const first = await app.inject('/v2/team/m/tags/list?n=2')
    const next = /<([^>]+)>; rel="next"/.exec(String(first.headers.link))![1]!
    const second = await app.inject(next)

    expect(first.json()).toEqual({ name: 'team/m', tags: ['1.0_a', '2'] })
    expect([second.json().tags, second.headers.link]).toEqual([['champion'], undefined])
    expect((await app.inject('/v2/_catalog')).json()).toEqual({ repositories: ['other', 'team/m'] })
    expect((await app.inject('/v2/_catalog?last=other')).json()).toEqual({ repositories: ['team/m'] })
    expect((await app.inject('/v2/_catalog?n=0')).json()).toEqual({ repositories: [] })
  })

  it('knows a removed version no more, neither by tag nor by digest, nor its blobs', async () => {
    const { app, registry } = await served()
    const { digest } = registry.show('team/m', '2')
    registry.remove({ name: 'team/m', version: '2', actor: 'ann', reason: 'wrong' })

    for (const path of ['manifests/2', `manifests/${digest}`, `blobs/${digestOf(modelBytes('2'))}`]) {
      expect((await app.inject(`/v2/team/m/${path}`)).statusCode).toBe(404)
    }
    expect((await app.inject('/v2/team/m/tags/list')).json().tags).toEqual(['1.0_a', 'champion'])
  })

  it.each([
    ['GET', '/v2/', 200, undefined], ['GET', '/v2', 200, undefined], ['POST', '/v2/team/m/blobs/uploads/', 405, 'UNSUPPORTED'],
    ['PUT', '/v2/team/m/manifests/1', 405, 'UNSUPPORTED'], ['DELETE', '/v2/team/m/manifests/1', 405, 'UNSUPPORTED'],
    ['GET', '/', 404, 'NAME_UNKNOWN'], ['GET', '/v2/nobody/tags/list', 404, 'NAME_UNKNOWN'], ['GET', '/v2/team/m/manifests/9', 404, 'MANIFEST_UNKNOWN'],
    ['GET', '/v2/team/m/blobs/sha256:1', 400, 'DIGEST_INVALID'], ['GET', '/v2/team/m/blobs/..%2f..%2fgauntlet.db', 404, 'NAME_UNKNOWN'],
    ['GET', '/v2/%ff/x', 400, 'NAME_INVALID'], ['GET', '/v2/team/m/tags/list?n=x', 400, 'PAGINATION_NUMBER_INVALID']
  ] as const)('answers %s %s with %i %s', async (method, url, status, code) => {
    const { app } = await served()

    const reply = await app.inject({ method, url, ...method === 'GET' ? {} : { payload: 'x', headers: { 'content-type': 'text/plain' } } })

    expect([reply.statusCode, reply.json().errors?.[0].code]).toEqual([status, code])
  })

  it('serves no damaged manifest, and no blob of another size', async () => {
    const { app, digest, blobs } = await served()
    const damage = (blob: string): void => {
      const path = join(blobs, blob.slice(7))
      chmodSync(path, 0o644)
      truncateSync(path, 10)
    }
    damage(digestOf(MODEL))
    expect((await app.inject(`/v2/team/m/blobs/${digestOf(MODEL)}`)).json().errors[0].code).toBe('UNKNOWN')
    damage(digest)
    const reply = await app.inject('/v2/team/m/manifests/champion')
    expect([reply.statusCode, reply.json().errors[0].message]).toEqual([500, 'internal error'])
  })

  it('takes no more connections than it may', async () => {
    const { app } = await served({ connectionsMax: 1 })
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as { port: number }
    const first = connect(port, '127.0.0.1')
    await once(first, 'connect')
    await new Promise<void>((resolve) => { app.server.getConnections(() => resolve()) })

    const second = connect(port, '127.0.0.1')
    second.on('error', () => {})
    await once(second, 'close')

    first.destroy()
  })
})

describe('a byte range', () => {
  it.each([
    ['bytes=0-0', { start: 0, end: 1 }], ['bytes=3-', { start: 3, end: 10 }], ['bytes=-4', { start: 6, end: 10 }], ['bytes=-40', { start: 0, end: 10 }],
    ['bytes=3-99', { start: 3, end: 10 }], ['bytes=10-', 'unsatisfiable'], ['bytes=-0', 'unsatisfiable'], ['bytes=5-3', null], ['bytes=-', null],
    ['bytes=0-1,3-4', null], ['lines=0-1', null], [undefined, null]
  ] as const)('%s of 10 bytes is %j', (header, expected) => {
    expect(parseByteRange(header, 10)).toEqual(expected)
  })
})
