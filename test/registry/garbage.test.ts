import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { describe, expect, it, onTestFinished } from 'vitest'
import { digestOf } from '../../registry/blobs.js'
import type { Registry } from '../../registry/registry.js'
import { fakeInspect, folderOf, modelBytes, openRegistry } from '../support/registry-fixtures.js'

const DAY_MS = 86_400_000
const BY = { actor: 'ann', reason: 'because' }
const version = (name: string) => ({ name: 'm', version: name, ...BY })

/** Versions 1, 2, 3 and 4 of `m`, all sharing one file; 1 is champion. The clock is the real one, ahead by what is ticked. */
async function published () {
  let ahead = 1_000
  const now = () => Date.now() + ahead
  const { registry, dataDir } = openRegistry({ now })
  for (const name of ['1', '2', '3', '4']) {
    const path = folderOf({ 'model.onnx': modelBytes(name), 'shared.bin': 'shared' })
    await registry.publish({ path, name: 'm', version: name, actor: 'ann', ...(name === '1' ? { alias: 'champion' } : {}) }, fakeInspect)
  }
  const folder = join(dataDir, 'registry', 'blobs', 'sha256')
  const add = (bytes: string): string => {
    writeFileSync(join(folder, digestOf(bytes).slice(7)), bytes)
    return digestOf(bytes)
  }
  const has = (digest: string) => existsSync(join(folder, digest.slice(7)))
  return { registry, dataDir, folder, add, has, tick: (ms: number) => { ahead += ms } }
}

const collect = async (registry: Registry, change: object = {}) => await registry.collect({ graceMs: 0, ...BY, ...change })
const codeOf = (act: () => unknown): string | null => {
  try {
    act()
    return null
  } catch (error) {
    return (error as { code: string }).code
  }
}

/** Nothing is missing or damaged, and every version that is listed can be loaded. */
async function expectWhole (registry: Registry): Promise<void> {
  expect((await registry.fsck()).findings.filter(({ kind }) => kind !== 'temporary-abandoned')).toEqual([])
  for (const { name, versions } of registry.models()) {
    for (const listed of versions) expect((await registry.materialise(name, listed.version)).digest).toBe(listed.digest)
  }
}

describe('removing a version', () => {
  it('takes it out of everything that serves or lists, and can be undone', async () => {
    const { registry, dataDir } = await published()
    const before = registry.models()
    const index = readFileSync(join(dataDir, 'registry', 'index.json'), 'utf8')

    expect(registry.remove(version('2'))).toBe(true)
    expect(registry.remove(version('2'))).toBe(false)

    expect(registry.models()[0]!.versions.map((listed) => listed.version)).toEqual(['1', '3', '4'])
    expect(registry.models(true)[0]!.versions[1]).toMatchObject({ version: '2', removed: { ...BY, sweptAt: null } })
    expect(readFileSync(join(dataDir, 'registry', 'index.json'), 'utf8')).not.toContain('"m:2"')
    for (const act of [
      () => registry.show('m', '2'), () => registry.resolve('m:2'), () => registry.setAlias({ name: 'm', alias: 'blue', version: '2', ...BY }),
      () => registry.rollouts.create({ model: 'm', champion: '1', challenger: '2', spec: {}, salt: 's', ...BY })
    ]) expect(codeOf(act)).toBe('VERSION_NOT_FOUND')
    await expect(registry.materialise('m', '2')).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND', message: expect.stringContaining('was removed by "ann": "because"') })

    expect(registry.remove(version('2'), true)).toBe(true)
    expect(registry.remove(version('2'), true)).toBe(false)

    expect(registry.models()).toEqual(before)
    expect(readFileSync(join(dataDir, 'registry', 'index.json'), 'utf8')).toBe(index)
    expect(registry.audit().list({ subject: 'm:2' }).map(({ action }) => action)).toEqual(['version.restore', 'version.remove', 'version.publish'])
  })

  it('is refused for what is in use: an alias, the champion before, a rollout', async () => {
    const { registry } = await published()
    registry.setAlias({ name: 'm', alias: 'champion', version: '2', ...BY })
    registry.setAlias({ name: 'm', alias: 'blue', version: '3', ...BY })
    registry.rollouts.create({ model: 'm', champion: '2', challenger: '4', spec: {}, salt: 's', ...BY })

    expect(['1', '2', '3', '4'].map((name) => codeOf(() => registry.remove(version(name))))).toEqual(Array(4).fill('VERSION_IN_USE'))

    registry.rollouts.apply('r1', 'rollback', { epoch: 0, ...BY })
    expect(registry.remove({ ...version('4'), isDryRun: true })).toBe(true)
    expect(registry.show('m', '4').version).toBe('4')
    expect(registry.remove(version('4'))).toBe(true)
    expect([codeOf(() => registry.remove(version('9'))), codeOf(() => registry.remove({ ...version('1'), name: 'q' }))]).toEqual(['VERSION_NOT_FOUND', 'MODEL_NOT_FOUND'])
  })

  it('keeps the name taken for ever, before and after the bytes are gone', async () => {
    const { registry } = await published()
    registry.remove(version('2'))
    const publish = async (bytes: string) => await registry.publish({ path: folderOf({ 'model.onnx': bytes, 'shared.bin': 'shared' }), name: 'm', version: '2', actor: 'ann' }, fakeInspect)

    for (const bytes of [modelBytes('2'), modelBytes('other')]) await expect(publish(bytes)).rejects.toMatchObject({ code: 'VERSION_REMOVED' })
    await collect(registry)
    for (const bytes of [modelBytes('2'), modelBytes('other')]) await expect(publish(bytes)).rejects.toMatchObject({ code: 'VERSION_REMOVED' })

    expect(codeOf(() => registry.remove(version('2'), true))).toBe('VERSION_REMOVED')
  })

  it('cannot be forgotten, or undone after its bytes are gone, by any statement', async () => {
    const { registry, dataDir } = await published()
    registry.remove(version('2'))
    await collect(registry)
    const client = new BetterSqlite3(join(dataDir, 'gauntlet.db'))
    onTestFinished(() => { client.close() })
    expect(() => client.exec('DELETE FROM versions')).toThrow(/never forgotten/)
    expect(() => client.exec('DELETE FROM tombstones')).toThrow(/are gone/)
  })
})

