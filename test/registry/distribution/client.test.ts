import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parseChallenge } from '../../../registry/distribution/challenge.js'
import { RegistryClient, pullOf, pushOf, type ClientOptions } from '../../../registry/distribution/client.js'
import { parseRemoteReference, tagOf } from '../../../registry/distribution/remote-reference.js'
import { remoteReader } from '../../../registry/distribution/remote-reader.js'
import { basicOf, digestOf, RemoteRegistry, USER } from '../../support/remote-registry.js'

const MEDIA_TYPE = 'application/vnd.oci.image.manifest.v1+json'

function clientOf (remote: { host: string }, options: Partial<ClientOptions> = {}): { client: RegistryClient, waits: number[] } {
  const waits: number[] = []
  const client = new RegistryClient({ host: remote.host, random: () => 1, wait: async (ms) => { waits.push(ms) }, ...options })
  onTestFinished(() => client.close())
  return { client, waits }
}

async function bytesOf (blob: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of blob) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function addManifest (remote: RemoteRegistry, bytes: Buffer, reference = 'v1'): void {
  remote.manifests.set(`m:${reference}`, { bytes, mediaType: MEDIA_TYPE })
}

describe('a remote reference', () => {
  it.each([
    ['registry.example/m', { host: 'registry.example', repository: 'm', tag: null, digest: null }],
    ['oci://127.0.0.1:5000/team/m:1.0', { host: '127.0.0.1:5000', repository: 'team/m', tag: '1.0', digest: null }],
    [`[::1]:5000/m@${digestOf('')}`, { host: '[::1]:5000', repository: 'm', tag: null, digest: digestOf('') }],
    ['localhost/m', { host: 'localhost', repository: 'm', tag: null, digest: null }]
  ])('%s is understood', (text, expected) => {
    expect(parseRemoteReference(text)).toEqual(expected)
  })

  it.each([
    'm', 'team/m', 'registry.example/M', 'registry.example/m:1+0', 'registry.example/../m', 'registry.example/m@sha256:12', 'user@registry.example/m', '/m',
    'registry.example/m:', 'registry.example/m?x=1', 'registry.example:999999/m', 'registry .example/m', ''
  ])('%j is refused', (text) => {
    expect(() => parseRemoteReference(text)).toThrow(expect.objectContaining({ code: 'INVALID_REFERENCE' }))
  })

  it('writes + of a version as _', () => {
    expect(tagOf('1.0+cuda+x')).toBe('1.0_cuda_x')
  })
})

describe('a challenge', () => {
  it.each([
    ['Basic realm="x"', { scheme: 'basic' }],
    ['Bearer realm="https://a/b?c=d,e",service="s",scope="repository:m:pull,push"', { scheme: 'bearer', realm: 'https://a/b?c=d,e', service: 's', scope: 'repository:m:pull,push' }],
    ['Negotiate, Basic realm="x", bearer Realm=https://a', { scheme: 'bearer', realm: 'https://a', service: null, scope: null }],
    ['Bearer error="invalid_token"', null], ['', null], [null, null], [',,,=', null]
  ])('%j is read', (header, expected) => {
    expect(parseChallenge(header)).toEqual(expected)
  })
})

