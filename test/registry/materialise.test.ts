import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../registry/blobs.js'
import { fakeInspect, folderOf, modelBytes, openRegistry } from '../support/registry-fixtures.js'

const DATA = Buffer.alloc(600_000, 7)

async function published () {
  const { registry, dataDir } = openRegistry()
  const path = folderOf({ 'onnx/model.onnx': modelBytes('one'), 'onnx/model.onnx_data': DATA, 'README.md': '# m' })
  const { detail } = await registry.publish({ path, name: 'm', version: '1', actor: 'ann' }, fakeInspect)
  const blobPath = (digest: string) => join(dataDir, 'registry', 'blobs', 'sha256', digest.slice(7))
  return { registry, dataDir, digest: detail.digest, blobPath }
}

function copiesIn (dataDir: string): string[] {
  return readdirSync(join(dataDir, 'cache')).filter((name) => /^[0-9a-f]{64}$/.test(name))
}

/** Changes one byte and nothing else. */
function flipByte (path: string, at = 0): void {
  const bytes = readFileSync(path)
  bytes[at] = bytes[at]! ^ 1
  chmodSync(path, 0o644)
  writeFileSync(path, bytes)
}

describe('a materialised version', () => {
  it('is a folder of real files with the published bytes', async () => {
    const { registry, dataDir, digest } = await published()

    const materialised = await registry.materialise('m', '1')

    expect(materialised).toMatchObject({ directory: join(dataDir, 'cache', digest.slice(7)), digest, serving: { modelFile: 'onnx/model.onnx' } })
    const files = readdirSync(materialised.directory, { recursive: true }).sort()
    expect(files).toEqual(['README.md', 'onnx', 'onnx/model.onnx', 'onnx/model.onnx_data', 'serving.json'])
    for (const file of files.filter((path) => path !== 'onnx')) {
      const found = lstatSync(join(materialised.directory, String(file)))
      expect([found.isFile(), found.nlink]).toEqual([true, 1])
    }
    expect(readFileSync(join(materialised.directory, 'onnx/model.onnx_data')).equals(DATA)).toBe(true)
    expect(readdirSync(join(dataDir, 'tmp'))).toEqual([])
  })

  it('is made once and then only verified', async () => {
    const { registry } = await published()
    const { release: _release, ...first } = await registry.materialise('m', '1')
    const inode = statSync(first.directory).ino

    expect(await registry.materialise('m', '1')).toMatchObject(first)
    expect(statSync(first.directory).ino).toBe(inode)
  })

  it('is the same for callers at the same time', async () => {
    const { registry, dataDir } = await published()

    const all = await Promise.all(Array.from({ length: 8 }, () => registry.materialise('m', '1')))

    expect(new Set(all.map(({ directory }) => directory)).size).toBe(1)
    expect(copiesIn(dataDir)).toHaveLength(1)
  })

  it('is the same for two registries on one data directory', async () => {
    const { registry, dataDir } = await published()
    const other = openRegistry({ dataDir })

    const [one, two] = await Promise.all([registry.materialise('m', '1'), other.registry.materialise('m', '1')])

    expect([one.directory, one.digest]).toEqual([two.directory, two.digest])
    expect(readdirSync(join(dataDir, 'tmp'))).toEqual([])
  })

  it('is refused when a byte of a blob is flipped, naming digest and path', async () => {
    const { registry, dataDir, blobPath } = await published()
    flipByte(blobPath(digestOf(DATA)), 599_999)

    await expect(registry.materialise('m', '1')).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH', message: expect.stringContaining(`blob ${digestOf(DATA)} (onnx/model.onnx_data) does not match its digest`)
    })
    expect(copiesIn(dataDir)).toEqual([])
    expect(readdirSync(join(dataDir, 'tmp'))).toEqual([])
  })

  it('is refused when a byte of a blob is flipped although the cached copy is whole', async () => {
    const { registry, blobPath } = await published()
    await registry.materialise('m', '1')
    const model = digestOf(DATA)
    flipByte(blobPath(model), 5)

    await expect(registry.materialise('m', '1')).rejects.toMatchObject({ code: 'DIGEST_MISMATCH', message: expect.stringContaining(model) })
  })

  it('is refused when a blob is truncated or longer', async () => {
    const { registry, blobPath } = await published()
    const blob = blobPath(digestOf(DATA))
    chmodSync(blob, 0o644)
    for (const bytes of [DATA.subarray(1), Buffer.concat([DATA, Buffer.alloc(1)]), Buffer.alloc(0)]) {
      writeFileSync(blob, bytes)
      await expect(registry.materialise('m', '1')).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
    }
  })

  it('is refused when a blob or the manifest is missing or damaged', async () => {
    const { registry, blobPath, digest } = await published()
    rmSync(blobPath(digestOf(DATA)))
    await expect(registry.materialise('m', '1')).rejects.toMatchObject({ code: 'BLOB_MISSING', message: expect.stringContaining('onnx/model.onnx_data') })
    flipByte(blobPath(digest), 5)
    await expect(registry.materialise('m', '1')).rejects.toMatchObject({ code: 'DIGEST_MISMATCH', message: `blob ${digest} (the manifest of m:1) does not match its digest` })
    rmSync(blobPath(digest))
    await expect(registry.materialise('m', '1')).rejects.toMatchObject({ code: 'BLOB_MISSING' })
  })

  it('is refused when a byte of the cached copy is flipped, thrown away and made anew', async () => {
    const { registry } = await published()
    const { directory } = await registry.materialise('m', '1')
    flipByte(join(directory, 'onnx/model.onnx_data'), 300_000)

    await expect(registry.materialise('m', '1')).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH', message: expect.stringContaining(`blob ${digestOf(DATA)} (cached onnx/model.onnx_data) does not match its digest`)
    })
    expect(existsSync(directory)).toBe(false)

    await registry.materialise('m', '1')
    expect(readFileSync(join(directory, 'onnx/model.onnx_data')).equals(DATA)).toBe(true)
  })

  it('is refused when the cached copy has a file too many, too few, or a symbolic link', async () => {
    const { registry, blobPath } = await published()
    const { directory } = await registry.materialise('m', '1')
    const tampering = [
      () => writeFileSync(join(directory, 'onnx/extra.bin'), 'x'),
      () => rmSync(join(directory, 'README.md')),
      () => {
        rmSync(join(directory, 'onnx/model.onnx_data'))
        symlinkSync(blobPath(digestOf(DATA)), join(directory, 'onnx/model.onnx_data'))
      },
      () => {
        const elsewhere = folderOf({ 'model.onnx': readFileSync(join(directory, 'onnx/model.onnx')), 'model.onnx_data': DATA })
        rmSync(join(directory, 'onnx'), { recursive: true })
        symlinkSync(elsewhere, join(directory, 'onnx'))
      }
    ]
    for (const tamper of tampering) {
      tamper()
      await expect(registry.materialise('m', '1')).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
      await registry.materialise('m', '1')
    }
  })

  it('of an unknown version does not exist', async () => {
    const { registry } = await published()
    await expect(registry.materialise('m', '2')).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' })
    await expect(registry.materialise('q', '1')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
  })
})