describe('collecting', () => {
  it('frees exactly what a dry run says: the blobs of removed versions and of nobody, never what is shared', async () => {
    const { registry, folder, add, has } = await published()
    const stray = add('nobody')
    registry.remove(version('2'))
    const before = readdirSync(folder)

    const planned = await collect(registry, { isDryRun: true })
    expect(readdirSync(folder)).toEqual(before)
    const done = await collect(registry)

    expect(done).toEqual(planned)
    expect(before.filter((hex) => !has(`sha256:${hex}`)).map((hex) => `sha256:${hex}`)).toEqual(planned.blobs.map(({ digest }) => digest))
    expect(planned.blobs.map(({ digest }) => digest)).toEqual(expect.arrayContaining([stray, digestOf(modelBytes('2'))]))
    expect(planned.versions).toEqual([{ name: 'm', version: '2' }])
    expect(has(digestOf('shared'))).toBe(true)
    expect(registry.audit().list()[0]).toMatchObject({ action: 'registry.collect', ...BY, details: { blobs: planned.blobs.length, bytes: planned.bytes } })
    await expectWhole(registry)
    expect(await collect(registry)).toMatchObject({ blobs: [], bytes: 0, versions: [] })
  })

  it('leaves what is younger than the grace period, be it a blob or a removal', async () => {
    const { registry, folder, add, has, tick } = await published()
    const [old, young] = [add('old'), add('young')]
    utimesSync(join(folder, old.slice(7)), 1, 1)
    tick(DAY_MS)
    registry.remove(version('2'))
    utimesSync(join(folder, young.slice(7)), Date.now() / 1000 + 86_400, Date.now() / 1000 + 86_400)

    const { blobs, versions, young: left } = await collect(registry, { graceMs: DAY_MS / 2 })

    expect([blobs.map(({ digest }) => digest), versions, left.blobs]).toEqual([[old], [], 1])
    expect(has(young)).toBe(true)
    expect(registry.remove(version('2'), true)).toBe(true)
    await expectWhole(registry)
  })

  it('keeps referrers as long as what they are about, and what other tools put into index.json', async () => {
    const { registry, dataDir, add, has } = await published()
    const signature = add('a signature')
    const about = (subject: string) => JSON.stringify({ schemaVersion: 2, layers: [{ digest: signature, size: 11 }], subject: { digest: subject, size: 1 } })
    const referrer = add(about(registry.show('m', '2').digest))
    const ofReferrer = add(about(referrer))
    const layer = add('theirs')
    const manifest = JSON.stringify({ layers: [{ digest: layer, size: 6 }] })
    const theirs = add(JSON.stringify({ manifests: [{ digest: add(manifest), size: manifest.length }] }))
    const indexPath = join(dataDir, 'registry', 'index.json')
    const index = JSON.parse(readFileSync(indexPath, 'utf8'))
    for (const digest of [theirs, referrer]) index.manifests.push({ mediaType: 'x', digest, size: statSync(join(dataDir, 'registry', 'blobs', 'sha256', digest.slice(7))).size })
    writeFileSync(indexPath, JSON.stringify(index))

    expect((await collect(registry)).blobs).toEqual([])
    registry.remove(version('2'))
    await collect(registry)

    expect([signature, referrer, ofReferrer].map(has)).toEqual([false, false, false])
    expect([layer, theirs].map(has)).toEqual([true, true])
    expect(readFileSync(indexPath, 'utf8')).not.toContain(referrer)
    expect(readFileSync(indexPath, 'utf8')).toContain(theirs)
    await expectWhole(registry)
  })

  it('frees nothing while a manifest cannot be read', async () => {
    const { registry, folder, add } = await published()
    add('nobody')
    const { digest } = registry.show('m', '2')
    rmSync(join(folder, digest.slice(7)))
    const before = readdirSync(folder)

    await expect(collect(registry)).rejects.toMatchObject({ code: 'BLOB_MISSING', message: expect.stringContaining('nothing was freed') })
    writeFileSync(join(folder, digest.slice(7)), '{}')
    await expect(collect(registry)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })

    expect(readdirSync(folder)).toEqual([...before, digest.slice(7)].sort())
  })
})
