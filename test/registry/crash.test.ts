import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { PublishStep } from '../../registry/publish.js'
import { Registry } from '../../registry/registry.js'
import { fakeInspect, folderOf, modelBytes, temporaryFolder } from '../support/registry-fixtures.js'
import { runCollector } from '../support/registry-collector-process.js'
import { RegistryProcess, type DriverAction } from '../support/registry-process.js'
import { seededRandom } from '../../evaluators/statistics/random.js'

/** A source of several files, the same for the same version. */
function sourceOf (version: string): string {
  const weights = Buffer.alloc(300_000, version)
  return folderOf({ 'onnx/model.onnx': modelBytes(version), 'onnx/model.onnx_data': weights, 'README.md': `# ${version}`, 'vocab.txt': 'same' })
}

async function startProcess (): Promise<RegistryProcess> {
  const child = await RegistryProcess.start()
  onTestFinished(() => child.kill())
  return child
}

/** Opens what a killed process left and checks all of it; `acknowledged` are versions it had reported as published. */
async function expectWhole (dataDir: string, acknowledged: ReadonlyMap<string, string> = new Map()): Promise<string[]> {
  const registry = Registry.open({ dataDir, now: Date.now })
  try {
    const versions = registry.models().flatMap((model) => model.versions)
    for (const { version, digest } of versions) {
      expect(await registry.verify('m', version)).toMatchObject({ ok: true, digest })
      expect((await registry.materialise('m', version)).digest).toBe(digest)
    }
    for (const [version, digest] of acknowledged) expect(registry.show('m', version).digest).toBe(digest)
    expect(registry.audit().list({ limit: 1_000 }).filter(({ action }) => action === 'version.publish').map(({ subject }) => subject).sort())
      .toEqual(versions.map(({ version }) => `m:${version}`).sort())
    if (versions.length > 0) expect(registry.alias('m', 'champion')).toBe(registry.aliasHistory('m', 'champion')[0]?.version)

    const champion = registry.alias('m', 'champion')
    const { manifests } = JSON.parse(readFileSync(join(dataDir, 'registry', 'index.json'), 'utf8'))
    expect(manifests.map((entry: { annotations: Record<string, string> }) => entry.annotations['org.opencontainers.image.ref.name']).sort())
      .toEqual([...versions.map(({ version }) => `m:${version}`), ...(champion === null ? [] : ['m:champion'])].sort())
    const blobs = join(dataDir, 'registry', 'blobs', 'sha256')
    for (const hex of readdirSync(blobs)) {
      expect(createHash('sha256').update(readFileSync(join(blobs, hex))).digest('hex')).toBe(hex)
    }
    expect(readdirSync(join(dataDir, 'tmp'))).toEqual([])
    return versions.map(({ version }) => version)
  } finally {
    registry.close()
  }
}