describe('verifying a version', () => {
  it('lists every blob as good', async () => {
    const { registry, digest } = await published()

    const result = await registry.verify('m', '1')

    expect(result).toMatchObject({ ok: true, digest })
    expect(result.blobs.map(({ path, ok }) => [path, ok])).toEqual([
      ['(manifest)', true], ['(config)', true], ['README.md', true], ['onnx/model.onnx', true], ['onnx/model.onnx_data', true], ['serving.json', true]
    ])
    expect(result.blobs[4]).toMatchObject({ digest: digestOf(DATA), sizeBytes: DATA.length })
  })

  it('names each damaged, missing or unreadable blob', async () => {
    const { registry, blobPath } = await published()
    flipByte(blobPath(digestOf(DATA)))
    const model = blobPath(digestOf(modelBytes('one')))
    rmSync(model)
    symlinkSync(join(dirname(model), 'elsewhere'), model)
    rmSync(blobPath(digestOf('# m')))

    const { ok, blobs } = await registry.verify('m', '1')

    expect(ok).toBe(false)
    expect(blobs.filter((blob) => !blob.ok).map(({ path, code }) => [path, code])).toEqual([
      ['README.md', 'BLOB_MISSING'], ['onnx/model.onnx', 'DIGEST_MISMATCH'], ['onnx/model.onnx_data', 'DIGEST_MISMATCH']
    ])
  })

  it('stops at a damaged manifest, whose layers cannot be trusted', async () => {
    const { registry, blobPath, digest } = await published()
    flipByte(blobPath(digest), 3)
    const { ok, blobs } = await registry.verify('m', '1')
    expect([ok, blobs.map(({ path }) => path)]).toEqual([false, ['(manifest)']])
  })
})
