import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { describe, expect, it, onTestFinished } from 'vitest'
import { digestOf } from '../../registry/blobs.js'
import type { FsckOptions } from '../../registry/fsck.js'
import { Registry } from '../../registry/registry.js'
import { hostTag } from '../../registry/temporary.js'
import { fakeInspect, folderOf, modelBytes, openRegistry, publishVersions } from '../support/registry-fixtures.js'

const DATA = Buffer.alloc(5_000_000, 7)

/** Two versions of `m` that share a large file, closed again. */
async function published () {
  const { registry, dataDir } = openRegistry({ now: Date.now })
  for (const version of ['1', '2']) {
    const path = folderOf({ 'model.onnx': modelBytes(version), 'model.onnx_data': DATA })
    await registry.publish({ path, name: 'm', version, actor: 'ann', ...(version === '1' ? { alias: 'champion' } : {}) }, fakeInspect)
  }
  const blobPath = (digest: string) => join(dataDir, 'registry', 'blobs', 'sha256', digest.slice(7))
  return { dataDir, blobPath, digest: registry.show('m', '1').digest }
}

async function check (dataDir: string, options: FsckOptions = {}) {
  const registry = Registry.open({ dataDir, now: Date.now, heal: false })
  onTestFinished(() => { registry.close() })
  return await registry.fsck(options)
}

function overwrite (path: string, change: (bytes: Buffer) => Buffer): void {
  const bytes = readFileSync(path)
  chmodSync(path, 0o644)
  writeFileSync(path, change(bytes))
}

const flip = (path: string, at: number) => overwrite(path, (bytes) => {
  bytes[at] = bytes[at]! ^ 1
  return bytes
})

const summary = (findings: ReadonlyArray<{ kind: string, subject: string, outcome: string }>) =>
  findings.map(({ kind, subject, outcome }) => [kind, subject, outcome])

