import { createPublicKey } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { loadPublicKey } from '../../registry/signing/keys.js'
import { exported, importFrom, KEY, kitOf, layoutOf, listingOf, MODEL, tarOf } from '../support/artifacts.js'
import { fakeInspect, folderOf, openRegistry, publishVersions, temporaryFolder } from '../support/registry-fixtures.js'

const blobsOf = (dataDir: string) => listingOf(join(dataDir, 'registry'))

describe('an artifact of ours', () => {
  it('comes in by the same bytes from a folder, an archive and a compressed one, with its signature', async () => {
    const { archive, layout, digest, folder } = await exported()
    const compressed = join(folder, 'm.tar.gz')
    writeFileSync(compressed, gzipSync(readFileSync(archive)))

    for (const source of [layout, archive, compressed, `oci:${layout}:team/m:1.0`, `oci-archive:${archive}:1.0`]) {
      const { registry, dataDir } = openRegistry()
      const { status, converted, detail } = await importFrom(registry, source)

      expect({ status, converted, digest: detail.digest, name: detail.name, version: detail.version })
        .toEqual({ status: 'published', converted: false, digest, name: 'team/m', version: '1.0' })
      expect((await registry.signing.report(digest)).signatures).toHaveLength(1)
      expect((await registry.fsck()).findings).toEqual([])
      expect((await registry.materialise('team/m', '1.0')).digest).toBe(digest)
      expect(registry.audit().list()[0]).toMatchObject({ action: 'version.import', subject: 'team/m:1.0' })
      expect(readdirSync(join(dataDir, 'tmp'))).toEqual([])
    }
  })

  it('gives, exported again from where it was imported, the same archive byte by byte', async () => {
    const { archive, folder } = await exported()
    const { registry } = openRegistry()
    await importFrom(registry, archive)
    const again = join(folder, 'again.tar')

    await registry.export({ name: 'team/m', version: '1.0', target: again, format: 'oci-archive' })

    expect(readFileSync(again).equals(readFileSync(archive))).toBe(true)
  })

  it('may be called otherwise, is unchanged the second time, and conflicts with other bytes', async () => {
    const { archive, digest } = await exported()
    const { registry, dataDir } = openRegistry()
    await publishVersions(registry, ['1.0'], {}, 'other')
    const named = { name: 'mine', version: '7', alias: 'blue' }

    expect(await importFrom(registry, archive, named)).toMatchObject({ status: 'published', detail: { name: 'mine', version: '7', digest, aliases: ['blue'] } })
    const before = blobsOf(dataDir)
    expect(await importFrom(registry, archive, named)).toMatchObject({ status: 'unchanged' })
    await expect(importFrom(registry, archive, { name: 'other' })).rejects.toMatchObject({ code: 'VERSION_CONFLICT' })

    expect(blobsOf(dataDir)).toEqual(before)
  })

  it('has each of its signatures once, however often it comes, and another by the same key not at all', async () => {
    const { archive, digest } = await exported()
    const { registry } = openRegistry()
    const key = createPublicKey(KEY).export({ type: 'spki', format: 'pem' }).toString()
    const path = join(folderOf({ 'key.pub': key }), 'key.pub')
    registry.signing.decide({ actor: 'ann', reason: 'ours' }, { trust: loadPublicKey(path), name: 'ci', isReinstated: false })

    for (const time of ['first', 'second', 'third']) {
      const { signature } = await importFrom(registry, archive)
      expect(signature, time).toMatchObject({ state: 'signed', signatures: [{ name: 'ci', problem: null }] })
      expect(signature!.signatures, time).toHaveLength(1)
    }
    expect((await registry.signing.report(digest)).signatures).toHaveLength(1)
  })

  it('does not come back while it is removed', async () => {
    const { registry, archive } = await exported()
    registry.remove({ name: 'team/m', version: '1.0', actor: 'ann', reason: 'bad' })

    await expect(importFrom(registry, archive)).rejects.toMatchObject({ code: 'VERSION_REMOVED' })
  })

  it('is only looked at by a dry run, which refuses what an import would', async () => {
    const { archive } = await exported()
    const { registry, dataDir } = openRegistry()
    const before = listingOf(join(dataDir, 'registry'))

    expect(await importFrom(registry, archive, { dryRun: true })).toMatchObject({ status: 'published', detail: { version: '1.0' } })
    await expect(importFrom(registry, archive, { dryRun: true, name: 'No' })).rejects.toMatchObject({ code: 'INVALID_NAME' })

    expect(listingOf(join(dataDir, 'registry'))).toEqual(before)
    expect(registry.models()).toEqual([])
  })

  it('is refused unsigned where a signature is required, before anything is stored', async () => {
    const { archive } = await exported()
    const { registry, dataDir } = openRegistry()
    const before = blobsOf(dataDir)

    await expect(importFrom(registry, archive, { signaturePolicy: 'require' })).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })

    expect(blobsOf(dataDir)).toEqual(before)
  })

  it('becomes champion only when it is proven fit', async () => {
    const { archive } = await exported()
    const { registry } = openRegistry()
    const request = { alias: 'champion' }

    await expect(importFrom(registry, archive, { ...request, prove: async () => { throw new Error('no') } })).rejects.toMatchObject({ code: 'VERSION_UNFIT' })
    expect(registry.models()).toMatchObject([{ name: 'team/m', aliases: {} }])
    await importFrom(registry, archive, { ...request, prove: async () => [] })
    expect(registry.alias('team/m', 'champion')).toBe('1.0')
  })

  const damages: Array<[string, (path: string) => void, string]> = [
    ['a flipped byte', (path) => { const bytes = readFileSync(path); bytes[1000]! ^= 1; writeFileSync(path, bytes) }, 'DIGEST_MISMATCH'],
    ['a cut end', (path) => { truncateSync(path, 1000) }, 'DIGEST_MISMATCH'],
    ['bytes too many', (path) => { writeFileSync(path, Buffer.alloc(400_000, 7)) }, 'DIGEST_MISMATCH'],
    ['nothing there', (path) => { rmSync(path) }, 'BLOB_MISSING']
  ]
  it.each(damages)('with %s in a blob is refused, and nothing is stored', async (_, damage, code) => {
    const { layout } = await exported()
    const { registry, dataDir } = openRegistry()
    const before = blobsOf(dataDir)
    const blobs = join(layout, 'blobs', 'sha256')
    const weights = readdirSync(blobs).find((name) => readFileSync(join(blobs, name)).length === 300_000)!
    chmodSync(join(blobs, weights), 0o644)
    damage(join(blobs, weights))

    await expect(importFrom(registry, layout)).rejects.toMatchObject({ code, message: expect.stringContaining(weights) })

    expect(blobsOf(dataDir)).toEqual(before)
    expect(registry.models()).toEqual([])
  })

  it('of which only the beginning had come goes on where it ended', async () => {
    const { layout, digest } = await exported()
    const { registry } = openRegistry()
    const offsets = new Map<string, number[]>()
    let left = 150_000
    const attemptWith = async (isCut: boolean) => await registry.openPlace(layout, async ({ reader }) => await registry.ingest({ digest, actor: 'ann' }, {
      ...reader,
      label: 'cut',
      async * blob (blob, offset = 0) {
        offsets.set(blob, [...offsets.get(blob) ?? [], offset])
        for await (const chunk of reader.blob(blob, offset)) {
          for (let at = 0; at < chunk.length; at += 50_000) {
            if (isCut && (left -= Math.min(50_000, chunk.length - at)) < 0) throw new Error('the line is cut')
            yield chunk.subarray(at, at + 50_000)
          }
        }
      }
    }, fakeInspect))

    await expect(attemptWith(true)).rejects.toThrow('the line is cut')
    expect((await attemptWith(false)).detail.digest).toBe(digest)

    expect([...offsets.values()].some((list) => (list.at(-1) ?? 0) > 0)).toBe(true)
    expect((await registry.fsck()).findings).toEqual([])
  })
})

