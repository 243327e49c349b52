import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type * as Models from '../../models/inspect.js'
import { RegistryClient } from '../../registry/distribution/client.js'
import { CredentialStore } from '../../registry/distribution/credentials.js'
import { push, type PushRequest, type PushResult } from '../../registry/distribution/push.js'
import { parseRemoteReference } from '../../registry/distribution/remote-reference.js'
import { remoteReader, resolveRemote } from '../../registry/distribution/remote-reader.js'
import type { Registry } from '../../registry/registry.js'
import { loadPublicKey } from '../../registry/signing/keys.js'
import { buildDistributionApp } from '../../server/distribution/app.js'
import { importCompiled } from '../support/compiled.js'
import { runTransfer } from '../support/distribution-process.js'
import { FIXTURES } from '../support/fixtures.js'
import { HAS_PEERS, skopeo, startDockerRegistry } from '../support/peer-programs.js'
import { fakeInspect, folderOf, modelBytes, openRegistry, temporaryFolder } from '../support/registry-fixtures.js'
import { digestOf, USER } from '../support/remote-registry.js'

const MODELS = ['mnist-12', 'iris-rf', 'magika-standard-v3_3']
const WEIGHTS = Buffer.alloc(3_000_000, 'weights')
const CHUNK_BYTES = 500_000
/** USER with bcrypt, as `htpasswd -B` writes it. */
const HTPASSWD = `${USER.username}:$2y$05$abcdefghijklmnopqrstuui90UCXlqHq3TkXktXCP2l38BnuREfvm\n`

if (!HAS_PEERS) process.stderr.write('skopeo and docker-registry are not installed: tests with them are skipped\n')

/** A registry with m:1+a, whose weights are larger than a chunk. */
async function published (): Promise<{ registry: Registry, dataDir: string, digest: string }> {
  const { registry, dataDir } = openRegistry()
  const path = folderOf({ 'model.onnx': modelBytes('1'), 'model.onnx_data': WEIGHTS })
  const { detail } = await registry.publish({ path, name: 'm', version: '1+a', actor: 'ann' }, fakeInspect)
  return { registry, dataDir, digest: detail.digest }
}

async function publishReal (registry: Registry, model: string): Promise<string> {
  const { inspectModel } = await importCompiled<typeof Models>('models/inspect.js')
  return (await registry.publish({ path: join(FIXTURES!, 'models', model), name: `real/${model.replaceAll('_', '.')}`, version: '1.0', actor: 'ann', task: 'tensor' }, inspectModel)).detail.digest
}

async function pushTo (host: string, registry: Registry, request: Omit<PushRequest, 'tags'>): Promise<PushResult> {
  const client = new RegistryClient({ host })
  try {
    return await push(client, registry.published, registry.uploads, { tags: ['1'], chunkBytes: CHUNK_BYTES, ...request })
  } finally {
    client.close()
  }
}

async function pullFrom (registry: Registry, source: string): Promise<string> {
  const reference = parseRemoteReference(source)
  const client = new RegistryClient({ host: reference.host })
  try {
    const digest = await resolveRemote(client, reference)
    return (await registry.ingest({ digest, actor: 'ann' }, remoteReader(client, reference), fakeInspect)).detail.digest
  } finally {
    client.close()
  }
}

/** A layout of skopeo: every blob is what its digest says, and the one entry is the manifest. */
function digestIn (folder: string): string {
  const blobs = join(folder, 'blobs', 'sha256')
  for (const hex of readdirSync(blobs)) expect(digestOf(readFileSync(join(blobs, hex)))).toBe(`sha256:${hex}`)
  return JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')).manifests[0].digest
}

async function serve (registry: Registry): Promise<string> {
  const app = buildDistributionApp({ published: registry.published, connectionsMax: 20, idleTimeoutMs: 10_000, log: () => {} })
  await app.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(async () => { await app.close() })
  return `127.0.0.1:${(app.server.address() as { port: number }).port}`
}

