import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { IngestRequest } from '../../registry/ingestion.js'
import type { Registry } from '../../registry/registry.js'
import { importFrom, KEY, layoutOf, MODEL, tarOf } from '../support/artifacts.js'
import { gauntlet, jsonLines } from '../support/command.js'
import { FAKE_MODELS } from '../support/registry-fake-model.js'
import { folderOf, openRegistry, publishVersions, temporaryFolder } from '../support/registry-fixtures.js'
import { RemoteRegistry } from '../support/remote-registry.js'

const { datasetReader } = FAKE_MODELS
const ROWS = jsonLines([{ input: 'where is my parcel', label: 'shipping' }, { input: 'charged twice', label: 'billing' }])
const KITFILE = { package: { name: 'kit', version: '1' } }
const RAW = 'application/vnd.cncf.model.dataset.v1.raw'
const PACK = 'application/vnd.cncf.model.config.v1+json'

/** A signed dataset of two files, qa:1 = qa@stable. */
async function published (registry: Registry): Promise<string> {
  const path = folderOf({ 'a.jsonl': ROWS, 'deep/b.jsonl': ROWS })
  const statements = [{ origin: 'the test', choice: { role: 'golden' as const } }]
  const request = { path, name: 'qa', version: '1', alias: 'stable', actor: 'ann', signWith: KEY, statements }
  return (await registry.publishDataset(request, datasetReader)).detail.digest
}

/** A KitOps artifact with a layer of each type. */
function kitWith (layers: Readonly<Record<string, Buffer>>): string {
  return layoutOf('application/vnd.kitops.modelkit.config.v1+json', KITFILE, Object.entries(layers).map(([type, archive]) =>
    ({ mediaType: `application/vnd.kitops.modelkit.${type}.v1.tar+gzip`, bytes: gzipSync(archive) }))).folder
}

const bring = async (registry: Registry, source: string, request: Partial<IngestRequest> = {}) =>
  await importFrom(registry, source, { datasetReader, ...request })

