import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Layout } from '../../registry/layout.js'
import { Registry } from '../../registry/registry.js'
import { openRegistry, publishVersions } from '../support/registry-fixtures.js'

const BY = { actor: 'ann', reason: 'because' }

/** A closed data directory with two versions, and what its index.json names. */
async function closed () {
  const { registry, dataDir } = openRegistry()
  await publishVersions(registry, ['1', '2'])
  registry.close()
  const index = join(dataDir, 'registry', 'index.json')
  const names = () => (JSON.parse(readFileSync(index, 'utf8')) as { manifests: Array<{ annotations: Record<string, string> }> })
    .manifests.map(({ annotations }) => annotations['org.opencontainers.image.ref.name'])
  return { dataDir, index, stamp: join(dataDir, 'index.stamp'), names }
}

function reopen (dataDir: string, work: (registry: Registry) => void = () => {}): void {
  const registry = Registry.open({ dataDir, now: Date.now })
  try {
    work(registry)
  } finally {
    registry.close()
  }
}

const NAMES = ['m:1', 'm:2', 'm:champion']

describe('opening', () => {
  it('does not read index.json while neither it nor the database has changed', async () => {
    const { dataDir, stamp } = await closed()
    const reading = vi.spyOn(Layout.prototype, 'readIndex')
    onTestFinished(() => { reading.mockRestore() })

    reopen(dataDir)
    expect(reading).not.toHaveBeenCalled()

    rmSync(stamp)
    reopen(dataDir)
    expect(reading).toHaveBeenCalledOnce()
    reopen(dataDir)
    expect(reading).toHaveBeenCalledOnce()
  })

  it.each<[string, (paths: Awaited<ReturnType<typeof closed>>) => void]>([
    ['emptied by another tool', ({ index }) => { writeFileSync(index, '{"schemaVersion":2,"manifests":[]}') }],
    ['changed in one byte', ({ index }) => { writeFileSync(index, readFileSync(index, 'utf8').replace('m:1', 'm:9')) }],
    ['deleted', ({ index }) => { rmSync(index) }],
    ['deleted together with a stamp that is damaged', ({ index, stamp }) => { rmSync(index); writeFileSync(stamp, '{') }]
  ])('makes index.json anew that was %s', async (_what, damage) => {
    const paths = await closed()

    damage(paths)
    reopen(paths.dataDir)

    expect(paths.names()).toEqual(NAMES)
  })

  it('makes index.json anew for a database that was put back to an earlier state', async () => {
    const { dataDir, names } = await closed()
    const database = join(dataDir, 'gauntlet.db')
    const kept = `${database}.kept`
    copyFileSync(database, kept)
    reopen(dataDir, (registry) => registry.setAlias({ name: 'm', alias: 'blue', version: '2', ...BY }))
    expect(names()).toEqual(['m:1', 'm:2', 'm:blue', 'm:champion'])

    copyFileSync(kept, database)
    reopen(dataDir)

    expect(names()).toEqual(NAMES)
  })

  it('follows what another process changed meanwhile and had no time to write', async () => {
    const { dataDir, index, names } = await closed()
    const before = readFileSync(index)
    reopen(dataDir, (registry) => { registry.remove({ name: 'm', version: '2', ...BY }) })
    writeFileSync(index, before)

    reopen(dataDir)

    expect(names()).toEqual(['m:1', 'm:champion'])
  })
})
