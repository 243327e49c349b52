import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { asDiskFault } from '../../registry/disk-faults.js'
import { RegistryError } from '../../registry/errors.js'
import { Registry } from '../../registry/registry.js'
import { actOn } from '../support/registry-acts.js'
import { DiskFaults, type Fault } from '../support/registry-faults.js'
import { fakeInspect, folderOf, modelBytes, openRegistry, temporaryFolder } from '../support/registry-fixtures.js'

const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
type Act = Parameters<typeof actOn>[1]

function sourceOf (version: string): string {
  return folderOf({ 'model.onnx': modelBytes(version), 'model.onnx_data': Buffer.alloc(50_000, version) })
}

/** Two versions, of which the second is removed and so may be collected, and a third that is nobody's champion. */
async function prepared () {
  const { registry, dataDir } = openRegistry({ now: Date.now })
  for (const version of ['1', '2', '3']) await actOn(registry, { publish: { path: sourceOf(version), version, ...version === '1' ? { alias: 'champion' } : {} } })
  registry.remove({ name: 'm', version: '2', actor: 'ann', reason: 'bad' })
  return { registry, dataDir }
}

function acts (): Record<typeof NAMES[number], Act> {
  return {
    publish: { publish: { path: sourceOf('4'), version: '4', alias: 'blue' } },
    'a move of an alias': { alias: 'champion', to: '3' },
    'a removal': { remove: '3' },
    'a signature': { sign: '3', key: KEY },
    'a copy into the cache': { materialise: '3' },
    'a collection': { collect: true }
  }
}
const NAMES = ['publish', 'a move of an alias', 'a removal', 'a signature', 'a copy into the cache', 'a collection'] as const

const FAULTS: ReadonlyArray<[Fault, string]> = [['ENOSPC', 'DISK_FULL'], ['EROFS', 'DISK_READ_ONLY']]

describe('a disk that refuses, from any change on,', () => {
  it.each(NAMES.flatMap((name) => FAULTS.map((fault) => [name, ...fault] as const)))('makes %s fail on %s with %s or not at all, and it works afterwards', async (name, fault, code) => {
    const { registry, dataDir } = await prepared()
    const faults = await DiskFaults.install(dataDir)
    onTestFinished(() => { faults.uninstall() })
    const act = acts()[name]
    let refused = 0
    for (let at = 1; ; at++) {
      faults.plan({ at, fault, isLasting: true })
      const outcome = await actOn(registry, act).then(() => null, (error: unknown) => error)
      const isReached = faults.steps.length >= at
      faults.plan({ at: 0, fault })
      if (outcome === null) break
      expect(isReached).toBe(true)
      expect(outcome, `from step ${at} on`).toMatchObject({ name: 'RegistryError', code })
      refused++
    }
    faults.uninstall()

    expect(refused).toBeGreaterThan(0)
    registry.close()
    const { registry: again } = openRegistry({ dataDir, now: Date.now })
    expect((await again.fsck()).findings).toEqual([])
    if (name === 'publish') expect(await actOn(again, act)).toMatchObject({ status: 'unchanged' })
    for (const { version } of again.models()[0]!.versions) (await again.materialise('m', version)).release()
    expect(readdirSync(join(dataDir, 'tmp'))).toEqual([])
  })

  it('is told from other faults', () => {
    const coded = (code: string, path?: string) => Object.assign(new Error(code), { code, path })
    expect(asDiskFault(coded('ENOSPC', '/data/tmp/x'), '/data')).toMatchObject({ code: 'DISK_FULL' })
    expect(asDiskFault(new Error('outer', { cause: coded('EDQUOT') }), '/data')).toMatchObject({ code: 'DISK_FULL' })
    expect(asDiskFault(coded('EACCES', '/data/tmp/x'), '/data')).toMatchObject({ code: 'DISK_READ_ONLY' })
    for (const other of [coded('EACCES', '/elsewhere'), coded('EIO'), coded('SQLITE_BUSY'), new RegistryError('BLOB_MISSING', 'x'), 'text']) {
      expect(asDiskFault(other, '/data')).toBe(other)
    }
  })
})

/** A small file system of its own; null where none may be mounted. */
function mountSmall (sizeBytes: number): string | null {
  const folder = temporaryFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return null
  }
  onTestFinished(() => { execFileSync('umount', ['-l', folder]) })
  return folder
}

describe('a real disk', () => {
  it('that is full refuses a publish and keeps what is there; with room again it works', async (context) => {
    const folder = mountSmall(2 * 1024 ** 2)
    if (folder === null) return context.skip()
    const registry = Registry.open({ dataDir: join(folder, 'data'), now: Date.now })
    try {
      await actOn(registry, { publish: { path: sourceOf('1'), version: '1', alias: 'champion' } })
      const { directory } = await registry.materialise('m', '1')
      const large = folderOf({ 'model.onnx': modelBytes('2'), 'model.onnx_data': Buffer.alloc(4 * 1024 ** 2, 2) })
      await expect(actOn(registry, { publish: { path: large, version: '2' } })).rejects.toMatchObject({ code: 'DISK_FULL' })

      expect(() => writeFileSync(join(folder, 'filling'), Buffer.alloc(4 * 1024 ** 2))).toThrow('ENOSPC')
      await expect(actOn(registry, { publish: { path: sourceOf('3'), version: '3' } })).rejects.toMatchObject({ code: 'DISK_FULL' })
      expect((await registry.materialise('m', '1')).directory).toBe(directory)
      expect((await registry.fsck()).findings).toEqual([])

      rmSync(join(folder, 'filling'))
      expect(await actOn(registry, { publish: { path: sourceOf('3'), version: '3' } })).toMatchObject({ status: 'published' })
      expect((await registry.fsck()).findings).toEqual([])
      expect(readdirSync(join(folder, 'data', 'tmp'))).toEqual([])
    } finally {
      registry.close()
    }
  })

  it('that is read-only refuses to be opened and to be changed, and keeps what is there', async (context) => {
    const folder = mountSmall(4 * 1024 ** 2)
    if (folder === null) return context.skip()
    const dataDir = join(folder, 'data')
    const registry = Registry.open({ dataDir, now: Date.now })
    await registry.publish({ path: sourceOf('1'), name: 'm', version: '1', alias: 'champion', actor: 'ann' }, fakeInspect)
    registry.close()
    const view = join(temporaryFolder(), 'view')
    mkdirSync(view)
    execFileSync('mount', ['--bind', folder, view])
    onTestFinished(() => { execFileSync('umount', ['-l', view]) })
    execFileSync('mount', ['-o', 'remount,bind,ro', view])

    expect(() => Registry.open({ dataDir: join(view, 'data'), now: Date.now })).toThrow(expect.objectContaining({ code: 'DISK_READ_ONLY' }))

    const { registry: whole } = openRegistry({ dataDir, now: Date.now })
    expect((await whole.fsck()).findings).toEqual([])
  })
})
