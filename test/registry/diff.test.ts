import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { diffVersions, type DiffSide, type VersionDiff } from '../../registry/diff.js'
import type { Layer } from '../../registry/manifest.js'
import type { Registry } from '../../registry/registry.js'
import { generateKeyFiles, loadPrivateKey } from '../../registry/signing/keys.js'
import { gauntlet } from '../support/command.js'
import { fakeInspect, folderOf, modelBytes, openRegistry, temporaryFolder } from '../support/registry-fixtures.js'

async function publish (
  registry: Registry, version: string, files: Readonly<Record<string, string>>, serving: object = {}
): Promise<void> {
  const path = folderOf({ ...files, 'serving.json': JSON.stringify(serving) })
  await registry.publish({ path, name: 'm', version, actor: 'ann' }, fakeInspect)
}

const base = { 'model.onnx': modelBytes('1'), 'README.md': 'hello' }

async function compare (dataDir: string, ...words: string[]): Promise<{ code: number, diff: VersionDiff, text: string, talk: string }> {
  const json = await gauntlet('diff', ...words, '--data-dir', dataDir, '--json')
  const { out: text } = await gauntlet('diff', ...words, '--data-dir', dataDir)
  return { code: json.code, diff: JSON.parse(json.out) as VersionDiff, text, talk: json.talk }
}

describe('gauntlet diff', () => {
  it('finds nothing between versions of the same files', async () => {
    const { registry, dataDir } = openRegistry()
    await publish(registry, '1', base)
    await publish(registry, '2', base)

    const { code, diff, text } = await compare(dataDir, 'm:1', 'm:2', '--exit-code')

    expect(code).toBe(0)
    expect(diff).toMatchObject({ equal: true, inputs: [], outputs: [], labels: null, fields: [], metrics: [] })
    expect(diff.bytes).toEqual({ shared: diff.a.sizeBytes, onlyA: 0, onlyB: 0 })
    expect(text.trimEnd().split('\n').at(-1)).toBe('nothing differs')
  })

  it('tells inputs, outputs, labels, settings, metrics, files and bytes', async () => {
    const { registry, dataDir } = openRegistry()
    await publish(registry, '1', base, { labels: ['ham', 'spam'], metrics: { accuracy: 0.5, loss: 1 }, batching: { maxBatch: 8 } })
    const inspection = {
      inputs: [{ name: 'x', datatype: 'FP32' as const, shape: [-1, 8] }, { name: 'mask', datatype: 'INT64' as const, shape: [-1] }]
    }
    const files = { 'model.onnx': modelBytes('2', inspection), 'docs/README.md': 'hello', 'notes.txt': 'new' }
    await publish(registry, '2', files, { labels: ['ham', 'scam'], metrics: { accuracy: 0.75 }, batching: { maxBatch: 16 } })

    const { code, diff, text } = await compare(dataDir, 'm:1', ':2')

    expect(code).toBe(0)
    expect(diff.equal).toBe(false)
    expect(diff.inputs.map(({ name, change }) => [name, change])).toEqual([['x', 'changed'], ['mask', 'added']])
    expect(diff.outputs).toEqual([])
    expect(diff.labels).toEqual({ a: 2, b: 2, added: ['scam'], removed: ['spam'], isReordered: false })
    expect(diff.fields).toEqual([{ field: 'batching.maxBatch', a: 8, b: 16 }])
    expect(diff.metrics).toEqual([{ name: 'accuracy', a: 0.5, b: 0.75, delta: 0.25 }, { name: 'loss', a: 1, b: null, delta: null }])
    expect(diff.layers.map(({ path, change }) => [path, change])).toEqual([
      ['docs/README.md', 'moved'], ['model.onnx', 'changed'], ['notes.txt', 'added'], ['serving.json', 'changed']
    ])
    expect(diff.bytes.shared).toBe(5)
    expect(diff.bytes.onlyA + 5).toBe(diff.a.sizeBytes)
    expect(diff.bytes.onlyB + 5).toBe(diff.b.sizeBytes)
    expect(text).toMatch(/^input x +FP32 \[-1,4\] +FP32 \[-1,8\] +changed$/m)
    expect(text).toMatch(/^metric accuracy +0.5 +0.75 +\+0.25 \(\+50.0 %\)$/m)
    expect(text).toMatch(/^labels +2 +2 +\+"scam" -"spam"$/m)
    expect(text).toMatch(/^docs\/README.md +moved from README.md /m)
  })

  it('ends with 6 on request when they differ, also in their signatures alone', async () => {
    const { registry, dataDir } = openRegistry()
    await publish(registry, '1', base)
    await publish(registry, '2', base)
    const key = join(temporaryFolder(), 'key')
    generateKeyFiles(key, 'P-256')
    const { digest } = registry.show('m', '2')
    await registry.signing.sign({ name: 'm', version: '2', digest, actor: 'ann', reason: 'x' }, loadPrivateKey(key))

    const { code, diff, talk } = await compare(dataDir, 'm:1', 'm:2', '--exit-code')

    expect([diff.a.signature, diff.b.signature]).toEqual(['unsigned', 'invalid'])
    expect([code, talk]).toEqual([6, 'gauntlet: m:1 and m:2 differ\n'])
  })

  it('compares datasets by what they say of themselves, and nothing with what is of another kind', async () => {
    const { registry, dataDir } = openRegistry()
    await publish(registry, '1', base)
    const rows = (text: string): string => join(folderOf({ 'rows.jsonl': text }), 'rows.jsonl')
    for (const [version, text] of [['1', '{"a":1}\n'], ['2', '{"a":1,"b":2}\n{"a":3}\n']] as const) {
      expect((await gauntlet('publish', rows(text), '--kind', 'dataset', '--name', 'd', '--version', version, '--quiet', '--data-dir', dataDir)).code).toBe(0)
    }

    const { diff } = await compare(dataDir, 'd:1', 'd')

    expect(diff.b.version).toBe('2')
    expect(diff.fields.find(({ field }) => field === 'rows')).toEqual({ field: 'rows', a: 1, b: 2 })
    expect(diff.layers.map(({ path, change }) => [path, change])).toEqual([['dataset.json', 'changed'], ['rows.jsonl', 'changed']])
    expect(await gauntlet('diff', 'd:1', 'm:1', '--data-dir', dataDir)).toMatchObject({ code: 9, talk: expect.stringContaining('expected two of a kind') as string })
  })

  it('refuses what is not there, with the registry\'s own words, and manifests that do not verify', async () => {
    const { registry, dataDir } = openRegistry()
    await publish(registry, '1', base)
    const where = ['--data-dir', dataDir]
    const outcome = async (...words: string[]) => await gauntlet('diff', ...words, ...where)

    expect(await outcome('m:1', 'm:2')).toMatchObject({ code: 3, talk: expect.stringContaining('has no version "2"') as string })
    expect(await outcome('m', 'm:1')).toMatchObject({ code: 3, talk: expect.stringContaining('no alias "champion"') as string })
    expect(await outcome('M:1', 'm:1')).toMatchObject({ code: 4 })
    const path = join(dataDir, 'registry', 'blobs', 'sha256', registry.show('m', '1').digest.slice(7))
    chmodSync(path, 0o644)
    writeFileSync(path, '{}')
    expect(await outcome('m:1', 'm:1')).toMatchObject({ code: 7, out: '' })
    rmSync(path)
    expect(await outcome('m:1', 'm:1')).toMatchObject({ code: 7, out: '' })
  })
})