describe('a dataset of ours', () => {
  it.each(['oci-archive', 'oci-dir'] as const)('comes back from an %s by the same bytes, with its kind and signature', async (format) => {
    const { registry: from } = openRegistry()
    const digest = await published(from)
    const target = join(temporaryFolder(), 'qa')
    await from.export({ name: 'qa', version: '1', target, format })
    const { registry } = openRegistry()

    expect(await importFrom(registry, target, { dryRun: true })).toMatchObject({ detail: { kind: 'dataset' } })
    expect(registry.datasets()).toEqual([])
    const { status, converted, detail } = await importFrom(registry, target)

    expect({ status, converted }).toEqual({ status: 'published', converted: false })
    expect(detail).toMatchObject({ kind: 'dataset', name: 'qa', version: '1', digest, dataset: from.showDataset('qa', '1').dataset })
    expect((await registry.signing.report(digest)).signatures).toHaveLength(1)
    expect((await registry.fsck()).findings).toEqual([])
    expect(registry.models()).toEqual([])
    expect(await importFrom(registry, target)).toMatchObject({ status: 'unchanged' })
  })

  it('is exported as plain files that can be published again', async () => {
    const { registry } = openRegistry()
    await published(registry)
    const target = join(temporaryFolder(), 'qa')
    await registry.export({ name: 'qa', version: '1', target, format: 'folder' })
    expect(readFileSync(join(target, 'deep/b.jsonl'), 'utf8')).toBe(ROWS)

    const { registry: other } = openRegistry()
    const { detail } = await other.publishDataset({ path: target, name: 'qa', version: '1', actor: 'ann' }, datasetReader)

    expect(detail.digest).toBe(registry.showDataset('qa', '1').digest)
  })

  it('is a dataset again after the database was lost', async () => {
    const { registry: before, dataDir } = openRegistry()
    const digest = await published(before)
    before.close()
    for (const ending of ['', '-wal', '-shm']) rmSync(join(dataDir, `gauntlet.db${ending}`), { force: true })
    const { registry } = openRegistry({ dataDir, now: Date.now })

    const report = await registry.reindex({ actor: 'ann', reason: 'lost' })

    expect(report).toMatchObject({ versions: [{ name: 'qa', version: '1', digest }], aliases: [{ alias: 'stable' }] })
    expect(registry.showDataset('qa', '1')).toMatchObject({ digest, dataset: { role: 'golden', rows: 4 } })
  })

  it('is refused under the name of a model, as a champion, as a model, and without a file it speaks of', async () => {
    const { registry: from } = openRegistry()
    await published(from)
    const target = join(temporaryFolder(), 'qa')
    await from.export({ name: 'qa', version: '1', target, format: 'oci-dir' })
    const { registry } = openRegistry()
    await publishVersions(registry, ['1'])
    const document = { ...from.showDataset('qa', '1').dataset, files: [{ path: 'gone.jsonl', rows: 4 }] }
    const lying = layoutOf(PACK, {}, [
      { mediaType: RAW, path: 'a.jsonl', bytes: Buffer.from(ROWS) },
      { mediaType: RAW, path: 'dataset.json', bytes: Buffer.from(JSON.stringify(document)) }
    ], { 'org.opencontainers.image.title': 'lie', 'org.opencontainers.image.version': '1' }).folder

    await expect(importFrom(registry, target, { name: 'm', version: '9' })).rejects.toMatchObject({ code: 'KIND_MISMATCH' })
    await expect(importFrom(registry, target, { alias: 'champion' })).rejects.toMatchObject({ code: 'KIND_MISMATCH' })
    await expect(importFrom(registry, target, { kind: 'model' })).rejects.toMatchObject({ code: 'KIND_MISMATCH', message: expect.stringContaining('is a dataset, and a model was asked for') })
    await expect(importFrom(registry, lying)).rejects.toMatchObject({ code: 'DATASET_INVALID', message: expect.stringContaining('/files/0/path "gone.jsonl" must be a file of') })
    expect(registry.datasets()).toEqual([])
  })
})

describe('a dataset of another tool', () => {
  it('of KitOps is unpacked, read, and published with a manifest of ours', async () => {
    const { registry } = openRegistry()
    const kit = kitWith({ dataset: tarOf([{ path: 'data/train.csv', content: 'text,label\nhello,a\nbye,b\n' }]) })

    const { converted, detail } = await bring(registry, kit)

    expect(converted).toBe(true)
    expect(detail).toMatchObject({ kind: 'dataset', name: 'kit', version: '1', dataset: { rows: 2, format: 'csv', fields: { input: 'text', label: 'label' } } })
    expect(registry.audit().list()[0]).toMatchObject({ subject: 'kit:1' })
  })

  it('of ModelPack may say in a dataset.json how it is read', async () => {
    const { registry } = openRegistry()
    const { folder } = layoutOf(PACK, { descriptor: { name: 'rows', version: '2' } }, [
      { mediaType: RAW, path: 'a.jsonl', bytes: Buffer.from(ROWS) },
      { mediaType: RAW, path: 'dataset.json', bytes: Buffer.from('{"role":"golden"}') }
    ])

    expect(await bring(registry, folder)).toMatchObject({ converted: true, detail: { kind: 'dataset', name: 'rows', dataset: { role: 'golden', rows: 2 } } })
  })

  it('is left out of the model it comes with, and is published by itself when it is asked for', async () => {
    const { registry } = openRegistry()
    const kit = kitWith({
      model: tarOf([{ path: 'model.onnx', content: MODEL }]), dataset: tarOf([{ path: 'rows.jsonl', content: ROWS }])
    })

    expect(await bring(registry, kit)).toMatchObject({ datasetsLeft: 1, detail: { name: 'kit', serving: { modelFile: 'model.onnx' } } })
    expect((await registry.verify('kit', '1')).blobs.map(({ path }) => path)).not.toContain('rows.jsonl')
    expect(await bring(registry, kit, { kind: 'dataset', name: 'kit-rows' })).toMatchObject({ detail: { kind: 'dataset', dataset: { rows: 2 } } })
    await expect(bring(registry, kit, { kind: 'dataset' })).rejects.toMatchObject({ code: 'KIND_MISMATCH' })
  })

  it.each([
    ['with files that are no rows', { 'a.bmp': 'BM' }, {}, 'SOURCE_INVALID', '"a.bmp" is not a file of rows or a document'],
    ['with a pickle', { 'a.csv': 'a\n1\n', 'b.pkl': 'x' }, {}, 'SOURCE_INVALID', '"b.pkl" is a pickle file'],
    ['with a line that is not JSON', { 'a.jsonl': '{' }, {}, 'DATASET_INVALID', 'a.jsonl, line 1: is not JSON'],
    ['asked for as a model', { 'a.jsonl': ROWS }, { kind: 'model' as const }, 'KIND_MISMATCH', 'is a dataset, and has no model']
  ])('%s is refused, and nothing is kept', async (_, files, request, code, message) => {
    const { registry } = openRegistry()
    const kit = kitWith({ dataset: tarOf(Object.entries(files).map(([path, content]) => ({ path, content }))) })

    await expect(bring(registry, kit, request)).rejects.toMatchObject({ code, message: expect.stringContaining(message) })

    expect(registry.datasets()).toEqual([])
    expect((await registry.fsck()).blobs).toBe(0)
  })
})