describe('authorisation', () => {
  it('gets a token without credentials to read, and uses it until it is refused', async () => {
    const remote = await RemoteRegistry.start({ auth: 'token' })
    addManifest(remote, Buffer.from('{}'))
    const { client } = clientOf(remote)

    await client.manifest('m', 'v1')
    await client.manifest('m', 'v1')
    remote.tokens.clear()
    await client.manifest('m', 'v1')

    expect(remote.calls.filter((call) => call === 'GET /token')).toHaveLength(2)
    expect(remote.seen.filter(({ url }) => url.startsWith('/token')).map(({ headers }) => headers.authorization)).toEqual([undefined, undefined])
    expect(new URL(remote.seen.find(({ url }) => url.startsWith('/token'))!.url, 'http://x').searchParams.getAll('scope')).toEqual(pullOf('m'))
  })

  it('sends name and password to the place for tokens, for the scope that is needed', async () => {
    const remote = await RemoteRegistry.start({ auth: 'token' })
    const { client } = clientOf(remote, { credentials: USER })

    expect(await client.exists('m', 'blobs', digestOf('x'), pushOf('m'))).toBe(false)

    const asked = remote.seen.find(({ url }) => url.startsWith('/token'))!
    expect(asked.headers.authorization).toBe(basicOf(USER))
    expect(new URL(asked.url, 'http://x').searchParams.get('scope')).toBe('repository:m:pull,push')
    expect(remote.seen.filter(({ url }) => url.startsWith('/v2/')).every(({ headers }) => !headers.authorization?.startsWith('Basic'))).toBe(true)
  })

  it('is refused without credentials where they are needed, and with wrong ones', async () => {
    const remote = await RemoteRegistry.start({ auth: 'token' })
    await expect(clientOf(remote).client.exists('m', 'blobs', digestOf('x'), pushOf('m'))).rejects.toMatchObject({ code: 'REMOTE_UNAUTHORIZED', message: expect.stringContaining('gauntlet login') })

    const basic = await RemoteRegistry.start({ auth: 'basic' })
    await expect(clientOf(basic, { credentials: { ...USER, password: 'wrong' } }).client.exists('m', 'blobs', digestOf('x'))).rejects.toMatchObject({ code: 'REMOTE_UNAUTHORIZED' })
    expect(basic.calls).toHaveLength(2)
    expect(await clientOf(basic, { credentials: USER }).client.exists('m', 'blobs', digestOf('x'))).toBe(false)
  })

  it('never sends credentials to a place for tokens without TLS when the registry has it', async () => {
    const remote = await RemoteRegistry.start({
      fault: (_request, response) => {
        response.writeHead(401, { 'www-authenticate': 'Bearer realm="http://tokens.example/"' }).end()
        return true
      }
    })

    await expect(clientOf(remote, { credentials: USER }).client.exists('m', 'blobs', digestOf('x'))).rejects.toMatchObject({ code: 'REMOTE_REFUSED', message: expect.stringContaining('https') })
  })
})

describe('a redirect', () => {
  it('to another host is followed without Authorization and cookies', async () => {
    const bytes = Buffer.from('the blob')
    const headers: unknown[] = []
    const storage = createServer((request, response) => {
      headers.push(request.headers)
      response.end(bytes)
    }).listen(0, '127.0.0.1')
    await once(storage, 'listening')
    onTestFinished(() => { storage.close() })
    const remote = await RemoteRegistry.start({
      auth: 'basic',
      fault: ({ headers, url }, response) => {
        if (headers.authorization === undefined || !url.includes('/blobs/')) return false
        response.writeHead(307, { location: `http://127.0.0.1:${(storage.address() as AddressInfo).port}/bucket?signature=1`, 'set-cookie': 'session=1' }).end()
        return true
      }
    })
    const { client } = clientOf(remote, { credentials: USER })

    const read = await bytesOf(remoteReader(client, parseRemoteReference(`${remote.host}/m:1`)).blob(digestOf(bytes)))

    expect(read).toEqual(bytes)
    expect(headers).toHaveLength(1)
    expect(headers[0]).not.toHaveProperty('authorization')
    expect(headers[0]).not.toHaveProperty('cookie')
  })

  it('that never ends is refused', async () => {
    const remote = await RemoteRegistry.start({ fault: (_request, response) => { response.writeHead(302, { location: '/v2/again' }).end(); return true } })

    await expect(clientOf(remote).client.manifest('m', '1')).rejects.toMatchObject({ code: 'REMOTE_REFUSED', message: expect.stringContaining('5 times') })
    expect(remote.calls).toHaveLength(6)
  })

  it('never leads from TLS to plain text, but for a registry that does not know of the TLS before it', () => {
    const { client } = clientOf({ host: 'registry.example:5000' })

    expect(() => client.resolve('http://storage.example/x')).toThrow(expect.objectContaining({ code: 'REMOTE_REFUSED' }))
    expect(() => client.resolve('file:///etc/passwd')).toThrow(expect.objectContaining({ code: 'REMOTE_REFUSED' }))
    expect(() => client.resolve('http://')).toThrow(expect.objectContaining({ code: 'REMOTE_REFUSED' }))
    expect(client.resolve('http://registry.example:5000/x').href).toBe('https://registry.example:5000/x')
    expect(client.resolve('/y').href).toBe('https://registry.example:5000/y')
  })
})