describe('a layout with several artifacts', () => {
  it('asks which one is meant, and takes it by name, tag or digest', async () => {
    const { registry: source, dataDir } = openRegistry()
    await publishVersions(source, ['1', '2'])
    const layout = join(dataDir, 'registry')
    const { registry } = openRegistry()

    await expect(importFrom(registry, layout)).rejects.toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('m:1 = m:champion, m:2') })
    await expect(importFrom(registry, `${layout}:3`)).rejects.toMatchObject({ message: expect.stringContaining('has no "3"') })
    for (const reference of ['m:1', 'champion', '2', source.show('m', '2').digest]) await importFrom(registry, `${layout}:${reference}`)

    expect(registry.models()[0]!.versions.map(({ version }) => version)).toEqual(['1', '2'])
  })
})

describe('an artifact of another tool', () => {
  it('of KitOps is unpacked, inspected and published with a manifest of ours', async () => {
    const { registry } = openRegistry()
    const kit = kitOf(tarOf([
      { path: './', header: { type: 'Directory' } }, { path: './model/net.onnx', content: MODEL }, { path: 'model/vocab.txt', content: 'a' }, { path: 'docs/README.md', content: '#' }
    ]), { package: { name: 'kit', version: '2.0' }, model: { path: './model/net.onnx' } })

    const { converted, detail } = await importFrom(registry, kit)

    expect({ converted, name: detail.name, version: detail.version, modelFile: registry.show('kit', '2.0').serving.modelFile })
      .toEqual({ converted: true, name: 'kit', version: '2.0', modelFile: 'net.onnx' })
    const { directory } = await registry.materialise('kit', '2.0')
    expect(readdirSync(directory).sort()).toEqual(['docs', 'net.onnx', 'serving.json', 'vocab.txt'])
  })

  it('of ModelPack, raw and archived layers together, is published; a dry run stores nothing', async () => {
    const { registry, dataDir } = openRegistry()
    const { folder } = layoutOf('application/vnd.cncf.model.config.v1+json', { descriptor: { name: 'pack', version: '3' } }, [
      { mediaType: 'application/vnd.cncf.model.weight.v1.raw', bytes: Buffer.from(MODEL), path: 'model.onnx' },
      { mediaType: 'application/vnd.cncf.model.doc.v1.tar', bytes: tarOf([{ path: 'README.md', content: '#' }]) }
    ])
    const before = blobsOf(dataDir)

    expect(await importFrom(registry, folder, { dryRun: true })).toMatchObject({ converted: true, detail: { name: 'pack', version: '3' } })
    expect(blobsOf(dataDir)).toEqual(before)
    expect(await importFrom(registry, folder)).toMatchObject({ status: 'published', detail: { name: 'pack' } })
  })

  it('of Docker with weights for another engine, a container image and a docker archive are refused kindly', async () => {
    const { registry } = openRegistry()
    const docker = layoutOf('application/vnd.docker.ai.model.config.v0.1+json', {}, [{ mediaType: 'application/vnd.docker.ai.gguf.v3', bytes: Buffer.from('GGUF') }])
    const image = layoutOf('application/vnd.oci.image.config.v1+json', {}, [])
    const saved = join(temporaryFolder(), 'image.tar')
    writeFileSync(saved, tarOf([{ path: 'manifest.json', content: '[]' }]))

    await expect(importFrom(registry, docker.folder)).rejects.toThrow(/GGUF or safetensors/)
    await expect(importFrom(registry, image.folder)).rejects.toThrow(/is a container image/)
    await expect(importFrom(registry, saved)).rejects.toThrow(/docker save/)
  })
})
