import { appendFileSync, chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { DatasetRequest } from '../../registry/datasets/publish.js'
import type { DatasetDraft } from '../../registry/datasets/document.js'
import type { Registry } from '../../registry/registry.js'
import { openDataset } from '../../server/evaluation/open-dataset.js'
import { datasetReader } from '../../server/evaluation/read-dataset.js'
import { gauntlet, jsonLines } from '../support/command.js'
import { fakeInspect, folderOf, modelBytes, openRegistry, publishVersions, START_MS, temporaryFolder } from '../support/registry-fixtures.js'

const { signal } = new AbortController()
const READER = datasetReader(signal)
const GOLDEN = [
  { id: 1, input: 'where is my parcel', label: 'shipping' }, { id: 2, input: 'I was charged twice', label: 'billing' }
]

async function publish (
  registry: Registry, files: Record<string, string>, choice: DatasetDraft = {}, request: Partial<DatasetRequest> = {}
) {
  const statements = [{ origin: 'the test', choice }]
  return await registry.publishDataset({ path: folderOf(files), name: 'qa', version: '1', actor: 'ann', statements, ...request }, READER)
}

async function rowsOf (registry: Registry, reference: string): Promise<unknown[]> {
  const { table } = await openDataset(registry, reference, { lineBytesMax: 1_000_000, signal })
  const rows: unknown[] = []
  for await (const row of table.rows()) rows.push(row.fields)
  return rows
}

describe('publishing a dataset', () => {
  it('counts rows, tells columns and their meaning apart, and says where each comes from', async () => {
    const { registry } = openRegistry()

    const { status, detail, origins } = await publish(registry, { 'a.jsonl': jsonLines(GOLDEN), 'b/c.jsonl': jsonLines([{ id: 3, input: 'x', label: null }]) })

    expect(status).toBe('published')
    expect(detail).toMatchObject({ kind: 'dataset', name: 'qa', version: '1', aliases: [] })
    expect(detail.dataset).toEqual({
      schemaVersion: 1,
      role: 'other',
      format: 'jsonl',
      rows: 3,
      files: [{ path: 'a.jsonl', rows: 2 }, { path: 'b/c.jsonl', rows: 1 }],
      columns: [{ name: 'id', kind: 'number', missing: 0 }, { name: 'input', kind: 'text', missing: 0 }, { name: 'label', kind: 'text', missing: 1 }],
      fields: { id: 'id', input: 'input', label: 'label' }
    })
    expect(origins).toContainEqual({ field: 'label', value: 'label', origin: 'the name of the column' })
    expect(await rowsOf(registry, 'qa')).toHaveLength(3)
  })

  it('makes layers of the ModelPack family dataset, and the same bytes again are unchanged', async () => {
    const { registry, dataDir } = openRegistry()
    const files = { 'rows.csv': 'text,label\nhello,a\n"b, c",2\n' }

    const { detail } = await publish(registry, files)
    const again = await publish(registry, files)

    const manifest = JSON.parse(readFileSync(join(dataDir, 'registry/blobs/sha256', detail.digest.slice(7)), 'utf8'))
    expect(manifest.artifactType).toBe('application/vnd.cncf.model.manifest.v1+json')
    expect(manifest.layers.map(({ mediaType, annotations }: { mediaType: string, annotations: object }) => [mediaType, Object.values(annotations)[0]])).toEqual([
      ['application/vnd.cncf.model.dataset.v1.raw', 'dataset.json'], ['application/vnd.cncf.model.dataset.v1.raw', 'rows.csv']
    ])
    expect(again).toMatchObject({ status: 'unchanged', detail: { digest: detail.digest } })
    await expect(publish(registry, { 'rows.csv': 'text,label\nbye,a\n' })).rejects.toMatchObject({ code: 'VERSION_CONFLICT' })
  })

  it('keeps documents as a knowledge base, one row each', async () => {
    const { registry } = openRegistry()

    const { detail } = await publish(registry, { 'faq.md': '# Hello', 'deep/more.txt': 'wörld' })

    expect(detail.dataset).toMatchObject({ role: 'knowledge', format: 'text', rows: 2, fields: { id: 'path', input: 'text' } })
    expect(await rowsOf(registry, 'qa:1')).toEqual([{ path: 'deep/more.txt', text: 'wörld' }, { path: 'faq.md', text: '# Hello' }])
  })

  it('takes what the folder says of itself, below what the request says', async () => {
    const { registry } = openRegistry()
    const own = JSON.stringify({ role: 'golden', fields: { input: 'q', expected: 'wrong' } })

    const { detail, origins } = await publish(registry, { 'dataset.json': own, 'r.jsonl': jsonLines([{ q: 'a', a: 'b' }]) }, { fields: { expected: 'a' } })

    expect(detail.dataset).toMatchObject({ role: 'golden', fields: { input: 'q', expected: 'a' } })
    expect(origins.map(({ field, origin }) => [field, origin])).toEqual([
      ['role', 'dataset.json'], ['format', 'the names of the files'], ['input', 'dataset.json'], ['expected', 'the test']
    ])
  })

  it('stores nothing in a dry run', async () => {
    const { registry } = openRegistry()
    const { detail: planned } = await publish(registry, { 'r.jsonl': jsonLines(GOLDEN) }, {}, { isDryRun: true })
    expect(registry.datasets()).toEqual([])
    const { detail } = await publish(registry, { 'r.jsonl': jsonLines(GOLDEN) })
    expect(detail.digest).toBe(planned.digest)
  })

  it.each<[string, Record<string, string>, DatasetDraft, string, string]>([
    ['an empty input', { 'r.jsonl': jsonLines([...GOLDEN, { id: 3, input: ' ', label: 'x' }]) }, { role: 'golden' }, 'DATASET_INVALID', 'r.jsonl, line 3: field "input": the input is empty'],
    ['nothing that is right', { 'r.jsonl': jsonLines([{ input: 'a', label: null }]) }, { role: 'golden' }, 'DATASET_INVALID', 'r.jsonl, line 1: field "label": what is right is missing'],
    ['an id that is there twice', { 'a.jsonl': jsonLines(GOLDEN), 'b.jsonl': jsonLines([GOLDEN[1]!]) }, { role: 'golden' }, 'DATASET_INVALID', 'b.jsonl, line 1: field "id": the id "2" was there before, in a.jsonl, line 2'],
    ['no input column', { 'r.csv': 'a,label\n1,2\n' }, { role: 'golden' }, 'DATASET_INVALID', 'golden rows need an input: name its column with --columns input=COLUMN; there are "a", "label"'],
    ['no column for what is right', { 'r.csv': 'input,b\n1,2\n' }, { role: 'golden' }, 'DATASET_INVALID', 'golden rows need what is right'],
    ['a column that no row has', { 'r.csv': 'a,b\n1,2\n' }, { fields: { segment: 'c' } }, 'DATASET_INVALID', 'no row has the field "c", which was named as segment'],
    ['a line that is not JSON', { 'r.jsonl': '{"a":1}\n{' }, {}, 'DATASET_INVALID', 'r.jsonl, line 2: is not JSON'],
    ['no rows', { 'r.jsonl': '\n' }, {}, 'DATASET_INVALID', 'there are no rows'],
    ['two formats', { 'a.csv': 'a\n1\n', 'b.jsonl': '{}' }, {}, 'SOURCE_INVALID', 'has rows in two formats, "a.csv" and "b.jsonl"'],
    ['a file that is neither', { 'a.csv': 'a\n1\n', 'b.bmp': 'x' }, {}, 'SOURCE_INVALID', '"b.bmp" is not a file of rows or a document'],
    ['a pickle', { 'a.csv': 'a\n1\n', 'b.pkl': 'x' }, {}, 'SOURCE_INVALID', '"b.pkl" is a pickle file'],
    ['a wrong dataset.json', { 'a.csv': 'a\n1\n', 'dataset.json': '{"role":"best"}' }, {}, 'DATASET_INVALID', 'dataset.json: /role must be one of golden, knowledge, baseline, other']
  ])('refuses %s, and keeps nothing', async (_what, files, choice, code, message) => {
    const { registry } = openRegistry()
    await expect(publish(registry, files, choice)).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
    expect(registry.datasets()).toEqual([])
    expect((await registry.fsck()).blobs).toBe(0)
  })

  it.each([
    [{ rowsMax: 2 }, 'more than 2 rows'], [{ columnsMax: 2 }, 'more than 2 columns'], [{ lineBytesMax: 20 }, 'longer than 20 bytes']
  ])('refuses more than %j', async (limits, message) => {
    const { registry } = openRegistry()
    const files = { 'r.jsonl': jsonLines([...GOLDEN, { id: 3 }]) }
    await expect(publish(registry, files, {}, { limits })).rejects.toMatchObject({ code: 'DATASET_INVALID', message: expect.stringContaining(message) })
  })
})

describe('a dataset in the registry', () => {
  it('shares no name with a model, has no champion, and is not among the models', async () => {
    const { registry } = openRegistry()
    await publishVersions(registry, ['1'])
    await publish(registry, { 'r.jsonl': jsonLines(GOLDEN) }, {}, { alias: 'stable' })

    expect(registry.models().map(({ name }) => name)).toEqual(['m'])
    expect(registry.datasets()).toMatchObject([{ name: 'qa', aliases: { stable: '1' } }])
    await expect(publish(registry, { 'r.jsonl': '{"a":1}' }, {}, { name: 'm', version: '9' })).rejects.toMatchObject({ code: 'KIND_MISMATCH' })
    const model = { path: folderOf({ 'model.onnx': modelBytes('x') }), name: 'qa', version: '9', actor: 'ann' }
    await expect(registry.publish(model, fakeInspect)).rejects.toMatchObject({ code: 'KIND_MISMATCH', message: 'the name "qa" is taken by a dataset, so a model needs another one' })
    await expect(publish(registry, { 'r.jsonl': jsonLines(GOLDEN) }, {}, { alias: 'champion' })).rejects.toMatchObject({ code: 'KIND_MISMATCH' })
    expect(() => registry.show('qa', '1')).toThrow(expect.objectContaining({ code: 'KIND_MISMATCH' }))
    expect(() => registry.showDataset('m', '1')).toThrow(expect.objectContaining({ code: 'KIND_MISMATCH' }))
    await expect(registry.materialise('qa', '1')).rejects.toMatchObject({ code: 'KIND_MISMATCH' })
  })

  it('is verified, checked, removed and collected like a model', async () => {
    const { registry, tick } = openRegistry()
    await publish(registry, { 'r.jsonl': jsonLines(GOLDEN) })
    expect(await registry.verify('qa', '1')).toMatchObject({ ok: true })
    expect(await registry.fsck()).toMatchObject({ ok: true, findings: [] })

    registry.remove({ name: 'qa', version: '1', actor: 'ann', reason: 'old' })
    tick(Date.now() - START_MS + 60_000)
    await registry.collect({ graceMs: 0, actor: 'ann', reason: 'tidy' })

    expect(await registry.fsck()).toMatchObject({ ok: true, blobs: 0 })
    expect(registry.kind('qa')).toBe('dataset')
  })

  it('is not read once its bytes are wrong', async () => {
    const { registry, dataDir } = openRegistry()
    await publish(registry, { 'r.jsonl': jsonLines(GOLDEN) })
    const { blobs } = await registry.verify('qa', '1')
    const blob = join(dataDir, 'registry/blobs/sha256', blobs.find(({ path }) => path === 'r.jsonl')!.digest.slice(7))
    chmodSync(blob, 0o644)
    appendFileSync(blob, '{}\n')
    await expect(rowsOf(registry, 'qa')).rejects.toMatchObject({ code: 'DIGEST_MISMATCH', message: expect.stringContaining('r.jsonl') })
  })
})

describe('gauntlet with datasets', () => {
  const scored = [{ candidate: 'the cat sat', reference: 'the cat sat' }, { candidate: 'a dog', reference: 'the cat' }]

  it('publishes, lists, shows and scores one, and compares with a baseline', async () => {
    const dataDir = ['--data-dir', temporaryFolder()]
    const path = folderOf({ 'rows.jsonl': jsonLines(scored) })
    const numbers = folderOf({ 'n.csv': `x\n${Array.from({ length: 400 }, (_, i) => i % 40).join('\n')}\n` })

    const published = await gauntlet('publish', path, '--kind', 'dataset', '--name', 'answers', '--version', '1', '--alias', 'stable', '--columns', 'input=candidate', ...dataDir)
    expect(published).toMatchObject({ code: 0, talk: '' })
    expect(published.out).toContain('published answers:1')
    expect(published.out).toMatch(/input +candidate +--columns/)
    expect((await gauntlet('datasets', ...dataDir)).out).toMatch(/answers +1 +stable=1/)
    expect((await gauntlet('show', 'answers:1', ...dataDir)).out).toContain('candidate text (input)')
    const ofFile = await gauntlet('score', join(path, 'rows.jsonl'), '--metrics', 'rouge1', '--json', ...dataDir)
    const ofDataset = await gauntlet('score', 'dataset:answers@stable', '--metrics', 'rouge1', '--json', ...dataDir)
    expect(JSON.parse(ofDataset.out)).toEqual({ ...JSON.parse(ofFile.out), file: 'dataset:answers@stable' })

    expect((await gauntlet('publish', numbers, '--kind', 'dataset', '--role', 'baseline', '--name', 'base', '--version', '1', ...dataDir)).code).toBe(0)
    expect((await gauntlet('drift', 'dataset:base', join(numbers, 'n.csv'), ...dataDir)).code).toBe(0)
  })

  it('signs one, and reads it under the policy require until the key is revoked', async () => {
    const dataDir = ['--data-dir', temporaryFolder()]
    const key = join(temporaryFolder(), 'key.pem')
    const path = folderOf({ 'rows.jsonl': jsonLines(scored) })
    const publish = async (name: string, ...flags: string[]) =>
      await gauntlet('publish', path, '--kind', 'dataset', '--name', name, '--version', '1', ...flags, ...dataDir)
    const score = async (name: string) => await gauntlet('score', `dataset:${name}`, '--metrics', 'rouge1', ...dataDir)
    await publish('later')
    await publish('never')
    await gauntlet('keys', 'generate', key, ...dataDir)
    await gauntlet('keys', 'trust', `${key}.pub`, '--name', 'ann', ...dataDir)

    expect(await gauntlet('sign', 'later:1', '--key', key, ...dataDir)).toMatchObject({ code: 0, out: expect.stringMatching(/^signed later:1 by /) as string })
    await gauntlet('keys', 'policy', 'require', ...dataDir)

    expect((await gauntlet('verify', 'later:1', ...dataDir)).out).toMatch(/signed by ann/)
    expect(await score('later')).toMatchObject({ code: 0 })
    expect(await score('never')).toMatchObject({ code: 7, talk: expect.stringContaining('never:1 is unsigned') as string })
    expect(await publish('none')).toMatchObject({ code: 7 })
    expect(await publish('own', '--key', key)).toMatchObject({ code: 0 })
    expect((await gauntlet('keys', 'revoke', 'ann', '--reason', 'lost', ...dataDir)).code).toBe(0)
    expect(await score('own')).toMatchObject({ code: 7, talk: expect.stringContaining('is revoked') as string })
  })

  it('says with its exit code why one cannot be used', async () => {
    const dataDir = ['--data-dir', temporaryFolder()]
    expect(await gauntlet('score', 'dataset:none', ...dataDir)).toMatchObject({ code: 3, talk: 'gauntlet: there is no model "none"\n' })
    expect((await gauntlet('publish', folderOf({ 'a.bmp': '' }), '--kind', 'dataset', '--name', 'a', '--version', '1', ...dataDir)).code).toBe(4)
    expect((await gauntlet('publish', '.', '--kind', 'dataset', '--name', 'a', '--version', '1', '--columns', 'best=x', ...dataDir)).code).toBe(2)
  })
})