describe('the commands', () => {
  beforeEach(() => {
    vi.stubEnv('XDG_CONFIG_HOME', temporaryFolder())
    vi.stubEnv('DOCKER_CONFIG', temporaryFolder())
  })
  afterEach(() => { vi.unstubAllEnvs() })

  it('sign, push, pull and import a dataset by the same digest', async () => {
    const { registry, dataDir } = openRegistry()
    const digest = await published(registry)
    registry.close()
    const remote = await RemoteRegistry.start()
    const [pulledTo, importedTo, archive] = [temporaryFolder(), temporaryFolder(), join(temporaryFolder(), 'qa.tar')]
    const key = join(temporaryFolder(), 'k')

    expect((await gauntlet('keys', 'generate', key)).code).toBe(0)
    expect(await gauntlet('--data-dir', dataDir, 'sign', 'qa', '--key', key)).toMatchObject({ code: 0, out: expect.stringContaining('signed qa:1') })
    expect(await gauntlet('--data-dir', dataDir, 'push', 'qa@stable', `${remote.host}/qa`)).toMatchObject({ code: 0 })
    const pulled = await gauntlet('--data-dir', pulledTo, 'pull', `${remote.host}/qa:1`, '--alias', 'stable')
    expect(pulled).toMatchObject({ code: 0, talk: '' })
    expect(pulled.out).toMatch(/pulled qa:1[^]*aliases +stable[^]*role +golden/)
    expect((await gauntlet('--data-dir', dataDir, 'export', 'qa', archive)).code).toBe(0)
    const imported = await gauntlet('--json', '--data-dir', importedTo, 'import', archive)

    expect(JSON.parse(imported.out)).toMatchObject({ versions: [{ status: 'imported', kind: 'dataset', name: 'qa', digest, converted: false }] })
    const shown = await gauntlet('--json', '--data-dir', pulledTo, 'show', 'qa@stable')
    expect(JSON.parse(shown.out)).toMatchObject({ kind: 'dataset', digest, signature: { signatures: [{}, {}] } })
    expect(JSON.parse((await gauntlet('--json', '--data-dir', pulledTo, 'datasets')).out)).toMatchObject([{ name: 'qa', kind: 'dataset', versions: 1 }])
    expect((await gauntlet('--data-dir', pulledTo, 'show', 'qa')).out).not.toContain('champion')
  })
})
