import { appendFileSync, chmodSync, readdirSync, writeFileSync } from 'node:fs'
import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { RegistryClient, type ClientOptions } from '../../../registry/distribution/client.js'
import { push, type PushRequest, type PushResult, type PushStep } from '../../../registry/distribution/push.js'
import type { Registry } from '../../../registry/registry.js'
import { fakeInspect, folderOf, modelBytes, openRegistry } from '../../support/registry-fixtures.js'
import { digestOf, RemoteRegistry, USER, type RemoteOptions } from '../../support/remote-registry.js'

const WEIGHTS = Buffer.alloc(300_000, 'weights')

/** A registry with the version m:1, whose weights are larger than a chunk. */
async function published (isSigned = false): Promise<{ registry: Registry, digest: string, blobs: string, temporary: string }> {
  const { registry, dataDir } = openRegistry()
  const path = folderOf({ 'model.onnx': modelBytes('1'), 'model.onnx_data': WEIGHTS })
  const signing = isSigned ? { signWith: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey } : {}
  const { detail } = await registry.publish({ path, name: 'm', version: '1', actor: 'ann', ...signing }, fakeInspect)
  return { registry, digest: detail.digest, blobs: join(dataDir, 'registry', 'blobs', 'sha256'), temporary: join(dataDir, 'tmp') }
}

async function pushTo (
  remote: RemoteRegistry, registry: Registry, request: Partial<PushRequest> & { digest: string }, options: Partial<ClientOptions> = {}
): Promise<PushResult> {
  const client = new RegistryClient({ host: remote.host, wait: async () => {}, ...options })
  try {
    return await push(client, registry.published, registry.uploads, { repository: 'team/m', tags: ['1'], chunkBytes: 65_536, ...request })
  } finally {
    client.close()
  }
}

/** Everything the remote holds is what its digest says, and the tag names the version. */
function expectWhole (remote: RemoteRegistry, digest: string, tag = 'team/m:1'): void {
  for (const [key, bytes] of remote.blobs) expect(digestOf(bytes)).toBe(key.slice(key.indexOf('@') + 1))
  expect(digestOf(remote.manifests.get(tag)!.bytes)).toBe(digest)
}

async function start (options: RemoteOptions = {}): Promise<RemoteRegistry> {
  return await RemoteRegistry.start(options)
}

