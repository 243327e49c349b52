import { chmodSync, existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { digestOf } from '../../registry/blobs.js'
import type { Registry } from '../../registry/registry.js'
import { DiskFaults } from '../support/registry-faults.js'
import { fakeInspect, folderOf, modelBytes, openRegistry } from '../support/registry-fixtures.js'

const DATA_BYTES = 100_000

/** Versions `1` to `count`, each with as many bytes of its own. */
async function published (count: number, options: Parameters<typeof openRegistry>[0] = {}) {
  const opened = openRegistry({ ...options, now: Date.now })
  for (let version = 1; version <= count; version++) {
    const path = folderOf({ 'model.onnx': modelBytes(`m${version}`), 'model.onnx_data': Buffer.alloc(DATA_BYTES, version) })
    await opened.registry.publish({ path, name: 'm', version: String(version), actor: 'ann' }, fakeInspect)
  }
  const folder = (version: number) => join(opened.dataDir, 'cache', opened.registry.show('m', String(version)).digest.slice(7))
  return { ...opened, folder, has: (version: number) => existsSync(folder(version)) }
}

/** Which files below the data directory were opened while `work` ran. */
async function opened (dataDir: string, work: () => Promise<unknown>): Promise<string[]> {
  const faults = await DiskFaults.install(dataDir, { isReadingToo: true })
  try {
    faults.plan({ at: 0, fault: 'ENOSPC', match: '^read ' })
    await work()
    return [...faults.steps]
  } finally {
    faults.uninstall()
  }
}

/** Makes every file rest for longer than a tick of the file system's clock. */
async function settle (registry: Registry, version: string): Promise<void> {
  await new Promise((resolve) => { setTimeout(resolve, 30) })
  ;(await registry.materialise('m', version)).release()
}

describe('a copy in the cache', () => {
  it('is hashed once, also by a registry that is opened later', async () => {
    const { registry, dataDir, folder } = await published(1)
    const first = await opened(dataDir, async () => { (await registry.materialise('m', '1')).release() })
    expect(first.some((step) => step.includes('blobs/sha256/'))).toBe(true)
    await settle(registry, '1')

    const other = openRegistry({ dataDir, now: Date.now }).registry
    const again = await opened(dataDir, async () => { (await other.materialise('m', '1')).release() })

    expect(again).toEqual([])
    expect(existsSync(join(folder(1), 'model.onnx_data'))).toBe(true)
  })

  it.each(['cache', 'blob'])('is hashed again, and refused, when the bytes of the %s changed although size and time did not', async (where) => {
    const { registry, dataDir, folder } = await published(1)
    await settle(registry, '1')
    const path = where === 'cache'
      ? join(folder(1), 'model.onnx_data')
      : join(dataDir, 'registry/blobs/sha256', digestOf(Buffer.alloc(DATA_BYTES, 1)).slice(7))
    const { atimeMs, mtimeMs } = statSync(path)
    chmodSync(path, 0o644)
    writeFileSync(path, Buffer.alloc(DATA_BYTES, 2))
    utimesSync(path, atimeMs / 1000, mtimeMs / 1000)
    chmodSync(path, 0o444)

    await expect(registry.materialise('m', '1')).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
  })

  it('is hashed again when what is remembered about it is no such document', async () => {
    const { registry, dataDir, folder } = await published(1)
    await settle(registry, '1')
    for (const text of ['', '{"schemaVersion":1,"sizeBytes":1,"blobs":[1],"files":{}}', 'null', '{"schemaVersion":2}']) {
      writeFileSync(`${folder(1)}.json`, text)
      const steps = await opened(dataDir, async () => { (await registry.materialise('m', '1')).release() })
      expect(steps.filter((step) => step.includes('model.onnx_data'))).toHaveLength(1)
    }
  })

  it('goes when others need the room, least recently used first, but not while it is in use', async () => {
    const { registry, has } = await published(4, { cacheBytesMax: 2.5 * DATA_BYTES })
    const inUse = await registry.materialise('m', '1')
    ;(await registry.materialise('m', '2')).release()
    expect([has(1), has(2)]).toEqual([true, true])

    ;(await registry.materialise('m', '3')).release()
    expect([has(1), has(2), has(3)]).toEqual([true, false, true])

    inUse.release()
    inUse.release()
    ;(await registry.materialise('m', '4')).release()
    expect([has(1), has(3), has(4)]).toEqual([false, true, true])
  })

  it('is not evicted while another registry, as of another process, has it in use', async () => {
    const { registry, dataDir, has } = await published(1)
    const other = openRegistry({ dataDir, now: Date.now }).registry
    const [one, two] = [await other.materialise('m', '1'), await other.materialise('m', '1')]
    one.release()

    expect(await registry.evict(0)).toMatchObject({ evicted: [], kept: { copies: 1 } })
    two.release()
    expect(await registry.evict(0, true)).toMatchObject({ evicted: [{ digest: registry.show('m', '1').digest }] })
    expect(has(1)).toBe(true)
    expect(await registry.evict(0)).toMatchObject({ evicted: [{ digest: registry.show('m', '1').digest }], kept: { copies: 0 } })
    expect(readdirSync(join(dataDir, 'cache'))).toEqual([])
    expect(readdirSync(join(dataDir, 'tmp'))).toEqual([])
  })

  it('is made, with a warning, when it does not fit although all that is unused went', async () => {
    const warnings: string[] = []
    const { registry, has } = await published(2, { cacheBytesMax: 10, warn: (message) => { warnings.push(message) } })
    await registry.materialise('m', '1')
    await registry.materialise('m', '2')

    expect([has(1), has(2)]).toEqual([true, true])
    expect(warnings).toHaveLength(2)
    expect(warnings[1]).toMatch(/^the cache grows beyond its 10 bytes: m:2 needs \d+, and \d+ are in use$/)
  })

  it('is handed out on a disk that cannot be written to', async () => {
    const { registry, dataDir, folder } = await published(1)
    await settle(registry, '1')
    const faults = await DiskFaults.install(dataDir)
    onTestFinished(() => { faults.uninstall() })

    for (const fault of ['EROFS', 'ENOSPC'] as const) {
      faults.plan({ at: 1, fault, isLasting: true })
      const copy = await registry.materialise('m', '1')
      expect(copy.directory).toBe(folder(1))
      copy.release()
    }
  })

  it('takes the place of unused ones when the disk is full', async () => {
    const { registry, dataDir, has } = await published(2)
    ;(await registry.materialise('m', '1')).release()
    const faults = await DiskFaults.install(dataDir)
    onTestFinished(() => { faults.uninstall() })
    faults.plan({ at: 1, fault: 'ENOSPC', match: '^write' })

    ;(await registry.materialise('m', '2')).release()

    expect([has(1), has(2)]).toEqual([false, true])
  })
})