describe('fsck', () => {
  it('finds nothing in a registry that is whole, having read all of it', async () => {
    const { dataDir } = await published()

    const report = await check(dataDir)

    const blobs = readdirSync(join(dataDir, 'registry', 'blobs', 'sha256')).map((hex) => readFileSync(join(dataDir, 'registry', 'blobs', 'sha256', hex)).length)
    expect(report).toMatchObject({ ok: true, findings: [], blobs: blobs.length, bytes: blobs.reduce((sum, size) => sum + size, 0), unneeded: { blobs: 0, bytes: 0 } })
  })

  it('tells how far it has come', async () => {
    const { dataDir } = await published()
    const seen: number[][] = []
    const { bytes } = await check(dataDir, { onProgress: (done, total) => seen.push([done, total]) })
    expect(seen.at(-1)).toEqual([bytes, bytes])
  })

  it.each([
    ['a flipped byte at the end', (path: string) => flip(path, DATA.length - 1)],
    ['a cut file', (path: string) => { chmodSync(path, 0o644); truncateSync(path, 4_194_305) }],
    ['an empty file', (path: string) => overwrite(path, () => Buffer.alloc(0))],
    ['a longer file', (path: string) => overwrite(path, (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]))],
    ['a symbolic link to the same bytes', (path: string) => { renameSync(path, `${path}-`); symlinkSync(`${path}-`, path) }]
  ])('finds %s and who needs the blob', async (_what, damage) => {
    const { dataDir, blobPath } = await published()
    damage(blobPath(digestOf(DATA)))

    const { ok, findings } = await check(dataDir)

    expect(ok).toBe(false)
    expect(findings[0]).toMatchObject({ kind: 'blob-corrupt', subject: digestOf(DATA), neededBy: ['m:1', 'm:2'], outcome: 'found' })
  })

  it('finds two blobs that were swapped', async () => {
    const { dataDir, blobPath } = await published()
    const [one, two] = [digestOf(modelBytes('1')), digestOf(modelBytes('2'))]
    renameSync(blobPath(one), blobPath(one) + '-')
    renameSync(blobPath(two), blobPath(one))
    renameSync(blobPath(one) + '-', blobPath(two))

    const { findings } = await check(dataDir)

    expect(findings.map(({ kind, subject, neededBy }) => [kind, subject, neededBy])).toEqual(
      [[one, ['m:1']], [two, ['m:2']]].map((pair) => ['blob-corrupt', ...pair]).sort((a, b) => (a[1]! < b[1]! ? -1 : 1)))
  })

  it('finds missing blobs: of a version, its manifest, and of what another tool put into index.json', async () => {
    const { dataDir, blobPath, digest } = await published()
    rmSync(blobPath(digestOf(modelBytes('2'))))
    rmSync(blobPath(digest))
    const indexPath = join(dataDir, 'registry', 'index.json')
    const index = JSON.parse(readFileSync(indexPath, 'utf8'))
    const nowhere = `sha256:${'0'.repeat(64)}`
    index.manifests.push({ mediaType: 'x', digest: nowhere, size: 1, annotations: { 'org.opencontainers.image.ref.name': 'theirs:1' } })
    writeFileSync(indexPath, JSON.stringify(index))
    await check(dataDir, { repair: true })

    const { findings } = await check(dataDir)

    expect(findings.map(({ kind, subject, neededBy }) => [kind, subject, neededBy])).toEqual([
      ['blob-missing', digest, ['m:1']], ['blob-missing', digestOf(modelBytes('2')), ['m:2']], ['blob-missing', nowhere, ['index.json theirs:1']]
    ])
  })

  it('finds files that are no blobs among the blobs, and leaves them', async () => {
    const { dataDir } = await published()
    const strange = ['registry/blobs/sha256/notes.txt', `registry/blobs/sha256/${'A'.repeat(64)}`, 'registry/blobs/md5']
    for (const path of strange) writeFileSync(join(dataDir, path), 'x')

    const { ok, findings } = await check(dataDir, { repair: true, quarantine: true })

    expect(ok).toBe(false)
    expect(findings.map(({ subject }) => subject).sort()).toEqual([...strange].sort())
    for (const path of strange) expect(existsSync(join(dataDir, path))).toBe(true)
  })

  it('does not call a blob that nothing needs damage, but counts it', async () => {
    const { dataDir, blobPath } = await published()
    writeFileSync(blobPath(digestOf('nobody')), 'nobody')
    expect(await check(dataDir)).toMatchObject({ ok: true, unneeded: { blobs: 1, bytes: 6 } })
  })

  it('finds a stale index.json, and derives it anew only when told to', async () => {
    const { dataDir } = await published()
    const indexPath = join(dataDir, 'registry', 'index.json')
    const before = readFileSync(indexPath, 'utf8')
    writeFileSync(indexPath, '{"schemaVersion":2,"manifests":[]}')

    expect(summary((await check(dataDir)).findings)).toEqual([['index-stale', 'registry/index.json', 'found']])
    expect(readFileSync(indexPath, 'utf8')).not.toBe(before)
    const repaired = await check(dataDir, { repair: true })

    expect(summary(repaired.findings)).toEqual([['index-stale', 'registry/index.json', 'repaired']])
    expect(repaired.ok).toBe(true)
    expect(readFileSync(indexPath, 'utf8')).toBe(before)
    expect((await check(dataDir)).findings).toEqual([])
  })

  it('finds what a killed process left behind, and removes it only when told to', async () => {
    const { dataDir } = await published()
    const gone = `${hostTag()}-${spawnSync(process.execPath, ['-e', '']).pid}-a`
    const alive = `${hostTag()}-${process.pid}-a`
    for (const name of [gone, alive]) mkdirSync(join(dataDir, 'tmp', name, 'files'), { recursive: true })

    expect(summary((await check(dataDir)).findings)).toEqual([['temporary-abandoned', `tmp/${gone}`, 'found']])
    expect(summary((await check(dataDir, { repair: true })).findings)).toEqual([['temporary-abandoned', `tmp/${gone}`, 'repaired']])

    expect(readdirSync(join(dataDir, 'tmp'))).toEqual([alive])
  })

  it('moves corrupt blobs aside when told to: whole again if nothing needs them, else missing until published anew', async () => {
    const { dataDir, blobPath } = await published()
    const stray = digestOf('nobody')
    writeFileSync(blobPath(stray), 'somebody')
    expect(await check(dataDir, { quarantine: true })).toMatchObject({ ok: true, findings: [{ subject: stray, outcome: 'quarantined', neededBy: [] }] })

    flip(blobPath(digestOf(DATA)), 5)
    const damaged = readFileSync(blobPath(digestOf(DATA)))
    expect(await check(dataDir, { quarantine: true })).toMatchObject({ ok: false, findings: [{ kind: 'blob-corrupt', outcome: 'quarantined', neededBy: ['m:1', 'm:2'] }] })

    const kept = readdirSync(join(dataDir, 'corrupt')).find((name) => name.startsWith(digestOf(DATA).slice(7)))!
    expect(readFileSync(join(dataDir, 'corrupt', kept)).equals(damaged)).toBe(true)
    expect(await check(dataDir)).toMatchObject({ ok: false, findings: [{ kind: 'blob-missing', subject: digestOf(DATA) }] })

    const { registry } = openRegistry({ dataDir, now: Date.now })
    const again = await registry.publish({ path: folderOf({ 'model.onnx': modelBytes('1'), 'model.onnx_data': DATA }), name: 'm', version: '1', actor: 'ann' }, fakeInspect)
    expect(again.status).toBe('unchanged')
    expect(await check(dataDir)).toMatchObject({ ok: true, findings: [] })
  })

  it('finds rows that say something else than their manifest, and aliases of nothing', async () => {
    const { dataDir } = await published()
    const client = new BetterSqlite3(join(dataDir, 'gauntlet.db'))
    client.pragma('foreign_keys = OFF')
    client.exec('DROP TRIGGER versions_no_update')
    client.exec("UPDATE versions SET size_bytes = 5 WHERE version = '1'")
    client.exec("UPDATE versions SET serving = json_set(serving, '$.task', 'text-classification') WHERE version = '2'")
    client.exec("UPDATE aliases SET version = '9'")
    client.close()

    const { findings } = await check(dataDir, { repair: true })

    expect(summary(findings)).toEqual([
      ['row-differs', 'm:1', 'found'], ['row-differs', 'm:2', 'found'], ['alias-dangling', 'm@champion', 'found'],
      ['index-stale', 'registry/index.json', 'repaired']
    ])
  })

  it('sees no damage in a registry to which others publish meanwhile', async () => {
    const { dataDir } = await published()
    const { registry } = openRegistry({ dataDir, now: Date.now })
    const versions = Array.from({ length: 10 }, (_, index) => `c${index}`)
    const publishing = publishVersions(registry, versions, {}, 'other')

    const reports = []
    while (registry.models().flatMap((model) => model.versions).length < 12) reports.push(await check(dataDir))

    expect(reports.flatMap(({ findings }) => findings)).toEqual([])
    await publishing
  })
})