describe('a push', () => {
  it('sends layers, config and manifest, and the tags last; the same again changes nothing', async () => {
    const { registry, digest } = await published()
    const remote = await start({ auth: 'token' })
    const steps: PushStep[] = []

    const result = await pushTo(remote, registry, { digest, tags: ['1', 'champion'], onStep: (step) => steps.push(step) }, { credentials: USER })
    const writes = remote.calls.filter((call) => /^P/.test(call))
    const again = await pushTo(remote, registry, { digest, tags: ['1', 'champion'] }, { credentials: USER })

    expect(result).toMatchObject({ status: 'pushed', sent: { blobs: 4 }, present: { blobs: 0 }, referrers: 0 })
    expectWhole(remote, digest)
    expect(writes.slice(-3)).toEqual(['PUT /v2/team/m/manifests/DIGEST', 'PUT /v2/team/m/manifests/1', 'PUT /v2/team/m/manifests/champion'])
    expect(steps.slice(-3)).toEqual(['manifest', 'tag', 'tag'])
    expect(again).toMatchObject({ status: 'unchanged', sent: { blobs: 0, bytes: 0 }, present: { blobs: 4, bytes: result.sent.bytes } })
    expect(remote.calls.filter((call) => /^P/.test(call))).toEqual(writes)
  })

  it('as a dry run writes nothing and says what would be sent', async () => {
    const { registry, digest } = await published(true)
    const remote = await start()

    expect(await pushTo(remote, registry, { digest, isDryRun: true })).toMatchObject({ status: 'pushed', sent: { blobs: 6 }, referrers: 1 })
    expect(remote.calls.filter((call) => !/^(GET|HEAD)/.test(call))).toEqual([])
    await pushTo(remote, registry, { digest })
    expect(await pushTo(remote, registry, { digest, isDryRun: true })).toMatchObject({ status: 'unchanged', sent: { blobs: 0 } })
  })

  it('sends a large blob in pieces, each to the address that the last answer gave', async () => {
    const { registry, digest } = await published()
    const remote = await start({ chunkMinBytes: 100_000 })

    await pushTo(remote, registry, { digest })

    expect(remote.seen.filter(({ method }) => method === 'PATCH').map(({ headers }) => headers['content-range'])).toEqual(['0-99999', '100000-199999', '200000-299999'])
    expectWhole(remote, digest)
  })

  it.each([true, false])('offers a small blob with the first request (the registry takes it: %s)', async (isMonolithic) => {
    const { registry, digest } = await published()
    const remote = await start({ isMonolithic })

    await pushTo(remote, registry, { digest })

    expectWhole(remote, digest)
    expect(remote.calls.filter((call) => call === 'PUT /v2/team/m/blobs/uploads/ID')).toHaveLength(isMonolithic ? 1 : 4)
  })

  it('uses the blobs of another repository where the registry lets it', async () => {
    const { registry, digest } = await published()
    const remote = await start()
    await pushTo(remote, registry, { digest, repository: 'base/m' })
    remote.blobs.delete(`base/m@${digestOf(WEIGHTS)}`)

    const result = await pushTo(remote, registry, { digest, mountFrom: 'base/m' })

    expect(result).toMatchObject({ mounted: { blobs: 3 }, sent: { blobs: 1, bytes: WEIGHTS.length } })
    expectWhole(remote, digest)
  })

  it('goes on where the registry stands after a connection was cut in the middle of a piece', async () => {
    const { registry, digest } = await published()
    let cuts = 0
    const remote = await start({
      cutAfterBytes: ({ method, headers }) =>
        method === 'PATCH' && headers['content-range']!.startsWith('65536-') && cuts++ === 0 ? 20_000 : null
    })

    await pushTo(remote, registry, { digest })

    expect(cuts).toBe(1)
    const starts = remote.seen.filter(({ method }) => method === 'PATCH').map(({ headers }) => Number(headers['content-range']!.split('-')[0]))
    expect(starts[0]).toBe(0)
    expect(starts[2]).toBe(65_536 + 20_000)
    expectWhole(remote, digest)
  })

  it('begins again when the registry has lost the upload, and ends when it loses every one', async () => {
    const { registry, digest } = await published()
    let losses = 0
    const lossy = (lossesMax: number): RemoteOptions => ({
      fault: ({ method, url }) => {
        if (method === 'PATCH' && losses++ < lossesMax) remote.uploads.delete(/uploads\/([^?]+)/.exec(url)![1]!)
        return false
      }
    })
    let remote = await start(lossy(2))
    await pushTo(remote, registry, { digest })
    expectWhole(remote, digest)

    losses = 0
    remote = await start(lossy(Infinity))
    await expect(pushTo(remote, registry, { digest })).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE', message: expect.stringContaining('lost the upload') })
    expect(remote.manifests.size).toBe(0)
  })

  it('that ended in the middle of a blob goes on there the next time, in whatever process', async () => {
    const { registry, digest, temporary } = await published()
    let isDown = false
    const remote = await start({
      fault: ({ method, headers }, response) => {
        isDown ||= method === 'PATCH' && headers['content-range']?.startsWith('131072-') === true
        if (isDown) response.destroy()
        return isDown
      }
    })
    await expect(pushTo(remote, registry, { digest }, { limits: { retriesMax: 0 } })).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
    expect(readdirSync(temporary).filter((name) => name.startsWith('upload-'))).toHaveLength(1)
    const before = remote.seen.length
    remote.options.fault = undefined

    await pushTo(remote, registry, { digest })

    expect(remote.seen.slice(before).filter(({ method }) => method === 'PATCH').map(({ headers }) => headers['content-range']))
      .toEqual(['131072-196607', '196608-262143', '262144-299999'])
    expectWhole(remote, digest)
    expect(readdirSync(temporary).filter((name) => name.startsWith('upload-'))).toEqual([])
  })

  it('takes what it kept of an upload for nothing when that is damaged', async () => {
    const { registry, digest, temporary } = await published()
    const remote = await start()
    await registry.uploads.save(`http://${remote.host}/team/m`, digestOf(WEIGHTS), '/v2/team/m/blobs/uploads/gone')
    await pushTo(remote, registry, { digest })
    expectWhole(remote, digest)

    const elsewhere = await start()
    await registry.uploads.save(`http://${elsewhere.host}/team/m`, digestOf(WEIGHTS), 'x')
    for (const name of readdirSync(temporary)) writeFileSync(join(temporary, name), 'torn and\nspread over lines')
    await pushTo(elsewhere, registry, { digest })
    expectWhole(elsewhere, digest)
  })

  it('of a damaged blob is refused, and names that blob', async () => {
    const { registry, digest, blobs } = await published()
    const remote = await start()
    const weights = join(blobs, digestOf(WEIGHTS).slice(7))
    chmodSync(weights, 0o644)
    writeFileSync(weights, Buffer.alloc(WEIGHTS.length, 'tampered'))

    await expect(pushTo(remote, registry, { digest })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH', message: expect.stringContaining(digestOf(WEIGHTS)) })
    appendFileSync(weights, 'longer')
    await expect(pushTo(remote, registry, { digest })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH', message: expect.stringContaining('expected 300000') })
    expect(remote.manifests.size).toBe(0)
  })

  it('that may not write says so, and that the registry refuses says why', async () => {
    const { registry, digest } = await published()
    const remote = await start({ auth: 'token' })
    await expect(pushTo(remote, registry, { digest })).rejects.toMatchObject({ code: 'REMOTE_UNAUTHORIZED' })

    const strict = await start({
      fault: ({ method, url }, response) => {
        if (method !== 'PUT' || !url.includes('/manifests/')) return false
        response.writeHead(400).end('{"errors":[{"code":"MANIFEST_INVALID","message":"no \\u001b[31mmodels here"}]}')
        return true
      }
    })
    await expect(pushTo(strict, registry, { digest })).rejects.toMatchObject({ code: 'REMOTE_REFUSED', message: expect.stringContaining('MANIFEST_INVALID no \\u001b[31mmodels here') })
  })

  it('tells progress that ends at the size of what was sent', async () => {
    const { registry, digest } = await published()
    const remote = await start()
    const told = { total: 0, done: 0, open: 0 }

    const { sent } = await pushTo(remote, registry, {
      digest,
      progress: {
        start: (_label, bytes) => { told.total += bytes ?? 0; told.open++ },
        add: (bytes) => { told.done += bytes },
        end: () => { told.open-- }
      }
    })

    expect(told).toEqual({ total: sent.bytes, done: sent.bytes, open: 0 })
  })
})

describe('signatures', () => {
  it('go with the version, before its tag', async () => {
    const { registry, digest } = await published(true)
    const remote = await start({ hasReferrers: true })

    expect(await pushTo(remote, registry, { digest })).toMatchObject({ referrers: 1 })

    const writes = remote.calls.filter((call) => /^PUT .*manifests/.test(call))
    expect(writes).toEqual(['PUT /v2/team/m/manifests/DIGEST', 'PUT /v2/team/m/manifests/DIGEST', 'PUT /v2/team/m/manifests/1'])
    expect(await pushTo(remote, registry, { digest })).toMatchObject({ status: 'unchanged', referrers: 1 })
  })

  it('are listed under a tag where the registry does not list them, beside what is there', async () => {
    const { registry, digest } = await published(true)
    const remote = await start()
    const tag = `team/m:${digest.replace(':', '-')}`
    const other = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf('other'), size: 5 }
    const mediaType = 'application/vnd.oci.image.index.v1+json'
    remote.manifests.set(tag, { mediaType, bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests: [other] })) })

    await pushTo(remote, registry, { digest })
    const listed = JSON.parse(remote.manifests.get(tag)!.bytes.toString()).manifests
    await pushTo(remote, registry, { digest })

    expect(listed).toHaveLength(2)
    expect(listed[0]).toEqual(other)
    expect(listed[1]).toMatchObject({ artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json' })
    expect(remote.manifests.has(`team/m:${listed[1].digest}`)).toBe(true)
    expect(JSON.parse(remote.manifests.get(tag)!.bytes.toString()).manifests).toEqual(listed)
  })
})

describe('the step', () => {
  it.each<PushStep>(['checked', 'chunk', 'blob', 'manifest', 'signature', 'tag'])('%s may be the last: the next push completes', async (last) => {
    const { registry, digest } = await published(true)
    const remote = await start()
    const stop = new Error('stop')

    await expect(pushTo(remote, registry, { digest, onStep: (step) => { if (step === last) throw stop } })).rejects.toBe(stop)
    const tagged = remote.manifests.get('team/m:1')
    await pushTo(remote, registry, { digest })

    expect(tagged !== undefined).toBe(last === 'tag')
    expectWhole(remote, digest)
    expect(remote.manifests.has(`team/m:${digest.replace(':', '-')}`)).toBe(true)
  })
})
