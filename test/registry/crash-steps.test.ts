import { generateKeyPairSync } from 'node:crypto'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Registry } from '../../registry/registry.js'
import { actOn } from '../support/registry-acts.js'
import { DiskFaults, VISIBLE } from '../support/registry-faults.js'
import { fakeInspect, folderOf, modelBytes, openRegistry, temporaryFolder } from '../support/registry-fixtures.js'
import { RegistryProcess, type DriverAction, type DriverLine } from '../support/registry-process.js'

const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string

type Act = Parameters<typeof actOn>[1]

/** Started ahead, as each dies once. */
let waiting: Promise<RegistryProcess>[] = []
const next = async (): Promise<RegistryProcess> => {
  waiting.push(RegistryProcess.start())
  return await waiting.shift()!
}

beforeAll(() => { waiting = [RegistryProcess.start(), RegistryProcess.start()] })
afterAll(async () => { for (const child of waiting) (await child).kill() })

function sourceOf (version: string): string {
  return folderOf({ 'model.onnx': modelBytes(version), 'model.onnx_data': Buffer.alloc(50_000, version), 'vocab.txt': 'same' })
}

/** A registry in which there is something to do: two versions, the first of them champion and in the cache. */
async function prepared (): Promise<string> {
  const dataDir = temporaryFolder()
  const { registry } = openRegistry({ dataDir, now: () => Date.now() - 60_000 })
  for (const version of ['1', '2']) {
    await registry.publish({ path: sourceOf(version), name: 'm', version, actor: 'ann', ...version === '1' ? { alias: 'champion' } : {} }, fakeInspect)
  }
  ;(await registry.materialise('m', '1')).release()
  return dataDir
}

const NAMES = ['a publish', 'a move of an alias', 'a removal', 'a signature', 'a copy into the cache', 'an eviction'] as const

/** The named action of the driver, and what it makes true when it is done. */
interface Case {
  readonly action: Act
  readonly isDone: (registry: Registry) => boolean | Promise<boolean>
}

function cases (): Record<typeof NAMES[number], Case> {
  const isSigned = async (registry: Registry) => (await registry.signing.report(registry.show('m', '2').digest)).signatures.length === 1
  const knows = (registry: Registry, version: string) => registry.models()[0]!.versions.some((each) => each.version === version)
  return {
    'a publish': {
      action: { publish: { path: sourceOf('3'), version: '3', alias: 'blue' } },
      isDone: (registry) => knows(registry, '3') && registry.alias('m', 'blue') === '3'
    },
    'a move of an alias': {
      action: { alias: 'champion', to: '2' }, isDone: (registry) => registry.alias('m', 'champion') === '2'
    },
    'a removal': { action: { remove: '2' }, isDone: (registry) => !knows(registry, '2') },
    'a signature': { action: { sign: '2', key: KEY }, isDone: isSigned },
    'a copy into the cache': { action: { materialise: '2' }, isDone: async (registry) => (await registry.evict(0, true)).evicted.length === 2 },
    'an eviction': { action: { evict: 0 }, isDone: async (registry) => (await registry.evict(0, true)).evicted.length === 0 }
  }
}

function copyOf (template: string): string {
  const dataDir = join(temporaryFolder(), 'data')
  cpSync(template, dataDir, { recursive: true, preserveTimestamps: true })
  return dataDir
}

/** What the action changes step by step, and the versions that are there afterwards. */
async function undisturbed (template: string, action: Act): Promise<{ steps: string[], digests: string[] }> {
  const dataDir = copyOf(template)
  const { registry } = openRegistry({ dataDir, now: Date.now })
  const faults = await DiskFaults.install(dataDir)
  try {
    faults.plan({ at: 0, fault: 'SIGKILL', match: VISIBLE })
    await actOn(registry, action)
    return { steps: [...faults.steps], digests: digestsIn(registry) }
  } finally {
    faults.uninstall()
  }
}

/** Runs the action in a process of its own on a copy of the data directory. */
async function runOn (template: string, action: DriverAction): Promise<{ dataDir: string, last: DriverLine | null, signal: string | null }> {
  const dataDir = copyOf(template)
  const child = await next()
  await child.run({ open: dataDir })
  child.send(action)
  let last = await child.line()
  while (last !== null && last.action === undefined) last = await child.line()
  child.kill()
  return { dataDir, last, signal: await child.ended() }
}

describe('a kill with SIGKILL before each change that others can see', () => {
  it.each(NAMES)('of %s loses nothing, and the same again ends well', async (name) => {
    const { action, isDone } = cases()[name]
    const template = await prepared()
    const { steps, digests: expected } = await undisturbed(template, action)
    expect(steps.length).toBeGreaterThan(1)

    for (let at = 1; at <= steps.length; at++) {
      const { dataDir, signal, last: said } = await runOn(template, { ...action, fault: { at, fault: 'SIGKILL', match: VISIBLE } })

      expect([said, signal]).toEqual([null, 'SIGKILL'])
      const registry = Registry.open({ dataDir, now: Date.now })
      try {
        expect((await registry.fsck()).findings, `killed before ${steps[at - 1]}`).toEqual([])
        for (const version of registry.models()[0]!.versions) (await registry.materialise('m', version.version)).release()
        expect(registry.aliasHistory('m', 'champion')[0]?.version).toBe(registry.alias('m', 'champion'))
        const isOver = name === 'a removal' && digestsIn(registry).length < 2
        if (!isOver) await actOn(registry, action)
        registry.close() // gives the leases back
        const again = openRegistry({ dataDir, now: Date.now }).registry
        expect(await isDone(again), `again after a kill before ${steps[at - 1]}`).toBe(true)
        expect(digestsIn(again)).toEqual(expected)
      } finally {
        registry.close()
      }
    }
  }, 60_000)
})

function digestsIn (registry: Registry): string[] {
  return registry.models().flatMap(({ versions }) => versions.map(({ version, digest }) => `${version} ${digest}`))
}
