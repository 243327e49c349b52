import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ReindexReport } from '../../registry/reindex.js'
import type { Registry } from '../../registry/registry.js'
import { exported, KEY, listingOf } from '../support/artifacts.js'
import { fakeInspect, folderOf, modelBytes, openRegistry, publishVersions } from '../support/registry-fixtures.js'

const BY = { actor: 'ann', reason: 'lost' }

/** A data directory with versions, aliases and a signature, closed. */
async function filled (): Promise<{ dataDir: string, before: ReturnType<Registry['models']> }> {
  const { registry, dataDir, tick } = openRegistry()
  await publishVersions(registry, ['1', '2'])
  tick(1_000)
  const path = folderOf({ 'model.onnx': modelBytes('signed') })
  await registry.publish({ path, name: 'm', version: '3.0', alias: 'blue', actor: 'ann', signWith: KEY }, fakeInspect)
  const before = registry.models()
  registry.close()
  return { dataDir, before }
}

function lose (dataDir: string, ...files: string[]): Registry {
  for (const file of files) for (const ending of ['', '-wal', '-shm']) rmSync(join(dataDir, `${file}${ending}`), { force: true })
  return openRegistry({ dataDir, now: Date.now }).registry
}

const counts = ({ versions, aliases, signatures, unchanged, conflicts, skipped }: ReindexReport) =>
  [versions.length, aliases.length, signatures, unchanged, conflicts.length, skipped.length]

describe('reindex', () => {
  it('makes versions, their times and aliases anew after the database was lost, and says so in the audit trail', async () => {
    const { dataDir, before } = await filled()
    const registry = lose(dataDir, 'gauntlet.db')
    expect(registry.models()).toEqual([])

    const report = await registry.reindex(BY)

    expect(counts(report)).toEqual([3, 2, 0, 0, 0, 0])
    expect(registry.models()).toEqual(before)
    expect((await registry.signing.report(registry.show('m', '3.0').digest)).signatures).toHaveLength(1)
    expect((await registry.fsck()).findings).toEqual([])
    expect(registry.audit().list().map(({ action }) => action).sort()).toEqual(['alias.set', 'alias.set', ...Array<string>(3).fill('version.reindex')])
    expect(counts(await registry.reindex(BY))).toEqual([0, 0, 0, 3, 0, 0])
  })

  it('finds versions and signatures among the blobs when index.json is gone too', async () => {
    const { dataDir, before } = await filled()
    const registry = lose(dataDir, 'gauntlet.db', 'registry/index.json')

    const report = await registry.reindex(BY)

    expect(report).toMatchObject({ isFromBlobs: true, signatures: 1, aliases: [] })
    expect(registry.models()[0]!.versions.map(({ version, digest }) => [version, digest]).sort())
      .toEqual(before[0]!.versions.map(({ version, digest }) => [version, digest]).sort())
    expect((await registry.signing.report(registry.show('m', '3.0').digest)).signatures).toHaveLength(1)
    expect((await registry.fsck()).findings).toEqual([])
  })

  it('changes nothing in a dry run, and nothing where there is nothing to do', async () => {
    const { dataDir } = await filled()
    const registry = lose(dataDir, 'gauntlet.db')
    const before = listingOf(join(dataDir, 'registry'))

    expect(counts(await registry.reindex({ ...BY, isDryRun: true }))).toEqual([3, 2, 0, 0, 0, 0])

    expect(registry.models()).toEqual([])
    expect(listingOf(join(dataDir, 'registry'))).toEqual(before)
  })

  it('makes a version of what another tool has copied into the layout', async () => {
    const { layout, digest } = await exported()
    const { registry, dataDir } = openRegistry()
    const index = join(dataDir, 'registry', 'index.json')
    const blobs = (folder: string) => join(folder, 'blobs', 'sha256')
    for (const line of listingOf(blobs(layout))) {
      const [name = ''] = line.split(' ')
      writeFileSync(join(blobs(join(dataDir, 'registry')), name), readFileSync(join(blobs(layout), name)))
    }
    const entry = { digest, size: 1, annotations: { 'org.opencontainers.image.ref.name': 'copy:latest' } }
    writeFileSync(index, JSON.stringify({ schemaVersion: 2, manifests: [entry] }))

    const report = await registry.reindex(BY)

    expect(report).toMatchObject({ versions: [{ name: 'copy', version: '1.0', digest }], aliases: [{ name: 'copy', alias: 'latest', version: '1.0' }], signatures: 1 })
    expect((await registry.fsck()).findings).toEqual([])
  })

  it('never changes a version that is known, nor brings a removed one back, and says what it left', async () => {
    const { registry, dataDir } = openRegistry()
    await publishVersions(registry, ['1', '2', '3'])
    registry.remove({ name: 'm', version: '3', ...BY })
    const digests = ['1', '2'].map((version) => registry.show('m', version).digest)
    const blob = registry.models(true)[0]!.versions.find(({ version }) => version === '3')!.digest
    const named = (name: string, digest: string) => ({ digest, size: 1, annotations: { 'org.opencontainers.image.ref.name': name } })
    writeFileSync(join(dataDir, 'registry', 'index.json'), JSON.stringify({
      manifests: [named('m:1', digests[1]!), named('m:champion', digests[1]!), named('m:3', blob), named('gone:1', `sha256:${'0'.repeat(64)}`)]
    }))

    const report = await registry.reindex(BY)

    expect(report.versions).toEqual([])
    expect(report.conflicts.map(({ subject }) => subject).sort()).toEqual(['m:1', 'm:3'])
    expect(report.skipped).toMatchObject([{ subject: expect.stringContaining('gone:1') }])
    expect(registry.show('m', '1').digest).toBe(digests[0])
    expect(registry.alias('m', 'champion')).toBe('1')
    expect(registry.models()[0]!.versions.map(({ version }) => version)).toEqual(['1', '2'])
  })
})