describe('repetition', () => {
  it('waits as long as the registry says, else longer every time, and ends', async () => {
    let count = 0
    const remote = await RemoteRegistry.start({
      fault: (_request, response) => {
        if (count++ === 0) response.writeHead(429, { 'retry-after': '7' }).end()
        else response.writeHead(503).end()
        return true
      }
    })
    const { client, waits } = clientOf(remote)

    await expect(client.manifest('m', '1')).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
    expect(waits).toEqual([7_000, 500, 1_000, 2_000])
    expect(remote.calls).toHaveLength(5)
  })

  it('never waits longer than the bound, whatever the registry says', async () => {
    let count = 0
    const remote = await RemoteRegistry.start({ fault: (_request, response) => { if (count++ > 0) return false; response.writeHead(503, { 'retry-after': '86400' }).end(); return true } })
    addManifest(remote, Buffer.from('{}'))
    const { client, waits } = clientOf(remote)

    expect((await client.manifest('m', 'v1'))?.bytes.toString()).toBe('{}')
    expect(waits).toEqual([60_000])
  })

  it('gives up a connection on which nothing moves', async () => {
    const remote = await RemoteRegistry.start({ fault: () => true })
    const { client, waits } = clientOf(remote, { limits: { answerTimeoutMs: 20, idleTimeoutMs: 20, retriesMax: 1 } })

    await expect(client.manifest('m', '1')).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE', message: expect.stringContaining('no byte moved') })
    expect(waits).toHaveLength(1)
  })

  it('stops at once when it is interrupted', async () => {
    const abort = new AbortController()
    const remote = await RemoteRegistry.start({ fault: () => { abort.abort(); return true } })

    await expect(clientOf(remote, { signal: abort.signal }).client.manifest('m', '1')).rejects.toThrow()
    expect(remote.calls).toHaveLength(1)
  })

  it('says what to do about a registry that is not there', async () => {
    await expect(clientOf({ host: '127.0.0.1:1' }, { limits: { retriesMax: 0 } }).client.manifest('m', '1'))
      .rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE', message: expect.stringMatching(/127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/) })
  })
})

describe('a manifest', () => {
  it('is refused when its bytes are not those of its digest', async () => {
    const remote = await RemoteRegistry.start()
    addManifest(remote, Buffer.from('{"tampered":true}'), digestOf('{}'))

    await expect(clientOf(remote).client.manifest('m', digestOf('{}'))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
  })

  it('larger than 4 MiB is refused before it is read whole', async () => {
    const remote = await RemoteRegistry.start({
      fault: (_request, response) => {
        response.writeHead(200, { 'content-type': MEDIA_TYPE })
        const more = (): void => { while (!response.destroyed && response.write(Buffer.alloc(65_536, 32))); }
        response.on('drain', more)
        more()
        return true
      }
    })

    await expect(clientOf(remote).client.manifest('m', '1')).rejects.toMatchObject({ code: 'REMOTE_REFUSED', message: expect.stringContaining('4194304') })
  })
})

describe('a download', () => {
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251))

  it.each([true, false])('that is cut goes on where it was (the registry knows ranges: %s)', async (hasRanges) => {
    let cuts = 0
    const remote = await RemoteRegistry.start({
      fault: ({ headers }, response) => {
        if (!hasRanges) delete headers.range
        if (cuts++ > 1) return false
        const start = Number(/\d+/.exec(headers.range ?? '')?.[0] ?? 0)
        response.writeHead(start > 0 ? 206 : 200, { 'content-length': bytes.length - start, ...start > 0 ? { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {} })
        response.write(bytes.subarray(start, start + 100_000), () => { response.destroy() })
        return true
      }
    })
    remote.blobs.set(`m@${digestOf(bytes)}`, bytes)
    const { client } = clientOf(remote)

    expect((await bytesOf(remoteReader(client, parseRemoteReference(`${remote.host}/m:1`)).blob(digestOf(bytes)))).equals(bytes)).toBe(true)
    expect(remote.calls).toHaveLength(3)
  })

  it('begins at an offset', async () => {
    const remote = await RemoteRegistry.start()
    remote.blobs.set(`m@${digestOf(bytes)}`, bytes)

    const rest = await bytesOf(remoteReader(clientOf(remote).client, parseRemoteReference(`${remote.host}/m:1`)).blob(digestOf(bytes), 299_000))

    expect(rest.equals(bytes.subarray(299_000))).toBe(true)
    expect(remote.seen[0]?.headers.range).toBe('bytes=299000-')
  })

  it('that is cut every time ends', async () => {
    const remote = await RemoteRegistry.start({ fault: (_request, response) => { response.writeHead(200, { 'content-length': 9 }); response.flushHeaders(); response.destroy(); return true } })

    await expect(bytesOf(remoteReader(clientOf(remote).client, parseRemoteReference(`${remote.host}/m:1`)).blob(digestOf(bytes))))
      .rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
  })
})
