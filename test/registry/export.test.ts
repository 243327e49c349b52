import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../registry/blobs.js'
import { exported, listingOf, MODEL } from '../support/artifacts.js'
import { temporaryFolder } from '../support/registry-fixtures.js'

const VERSION = { name: 'team/m', version: '1.0' }
const SKOPEO = 'skopeo'
const hasSkopeo = spawnSync(SKOPEO, ['--version']).status === 0

describe('an export', () => {
  it('is a layout whose index names the version and its signature, every blob being what its name says', async () => {
    const { layout, digest } = await exported()

    const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'))
    expect(manifests.map((entry: { digest: string, annotations: object }) => entry.annotations)).toEqual([
      { 'org.opencontainers.image.ref.name': 'team/m:1.0' }, { 'io.gauntlet.subject': digest }
    ])
    const blobs = join(layout, 'blobs', 'sha256')
    for (const hex of readdirSync(blobs)) expect(digestOf(readFileSync(join(blobs, hex)))).toBe(`sha256:${hex}`)
    expect(readdirSync(layout).sort()).toEqual(['blobs', 'index.json', 'oci-layout'])
  })

  it('is an archive that tar can read, the same each time, with the time that was asked for', async () => {
    const { registry, archive, folder } = await exported()
    const [again, dated] = [join(folder, 'again.tar'), join(folder, 'dated.tar')]
    await registry.export({ ...VERSION, target: again, format: 'oci-archive' })
    await registry.export({ ...VERSION, target: dated, format: 'oci-archive', sourceDateEpoch: 86_400 })

    expect(readFileSync(again).equals(readFileSync(archive))).toBe(true)
    const listed = execFileSync('tar', ['--utc', '-tvf', dated], { encoding: 'utf8' }).trim().split('\n')
    expect(listed.every((line) => line.includes('1970-01-02 00:00'))).toBe(true)
    const names = listed.map((line) => line.split(' ').at(-1))
    expect(names).toEqual([...names].sort())
  })

  it('is a folder of plain files', async () => {
    const { registry, folder } = await exported()
    const target = join(folder, 'files')

    const { files } = await registry.export({ ...VERSION, target, format: 'folder' })

    expect(files).toBe(4)
    expect(readdirSync(target).sort()).toEqual(['README.md', 'model.onnx', 'serving.json', 'weights.data'])
    expect(readFileSync(join(target, 'model.onnx'), 'utf8')).toBe(MODEL)
  })

  it('never overwrites; --force replaces an earlier export and nothing else', async () => {
    const { registry, layout, archive, folder } = await exported()
    const mine = join(folder, 'mine')
    mkdirSync(mine)
    writeFileSync(join(mine, 'thesis.txt'), 'years')
    const before = listingOf(layout)

    await expect(registry.export({ ...VERSION, target: layout, format: 'oci-dir' })).rejects.toMatchObject({ code: 'TARGET_INVALID' })
    for (const format of ['oci-dir', 'folder', 'oci-archive'] as const) {
      await expect(registry.export({ ...VERSION, target: mine, format, isForced: true })).rejects.toThrow(/no earlier export/)
    }
    writeFileSync(join(layout, 'oci-layout.extra'), '')
    await registry.export({ ...VERSION, target: layout, format: 'oci-dir', isForced: true })
    await registry.export({ ...VERSION, target: archive, format: 'oci-archive', isForced: true })

    expect(listingOf(layout)).toEqual(before)
    expect(readFileSync(join(mine, 'thesis.txt'), 'utf8')).toBe('years')
    expect(readdirSync(folder).sort()).toEqual(['layout', 'm.tar', 'mine'])
  })

  it('of a damaged version, or to where nothing can be written, leaves nothing behind', async () => {
    const { registry, dataDir } = await exported()
    const blob = join(dataDir, 'registry', 'blobs', 'sha256', digestOf(MODEL).slice(7))
    chmodSync(blob, 0o644)
    writeFileSync(blob, MODEL.replace('imported', 'imp0rted'))
    const folder = temporaryFolder()

    for (const format of ['oci-dir', 'oci-archive', 'folder'] as const) {
      await expect(registry.export({ ...VERSION, target: join(folder, 'x'), format })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
    }
    await expect(registry.export({ ...VERSION, target: join(folder, 'no/such/x'), format: 'folder' })).rejects.toMatchObject({ code: 'TARGET_INVALID' })

    expect(readdirSync(folder)).toEqual([])
  })

  it('is only told by a dry run', async () => {
    const { registry, folder } = await exported()

    expect(await registry.export({ ...VERSION, target: join(folder, 'x'), format: 'oci-dir', isDryRun: true })).toMatchObject({ files: 11, signatures: 1 })

    expect(existsSync(join(folder, 'x'))).toBe(false)
  })

  it.runIf(hasSkopeo)('is what skopeo reads: the manifest that it prints has the digest', async () => {
    const { archive, layout, digest } = await exported()

    for (const place of [`oci:${layout}:team/m:1.0`, `oci-archive:${archive}:team/m:1.0`]) {
      expect(digestOf(execFileSync(SKOPEO, ['inspect', '--raw', place]))).toBe(digest)
    }
  })
})