describe.skipIf(!HAS_PEERS)('with docker-registry and skopeo', () => {
  it.skipIf(FIXTURES === null).each(MODELS)('%s keeps its digest: pushed, copied by skopeo, pulled, served, pulled', async (model) => {
    const { registry, dataDir } = openRegistry()
    const digest = await publishReal(registry, model)
    const name = `real/${model.replaceAll('_', '.')}`
    const { host } = await startDockerRegistry()
    const [fromDocker, fromUs, fromLayout] = [temporaryFolder(), temporaryFolder(), temporaryFolder()]

    await pushTo(host, registry, { digest, repository: 'a/pushed' })
    await skopeo('copy', '--src-tls-verify=false', `docker://${host}/a/pushed:1`, `oci:${fromDocker}:x`)
    await skopeo('copy', '--src-tls-verify=false', `docker://${await serve(registry)}/${name}:1.0`, `oci:${fromUs}:x`)
    await skopeo('copy', `oci:${join(dataDir, 'registry')}:${name}:1.0`, `oci:${fromLayout}:x`)
    await skopeo('copy', '--dest-tls-verify=false', `oci:${join(dataDir, 'registry')}:${name}:1.0`, `docker://${host}/b/copied:1`)

    expect([digestIn(fromDocker), digestIn(fromUs), digestIn(fromLayout)]).toEqual([digest, digest, digest])
    for (const source of [`${host}/a/pushed:1`, `${host}/b/copied:1`, `${await serve(registry)}/${name}:1.0`]) {
      const { registry: other } = openRegistry()
      expect(await pullFrom(other, source)).toBe(digest)
      expect(await other.verify(name, '1.0')).toMatchObject({ ok: true })
    }
  })

  it('a signature travels under the fallback tag, and the policy of the puller holds', async () => {
    const { registry, digest } = await published()
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const folder = folderOf({ 'key.pub': keys.publicKey.export({ type: 'spki', format: 'pem' }).toString() })
    const { host } = await startDockerRegistry()
    await pushTo(host, registry, { digest, repository: 'm' })
    const strict = openRegistry({ signaturePolicy: 'require' }).registry
    strict.signing.decide({ actor: 'ann', reason: 'ours' }, { trust: loadPublicKey(join(folder, 'key.pub')), name: 'build', isReinstated: false })
    await expect(pullFrom(strict, `${host}/m:1`)).rejects.toMatchObject({ code: 'SIGNATURE_REQUIRED' })

    await registry.signing.sign({ name: 'm', version: '1+a', digest, actor: 'ann', reason: 'release' }, keys.privateKey)
    expect(await pushTo(host, registry, { digest, repository: 'm' })).toMatchObject({ status: 'pushed', referrers: 1 })
    expect(await pushTo(host, registry, { digest, repository: 'm' })).toMatchObject({ status: 'unchanged', referrers: 1 })

    expect(await pullFrom(strict, `${host}/m:1`)).toBe(digest)
    expect(await strict.signing.report(digest)).toMatchObject({ state: 'signed' })
    expect(JSON.parse(await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${host}/m:${digest.replace(':', '-')}`)).manifests).toHaveLength(1)
  })

  it('a name and password open a registry that asks for them', async () => {
    const { registry, digest } = await published()
    const { host } = await startDockerRegistry(HTPASSWD)
    const store = new CredentialStore({ XDG_CONFIG_HOME: temporaryFolder(), HOME: '/nonexistent' })
    await expect(pushTo(host, registry, { digest, repository: 'm' })).rejects.toMatchObject({ code: 'REMOTE_UNAUTHORIZED' })
    await store.set(host, USER)

    const client = new RegistryClient({ host, credentials: await store.find(host) })
    onTestFinished(() => client.close())
    expect(await push(client, registry.published, registry.uploads, { digest, repository: 'm', tags: ['1'], chunkBytes: CHUNK_BYTES })).toMatchObject({ status: 'pushed' })
    expect(await resolveRemote(client, parseRemoteReference(`${host}/m:1`))).toBe(digest)
  })

  it('a push that is killed between two pieces goes on with the next piece', async () => {
    const { registry, dataDir, digest } = await published()
    const { host } = await startDockerRegistry()
    const transfer = { kind: 'push', dataDir, target: `${host}/m:1`, digest, chunkBytes: CHUNK_BYTES } as const

    expect(await runTransfer({ ...transfer, dieAt: 'chunk' })).toMatchObject({ signal: 'SIGKILL' })
    const again = await runTransfer(transfer)

    expect(again.code).toBe(0)
    expect(again.steps.filter((step) => step === 'chunk')).toHaveLength(WEIGHTS.length / CHUNK_BYTES - 1)
    expect(await pullFrom(openRegistry().registry, `${host}/m:1`)).toBe(digest)
    expect(registry.show('m', '1+a').digest).toBe(digest)
  })

  it('a push that is killed at any moment completes the next time', async () => {
    const { dataDir, digest } = await published()
    const { host } = await startDockerRegistry()
    const transfer = { kind: 'push', dataDir, target: `${host}/m:1`, digest, chunkBytes: CHUNK_BYTES } as const

    for (const pieces of [1, 3]) {
      let seen = 0
      const killed = await runTransfer(transfer, (line, kill) => { if (line === 'chunk' && ++seen === pieces) kill() })
      expect(killed.signal).toBe('SIGKILL')
    }
    expect(await runTransfer(transfer)).toMatchObject({ code: 0 })
    expect(await pullFrom(openRegistry().registry, `${host}/m:1`)).toBe(digest)
  })

  it('a pull that is killed leaves no version, and completes the next time', async () => {
    const { registry, digest } = await published()
    const { host } = await startDockerRegistry()
    await pushTo(host, registry, { digest, repository: 'm' })
    const { registry: other, dataDir } = openRegistry()

    expect(await runTransfer({ kind: 'pull', dataDir, target: `${host}/m:1`, chunkBytes: 1, dieAt: 'blob' })).toMatchObject({ signal: 'SIGKILL' })
    expect(other.models()).toEqual([])

    expect(await pullFrom(other, `${host}/m:1`)).toBe(digest)
    expect(await other.verify('m', '1+a')).toMatchObject({ ok: true })
  })

  it('a blob that was tampered with is refused, and nothing is stored', async () => {
    const { registry, digest } = await published()
    const { host, folder } = await startDockerRegistry()
    await pushTo(host, registry, { digest, repository: 'm' })
    const hex = digestOf(WEIGHTS).slice(7)
    const stored = join(folder, 'data/docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data')
    chmodSync(stored, 0o644)
    writeFileSync(stored, Buffer.alloc(WEIGHTS.length, 'tampered'))
    const { registry: other, dataDir } = openRegistry()

    await expect(pullFrom(other, `${host}/m:1`)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH', message: expect.stringContaining(digestOf(WEIGHTS)) })

    expect(other.models()).toEqual([])
    expect(readdirSync(join(dataDir, 'registry/blobs/sha256'))).toEqual([])
  })

  it('a blob of another repository is mounted, not sent', async () => {
    const { registry, digest } = await published()
    const { host } = await startDockerRegistry()
    await pushTo(host, registry, { digest, repository: 'base' })

    expect(await pushTo(host, registry, { digest, repository: 'derived', mountFrom: 'base' })).toMatchObject({ mounted: { blobs: 4 }, sent: { blobs: 0 } })
    expect(await pullFrom(openRegistry().registry, `${host}/derived:1`)).toBe(digest)
  })
})
