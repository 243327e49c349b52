import { generateKeyPairSync } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { RegistryClient } from '../../../registry/distribution/client.js'
import { push, type PushStep } from '../../../registry/distribution/push.js'
import { parseRemoteReference } from '../../../registry/distribution/remote-reference.js'
import { remoteReader } from '../../../registry/distribution/remote-reader.js'
import type { IngestStep } from '../../../registry/ingestion.js'
import { Registry } from '../../../registry/registry.js'
import { runTransfer } from '../../support/distribution-process.js'
import { fakeInspect, folderOf, modelBytes, openRegistry, temporaryFolder } from '../../support/registry-fixtures.js'
import { digestOf, RemoteRegistry } from '../../support/remote-registry.js'
import { eventually } from '../../support/wait.js'

const WEIGHTS = Buffer.alloc(300_000, 'weights')
const chunkBytes = 65_536

/** A data folder with the signed version m:1. */
async function published (): Promise<{ registry: Registry, dataDir: string, digest: string }> {
  const { registry, dataDir } = openRegistry()
  const signWith = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const path = folderOf({ 'model.onnx': modelBytes('1'), 'model.onnx_data': WEIGHTS })
  const { detail } = await registry.publish({ path, name: 'm', version: '1', actor: 'ann', signWith }, fakeInspect)
  return { registry, dataDir, digest: detail.digest }
}

/** What a process does after the killed one, here without its start. */
async function pushAgain (registry: Registry, remote: RemoteRegistry, digest: string): Promise<void> {
  const client = new RegistryClient({ host: remote.host })
  await push(client, registry.published, registry.uploads, { digest, repository: 'team/m', tags: ['1'], chunkBytes })
  client.close()
}

async function pullAgain (dataDir: string, target: string, digest: string): Promise<Registry> {
  const registry = Registry.open({ dataDir, now: Date.now })
  onTestFinished(() => registry.close())
  const reference = parseRemoteReference(target)
  const client = new RegistryClient({ host: reference.host })
  await registry.ingest({ digest, actor: 'ann' }, remoteReader(client, reference), fakeInspect)
  client.close()
  return registry
}

function expectWhole (remote: RemoteRegistry, digest: string): void {
  for (const [key, bytes] of remote.blobs) expect(digestOf(bytes)).toBe(key.slice(key.indexOf('@') + 1))
  expect(digestOf(remote.manifests.get('team/m:1')!.bytes)).toBe(digest)
  expect(remote.manifests.has(`team/m:${digest.replace(':', '-')}`)).toBe(true)
}

describe('a push killed with SIGKILL', () => {
  it.each<[PushStep, boolean]>([
    ['checked', false], ['chunk', false], ['blob', false], ['manifest', false], ['signature', false], ['tag', true]
  ])('at the step %s has moved the tag: %s; the next one completes', async (dieAt, isTagged) => {
    const { registry, dataDir, digest } = await published()
    const remote = await RemoteRegistry.start()
    const target = `${remote.host}/team/m:1`

    expect(await runTransfer({ kind: 'push', dataDir, target, digest, chunkBytes, dieAt })).toMatchObject({ signal: 'SIGKILL' })
    expect(remote.manifests.has('team/m:1')).toBe(isTagged)
    const before = remote.seen.length
    await pushAgain(registry, remote, digest)

    expectWhole(remote, digest)
    if (dieAt === 'chunk') {
      const starts = remote.seen.slice(before).filter(({ method }) => method === 'PATCH').map(({ headers }) => headers['content-range'])
      expect(starts[0]).toBe('65536-131071')
    }
  })
})

describe('a pull killed with SIGKILL', () => {
  it.each<[IngestStep, boolean]>([
    ['manifest', false], ['blob', false], ['stored', false], ['committed', true], ['indexed', true]
  ])('at the step %s has made the version: %s; the next one completes', async (dieAt, isThere) => {
    const { registry: from, digest } = await published()
    const remote = await RemoteRegistry.start()
    const target = `${remote.host}/team/m:1`
    await pushAgain(from, remote, digest)
    const dataDir = temporaryFolder()

    expect(await runTransfer({ kind: 'pull', dataDir, target, chunkBytes, dieAt })).toMatchObject({ signal: 'SIGKILL' })
    const registry = Registry.open({ dataDir, now: Date.now })
    expect(registry.models().length).toBe(isThere ? 1 : 0)
    registry.close()
    const after = await pullAgain(dataDir, target, digest)

    expect(after.show('m', '1').digest).toBe(digest)
    expect(await after.verify('m', '1')).toMatchObject({ ok: true })
    expect((await after.signing.report(digest)).signatures).toHaveLength(1)
    expect((await after.fsck()).findings).toEqual([])
  })

  it('in the middle of a blob keeps what it has, and the next one asks for the rest only', async () => {
    const { registry: from, digest } = await published()
    let isHeld = true
    const remote = await RemoteRegistry.start({
      fault: ({ url, method }, response) => {
        if (!isHeld || method !== 'GET' || !url.endsWith(digestOf(WEIGHTS))) return false
        response.writeHead(200, { 'content-length': WEIGHTS.length }).write(WEIGHTS.subarray(0, 200_000))
        return true
      }
    })
    const target = `${remote.host}/team/m:1`
    await pushAgain(from, remote, digest)
    const dataDir = temporaryFolder()
    const partBytes = (): number => readdirSync(dataDir, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith(`.${digestOf(WEIGHTS).slice(7)}`)).reduce((sum, path) => sum + statSync(join(dataDir, path)).size, 0)

    const killed = await runTransfer({ kind: 'pull', dataDir, target, chunkBytes }, (line, kill) => {
      if (line === 'manifest') eventually('a part of the blob on disk', () => partBytes() > 0).then(kill, kill)
    })
    const kept = partBytes()
    isHeld = false
    const registry = await pullAgain(dataDir, target, digest)

    expect([killed.signal, kept > 0]).toEqual(['SIGKILL', true])
    const last = remote.seen.filter(({ url, method }) => method === 'GET' && url.endsWith(digestOf(WEIGHTS))).at(-1)!
    expect(last.headers.range).toBe(`bytes=${kept}-`)
    expect(registry.show('m', '1').digest).toBe(digest)
    expect(await registry.verify('m', '1')).toMatchObject({ ok: true })
  })
})
