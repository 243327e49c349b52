import { createHash, generateKeyPairSync } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ExportFormat } from '../../registry/export.js'
import { Registry } from '../../registry/registry.js'
import { importFrom, listingOf } from '../support/artifacts.js'
import { actOn } from '../support/registry-acts.js'
import { DiskFaults } from '../support/registry-faults.js'
import { fakeInspect, folderOf, modelBytes, openRegistry, temporaryFolder } from '../support/registry-fixtures.js'
import { RegistryProcess, type DriverAction } from '../support/registry-process.js'

const { privateKey: KEY } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
type Act = Parameters<typeof actOn>[1]

/** Started ahead, as each dies once. */
let waiting: Promise<RegistryProcess>[] = []
const next = async (): Promise<RegistryProcess> => {
  waiting.push(RegistryProcess.start())
  return await waiting.shift()!
}
beforeAll(() => { waiting = [RegistryProcess.start(), RegistryProcess.start()] })
afterAll(async () => { for (const child of waiting) (await child).kill() })

/** A registry of two versions, one of them signed and champion, with a folder for exports. */
async function prepared (): Promise<string> {
  const dataDir = temporaryFolder()
  const { registry } = openRegistry({ dataDir, now: () => Date.now() - 60_000 })
  for (const version of ['1', '2']) {
    const path = folderOf({ 'model.onnx': modelBytes(version), 'model.onnx_data': Buffer.alloc(50_000, version) })
    await registry.publish({ path, name: 'm', version, actor: 'ann', ...version === '1' ? { alias: 'champion', signWith: KEY } : {} }, fakeInspect)
  }
  registry.close()
  mkdirSync(join(dataDir, 'out'))
  return dataDir
}

function copyOf (template: string): string {
  const dataDir = join(temporaryFolder(), 'data')
  cpSync(template, dataDir, { recursive: true, preserveTimestamps: true })
  return dataDir
}

/** The steps of an action that match, in the order in which they are taken. */
async function stepsOf (template: string, actionIn: (dataDir: string) => Act, match: string): Promise<string[]> {
  const dataDir = copyOf(template)
  const { registry } = openRegistry({ dataDir, now: Date.now })
  const faults = await DiskFaults.install(dataDir)
  try {
    faults.plan({ at: 0, fault: 'SIGKILL', match })
    await actOn(registry, actionIn(dataDir))
    return [...faults.steps]
  } finally {
    faults.uninstall()
  }
}

/** Runs the action in a process that is killed before one of its steps. */
async function killed (template: string, actionIn: (dataDir: string) => Act, at: number, match: string): Promise<string> {
  const dataDir = copyOf(template)
  const child = await next()
  await child.run({ open: dataDir })
  child.send({ ...actionIn(dataDir), fault: { at, fault: 'SIGKILL', match } } as DriverAction)
  while (await child.line() !== null);
  expect(await child.ended()).toBe('SIGKILL')
  return dataDir
}

describe.each<[ExportFormat, string]>([['oci-archive', 'm.tar'], ['oci-dir', 'layout'], ['folder', 'files']])('an export as %s', (format, name) => {
  const MATCH = '^(make|open|write|sync|rename|remove)'
  const actionIn = (dataDir: string): Act => ({ export: '1', to: join(dataDir, 'out', name), format })

  it.each([false, true])('that is killed with SIGKILL at any step shows all of it or nothing (there being an earlier one: %s)', async (isSecond) => {
    const template = await prepared()
    const { registry } = openRegistry({ dataDir: template, now: Date.now })
    if (isSecond) await registry.export({ name: 'm', version: '2', target: join(template, 'out', name), format })
    const { digest } = registry.show('m', '1')
    const earlier = registry.show('m', '2').digest
    registry.close()
    const all = await stepsOf(template, actionIn, MATCH)
    // of the blobs that are copied one is as good as the other
    const some = new Set([1, 2, Math.ceil(all.length / 2), all.length])
    const chosen = all.map((step, index) => ({ step, at: index + 1 })).filter(({ step, at }) => /^(rename|remove)/.test(step) || some.has(at))
    expect(chosen.length).toBeGreaterThan(2)

    for (const { step, at } of chosen) {
      const dataDir = await killed(template, actionIn, at, MATCH)

      const target = join(dataDir, 'out', name)
      const after = Registry.open({ dataDir, now: Date.now })
      try {
        if (existsSync(target)) expect(await digestIn(target, format), `killed before ${step}`).toBeOneOf(isSecond ? [digest, earlier] : [digest])
        else if (isSecond) expect(format, `killed before ${step}`).not.toBe('oci-archive') // a file is replaced at once
        expect((await after.fsck()).findings).toEqual([])
        await after.export({ name: 'm', version: '1', target, format, isForced: true })
      } finally {
        after.close()
      }
      expect(await digestIn(target, format), `again after a kill before ${step}`).toBe(digest)
      expect(readdirSync(dirname(target)), `again after a kill before ${step}`).toEqual([name])
    }
  }, 60_000)
})

/** The digest of what was exported, whole as it is; of plain files, which version they are of. */
async function digestIn (target: string, format: ExportFormat): Promise<string> {
  const { registry } = openRegistry()
  if (format !== 'folder') return (await importFrom(registry, target)).detail.digest
  const { detail } = await registry.publish({ path: target, name: 'm', version: versionIn(target), actor: 'ann' }, fakeInspect)
  return detail.digest
}

function versionIn (folder: string): string {
  const hash = (version: string) => createHash('sha256').update(modelBytes(version)).digest('hex')
  return ['1', '2'].find((version) => listingOf(folder).includes(`model.onnx ${hash(version)}`)) ?? 'none'
}

describe('a reindex', () => {
  it('that is killed with SIGKILL before any change that others can see is ended by the next one', async () => {
    const MATCH = '^(rename|commit|remove (?!tmp))'
    const template = await prepared()
    const { registry } = openRegistry({ dataDir: template, now: Date.now })
    const before = registry.models()
    registry.close()
    for (const ending of ['', '-wal', '-shm']) rmSync(join(template, `gauntlet.db${ending}`), { force: true })
    const steps = await stepsOf(template, () => ({ reindex: true }), MATCH)
    expect(steps.length).toBeGreaterThan(1)

    for (let at = 1; at <= steps.length; at++) {
      const dataDir = await killed(template, () => ({ reindex: true }), at, MATCH)

      const after = Registry.open({ dataDir, now: Date.now })
      try {
        expect(after.models(), `killed before ${steps[at - 1]}`).toBeOneOf([[], before])
        expect((await after.fsck()).findings, `killed before ${steps[at - 1]}`).toEqual([])
        await after.reindex({ actor: 'ann', reason: 'again' })
        expect(after.models()).toEqual(before)
        expect((await after.signing.report(after.show('m', '1').digest)).signatures).toHaveLength(1)
        expect((await after.fsck()).findings).toEqual([])
        for (const version of ['1', '2']) (await after.materialise('m', version)).release()
      } finally {
        after.close()
      }
    }
  }, 60_000)
})