describe('a publish killed with SIGKILL', () => {
  const steps: Array<[PublishStep, boolean]> = [
    ['copied', false], ['stored', false], ['committed', true]
  ]

  it.each(steps)('at the step %s leaves a whole registry (the version being there: %s)', async (dieAt, isThere) => {
    const dataDir = temporaryFolder()
    const child = await startProcess()
    await child.run({ open: dataDir })
    await child.run({ publish: { path: sourceOf('1'), version: '1', alias: 'champion' } })
    const path = sourceOf('2')

    child.send({ publish: { path, version: '2', alias: 'champion' }, dieAt })

    expect(await child.ended()).toBe('SIGKILL')
    expect(await expectWhole(dataDir)).toEqual(isThere ? ['1', '2'] : ['1'])
    const registry = Registry.open({ dataDir, now: Date.now })
    const again = await registry.publish({ path, name: 'm', version: '2', alias: 'champion', actor: 'ann' }, fakeInspect)
    registry.close()
    expect(again.status).toBe(isThere ? 'unchanged' : 'published')
    expect(await expectWhole(dataDir)).toEqual(['1', '2'])
  })

  it('at any moment, time after time, leaves a whole registry with all that was acknowledged', async () => {
    const dataDir = temporaryFolder()
    const random = seededRandom(20_260_101)
    const acknowledged = new Map<string, string>()
    let upcoming = startProcess()
    for (let round = 0; round < 4; round++) {
      const child = await upcoming
      upcoming = startProcess()
      const versions = Array.from({ length: 4 }, (_, index) => `${round}.${index}`)
      child.send({ open: dataDir }, ...versions.flatMap((version): DriverAction[] => [
        { publish: { path: sourceOf(version), version, alias: 'champion' } }, { materialise: version }
      ]))

      // the process goes on while the line is read, so it dies somewhere after what the line says
      const linesBefore = random.below(30)
      for (let lines = 0; ; lines++) {
        if (lines === linesBefore) child.kill()
        const line = await child.line()
        if (line === null) break
        expect(line.error).toBeUndefined()
        if (line.action !== undefined && 'publish' in line.action) {
          acknowledged.set(line.action.publish.version, (line.result as { digest: string }).digest)
        }
      }

      expect(await child.ended()).toBe('SIGKILL')
      await expectWhole(dataDir, acknowledged)
    }
    ;(await upcoming).kill()
    expect(acknowledged.size).toBeGreaterThan(3)
  }, 60_000)

  it('while a fresh data directory is being opened leaves one that opens', async () => {
    for (let round = 0; round < 2; round++) {
      const dataDir = join(temporaryFolder(), 'data')
      const child = await startProcess()
      child.send({ open: dataDir })
      expect(await child.line()).toEqual({ step: 'opening' })
      child.kill()
      expect(await child.ended()).toBe('SIGKILL')

      expect(await expectWhole(dataDir)).toEqual([])
      expect(existsSync(join(dataDir, 'registry', 'oci-layout'))).toBe(true)
    }
  })
})

describe('a collection killed with SIGKILL', () => {
  const BY = { actor: 'ann', reason: 'because' }

  it.each([
    ['locked', '1'], ['recorded', '1'], ['indexed', '1'], ['blob', '1'], ['blob', '3'], ['swept', '1']
  ])('at the step %s (%s) loses nothing that is needed, and the next one ends its work', async (step, nth) => {
    const dataDir = temporaryFolder()
    const registry = Registry.open({ dataDir, now: () => Date.now() - 60_000 })
    onTestFinished(() => { registry.close() })
    for (const version of ['1', '2', '3', '4']) {
      await registry.publish({ path: sourceOf(version), name: 'm', version, alias: version === '1' ? 'champion' : 'blue', actor: 'ann' }, fakeInspect)
    }
    for (const version of ['2', '3']) registry.remove({ name: 'm', version, ...BY })
    const blobs = join(dataDir, 'registry', 'blobs', 'sha256')
    writeFileSync(join(blobs, createHash('sha256').update('nobody').digest('hex')), 'nobody')
    for (const name of readdirSync(blobs)) utimesSync(join(blobs, name), 1, 1)
    const planned = await registry.collect({ graceMs: 0, isDryRun: true, ...BY })
    expect(planned).toMatchObject({ versions: [{ version: '2' }, { version: '3' }] })

    const [, signal] = await runCollector(dataDir, '1', step, nth)

    expect(signal).toBe('SIGKILL')
    const survivors = Registry.open({ dataDir, now: Date.now })
    onTestFinished(() => { survivors.close() })
    expect((await survivors.fsck()).findings).toEqual([])
    for (const version of ['1', '4']) expect((await survivors.materialise('m', version)).digest).toBe(survivors.show('m', version).digest)
    await survivors.collect({ graceMs: 0, ...BY })
    expect(await survivors.fsck()).toMatchObject({ findings: [], unneeded: { blobs: 0 } })
    expect(planned.blobs.filter(({ digest }) => existsSync(join(blobs, digest.slice(7))))).toEqual([])
  })
})