describe('the difference of two versions', () => {
  const side = (layers: readonly Layer[], document: Readonly<Record<string, unknown>> = {}): DiffSide => ({
    name: 'm', version: '1', kind: 'model', digest: `sha256:${'0'.repeat(64)}`, sizeBytes: 0, createdAt: 0, signature: 'unsigned', document, layers
  })
  const files = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 1, max: 4 })).map((record) =>
    Object.entries(record).map(([path, seed]) => ({ path, digest: `sha256:${String(seed).repeat(64)}`, sizeBytes: seed * 10 })))

  it('accounts for every byte and every path once, and is its own mirror image', () => {
    fc.assert(fc.property(files, files, (a, b) => {
      const [there, back] = [diffVersions(side(a), side(b)), diffVersions(side(b), side(a))]
      const bytesOf = (layers: readonly Layer[]): number => [...new Map(layers.map(({ digest, sizeBytes }) => [digest, sizeBytes])).values()].reduce((sum, each) => sum + each, 0)

      expect(there.bytes.shared + there.bytes.onlyA).toBe(bytesOf(a))
      expect(there.bytes.shared + there.bytes.onlyB).toBe(bytesOf(b))
      expect(back.bytes).toEqual({ shared: there.bytes.shared, onlyA: there.bytes.onlyB, onlyB: there.bytes.onlyA })
      const mentioned = there.layers.flatMap(({ path, from }) => from === undefined ? [path] : [path, from])
      expect([...new Set(mentioned)].sort()).toEqual([...new Set([...a, ...b].map(({ path }) => path))].sort())
      expect(mentioned.length).toBe(new Set(mentioned).size)
      expect(there.equal).toBe(JSON.stringify(a.toSorted((x, y) => x.path < y.path ? -1 : 1)) === JSON.stringify(b.toSorted((x, y) => x.path < y.path ? -1 : 1)))
    }), { seed: 1, numRuns: 500 })
  })

  it('tells golden examples and baselines by number and digest, not by what is in them', () => {
    const [a, b] = [side([], { examples: [] }), side([], { examples: [{ secret: 1 }], baseline: { version: 1, rows: 3 } })]

    expect(diffVersions(a, b).fields).toEqual([
      { field: 'baseline', a: null, b: { digest: expect.stringMatching(/^sha256:/) as string } },
      { field: 'examples', a: null, b: { count: 1, digest: expect.stringMatching(/^sha256:/) as string } }
    ])
  })

  it('tells labels in another order', () => {
    expect(diffVersions(side([], { labels: ['x', 'y'] }), side([], { labels: ['y', 'x'] })).labels).toEqual({ a: 2, b: 2, added: [], removed: [], isReordered: true })
  })
})
