import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { IngestStep } from '../../registry/ingestion.js'
import { Registry } from '../../registry/registry.js'
import { exported } from '../support/artifacts.js'
import { runCollector } from '../support/registry-collector-process.js'
import { temporaryFolder } from '../support/registry-fixtures.js'
import { RegistryProcess } from '../support/registry-process.js'

async function startProcess (): Promise<RegistryProcess> {
  const child = await RegistryProcess.start()
  onTestFinished(() => child.kill())
  return child
}

describe('an import killed with SIGKILL', () => {
  const steps: Array<[IngestStep, number, boolean]> = [
    ['manifest', 1, false], ['blob', 1, false], ['blob', 4, false], ['stored', 1, false], ['committed', 1, true], ['indexed', 1, true]
  ]

  it.each(steps)('at the step %s (%i) leaves a whole registry, and the next one ends its work', async (dieAt, nth, isThere) => {
    const { archive, layout, digest } = await exported()
    const dataDir = temporaryFolder()
    const place = dieAt === 'stored' ? archive : layout
    const [first, second] = [await startProcess(), await startProcess()]
    await first.run({ open: dataDir })

    first.send({ ingest: { place }, dieAt, nth })

    expect(await first.ended()).toBe('SIGKILL')
    const registry = Registry.open({ dataDir, now: Date.now })
    onTestFinished(() => { registry.close() })
    expect(registry.models().flatMap(({ versions }) => versions.map((version) => version.digest))).toEqual(isThere ? [digest] : [])
    expect((await registry.fsck()).findings).toEqual([])
    const left = join(dataDir, 'tmp', 'partial')
    expect(existsSync(left) ? readdirSync(left).length : 0).toBe(dieAt === 'blob' ? nth : 0)
    await second.run({ open: dataDir })
    expect(await second.run({ ingest: { place } })).toMatchObject({ result: { status: isThere ? 'unchanged' : 'published', digest } })
    expect((await registry.fsck()).findings).toEqual([])
    expect(await registry.verify('team/m', '1.0')).toMatchObject({ ok: true, digest })
    expect(readdirSync(join(dataDir, 'tmp'))).toEqual([])
  })
})

describe('an import while blobs are collected', () => {
  it('keeps every blob that it needs', async () => {
    const { layout, digest } = await exported()
    const dataDir = temporaryFolder()
    const child = await startProcess()
    await child.run({ open: dataDir })
    const collecting = runCollector(dataDir, '20')

    for (let round = 0; round < 5; round++) {
      expect(await child.run({ ingest: { place: layout } })).toMatchObject({ result: { digest } })
    }

    expect(await collecting).toEqual([0, null])
    const registry = Registry.open({ dataDir, now: Date.now })
    onTestFinished(() => { registry.close() })
    expect((await registry.fsck()).findings).toEqual([])
    expect((await registry.materialise('team/m', '1.0')).digest).toBe(digest)
  })
})
