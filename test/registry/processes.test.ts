import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { folderOf, modelBytes, openRegistry, temporaryFolder } from '../support/registry-fixtures.js'
import { runCollector } from '../support/registry-collector-process.js'
import { RegistryProcess } from '../support/registry-process.js'

const COUNT = 3
let processes: RegistryProcess[] = []

beforeAll(async () => {
  processes = await Promise.all(Array.from({ length: COUNT }, async () => await RegistryProcess.start()))
})
afterAll(() => { for (const child of processes) child.kill() })

describe('several processes at once', () => {
  it('may open and migrate one fresh data directory, and publish to it', async () => {
    const dataDir = join(temporaryFolder(), 'data')

    const opened = await Promise.all(processes.map(async (child) => await child.run({ open: dataDir })))
    expect(opened.map(({ error }) => error)).toEqual(Array(COUNT).fill(undefined))

    const versions = processes.flatMap((_, who) => [0, 1, 2].map((which) => `${who}.${which}`))
    const results = await Promise.all(processes.map(async (child, who) => {
      const own = []
      for (const version of versions.filter((candidate) => candidate.startsWith(`${who}.`))) {
        own.push(await child.run({ publish: { path: folderOf({ 'model.onnx': modelBytes(version), shared: 'same' }), version, alias: 'champion' } }))
      }
      return own
    }))
    expect(results.flat().map(({ error }) => error)).toEqual(Array(versions.length).fill(undefined))

    const { manifests } = JSON.parse(readFileSync(join(dataDir, 'registry', 'index.json'), 'utf8'))
    expect(manifests).toHaveLength(versions.length + 1)
    const { registry } = openRegistry({ dataDir })
    expect(registry.models()[0]?.versions.map(({ version }) => version).sort()).toEqual(versions)
    for (const version of versions) expect((await registry.verify('m', version)).ok).toBe(true)
  })

  it('that publish one version with different bytes have one winner; with the same bytes all agree', async () => {
    const dataDir = temporaryFolder()
    for (const child of processes) await child.run({ open: dataDir })
    const publishAll = async (version: string, pathOf: (who: number) => string) =>
      await Promise.all(processes.map(async (child, who) => await child.run({ publish: { path: pathOf(who), version } })))

    const different = await publishAll('1', (who) => folderOf({ 'model.onnx': modelBytes(String(who)) }))
    expect(different.map(({ error, result }) => error ?? (result as { status: string }).status).sort())
      .toEqual([...Array(COUNT - 1).fill('VERSION_CONFLICT'), 'published'])

    const same = await publishAll('2', () => folderOf({ 'model.onnx': modelBytes('same') }))
    expect(same.map(({ result }) => (result as { status: string }).status).sort()).toEqual(['published', ...Array(COUNT - 1).fill('unchanged')])
  })

  it('that materialise one version all get the one whole copy', async () => {
    const { registry, dataDir } = openRegistry()
    const data = Buffer.alloc(5_000_000, 1)
    await registry.publish({ path: folderOf({ 'model.onnx': modelBytes('1'), 'model.onnx_data': data }), name: 'm', version: '1', actor: 'ann' }, async (source) => ({
      task: 'tensor', inputs: [{ name: 'x', datatype: 'FP32', shape: [1] }], outputs: [{ name: source.modelFile, datatype: 'FP32', shape: [1] }], labels: null, batchable: false
    }))
    for (const child of processes) await child.run({ open: dataDir })

    const results = await Promise.all(processes.map(async (child) => await child.run({ materialise: '1' })))

    const { directory } = await registry.materialise('m', '1')
    expect(results.map(({ result }) => result)).toEqual(Array(COUNT).fill(directory))
    expect(readdirSync(join(dataDir, 'cache')).filter((name) => /^[0-9a-f]{64}$/.test(name))).toHaveLength(1)
    expect(readdirSync(join(dataDir, 'tmp'))).toEqual([])
    expect(readFileSync(join(directory, 'model.onnx_data')).equals(data)).toBe(true)
  })

  it('of which one collects garbage all the time never lose a blob that is being published', async () => {
    const dataDir = temporaryFolder()
    const publishers = processes.slice(0, 2)
    for (const child of publishers) await child.run({ open: dataDir })
    const { registry } = openRegistry({ dataDir, now: Date.now })
    const collecting = runCollector(dataDir, '200')

    const results = await Promise.all(publishers.map(async (child, who) => {
      const own = []
      for (let round = 0; round < 8; round++) {
        const path = folderOf({ 'model.onnx': modelBytes(`${who}.${round}`), 'shared.bin': `shared ${round}` })
        own.push(await child.run({ publish: { path, version: `${who}.${round}` } }))
        if (who === 0) registry.remove({ name: 'm', version: `0.${round}`, actor: 'ann', reason: 'tried' })
      }
      return own
    }))

    expect([(await collecting)[0], results.flat().map(({ error }) => error)]).toEqual([0, Array(16).fill(undefined)])
    expect(registry.models()[0]?.versions).toHaveLength(8)
    expect((await registry.fsck()).findings).toEqual([])
  }, 60_000)
})
