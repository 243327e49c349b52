import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fakeInspect, folderOf, modelBytes, openRegistry, publishVersions, START_MS } from '../support/registry-fixtures.js'

const BY = { actor: 'bob', reason: 'because' }
const move = (version: string, change: object = {}) => ({ name: 'm', alias: 'champion', version, ...BY, ...change })

async function withVersions (...versions: string[]) {
  const opened = openRegistry()
  await publishVersions(opened.registry, versions)
  return opened
}

describe('an alias', () => {
  it('moves, with actor, reason and history, newest first', async () => {
    const { registry, tick } = await withVersions('1', '2')
    tick(5)

    registry.setAlias(move('2'))

    expect(registry.alias('m', 'champion')).toBe('2')
    expect(registry.aliasHistory('m', 'champion')).toEqual([
      { version: '2', previous: '1', at: START_MS + 5, ...BY },
      { version: '1', previous: null, at: START_MS, actor: 'ann', reason: 'published' }
    ])
    expect(registry.audit().list({ subject: 'm@champion', limit: 1 })).toMatchObject([{ action: 'alias.set', ...BY, details: { version: '2', previous: '1' } }])
  })

  it('is mirrored in index.json', async () => {
    const { registry, dataDir } = await withVersions('1', '2')
    registry.setAlias(move('2'))
    const { manifests } = JSON.parse(readFileSync(join(dataDir, 'registry', 'index.json'), 'utf8'))
    const champion = manifests.find((entry: { annotations: Record<string, string> }) => entry.annotations['org.opencontainers.image.ref.name'] === 'm:champion')
    expect(champion.digest).toBe(registry.show('m', '2').digest)
  })

  it('set to where it points already changes nothing, also while a rollout is open', async () => {
    const { registry } = await withVersions('1', '2')
    registry.rollouts.create({ model: 'm', champion: '1', challenger: '2', spec: {}, salt: 's', ...BY })
    registry.setAlias(move('1'))
    expect(registry.aliasHistory('m', 'champion')).toHaveLength(1)
  })

  it('moves only when it is what the caller expected', async () => {
    const { registry } = await withVersions('1', '2', '3')
    registry.setAlias(move('2', { expected: '1' }))

    expect(() => registry.setAlias(move('3', { expected: '1' }))).toThrow(expect.objectContaining({
      code: 'ALIAS_CONFLICT', message: 'alias "champion" of "m" was expected to be "1" and is "2"'
    }))
    expect(() => registry.setAlias(move('3', { alias: 'blue', expected: '1' }))).toThrow('was expected to be "1" and is unset')
    registry.setAlias(move('3', { alias: 'blue', expected: null }))
    expect(() => registry.setAlias(move('2', { alias: 'blue', expected: null }))).toThrow('was expected to be unset and is "3"')
    expect(registry.alias('m', 'champion')).toBe('2')
  })

  it('needs a legal name and an existing version', async () => {
    const { registry } = await withVersions('1')
    const refused = (change: object) => {
      try {
        registry.setAlias(move('1', change))
      } catch (error) {
        return (error as { code: string }).code
      }
      return null
    }
    expect(refused({ alias: 'Bad' })).toBe('INVALID_ALIAS')
    expect(refused({ version: '9' })).toBe('VERSION_NOT_FOUND')
    expect(refused({ name: 'q' })).toBe('MODEL_NOT_FOUND')
  })
})

describe('the champion', () => {
  it('cannot be set while a rollout is open, and can again afterwards', async () => {
    const { registry } = await withVersions('1', '2', '3')
    const { id } = registry.rollouts.create({ model: 'm', champion: '1', challenger: '2', spec: {}, salt: 's', ...BY })

    expect(() => registry.setAlias(move('3'))).toThrow(expect.objectContaining({ code: 'ALIAS_LOCKED', message: expect.stringContaining(`rollout ${id} is open`) }))
    registry.setAlias(move('3', { alias: 'blue' }))

    registry.rollouts.apply(id, 'rollback', { epoch: 0, ...BY })
    registry.setAlias(move('3'))
    expect(registry.alias('m', 'champion')).toBe('3')
  })

  it('does not move to another signature unless that is allowed', async () => {
    const { registry } = await withVersions('1')
    const path = folderOf({ 'model.onnx': modelBytes('wide', { outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 9] }] }) })
    await registry.publish({ path, name: 'm', version: 'wide', actor: 'ann' }, fakeInspect)

    expect(() => registry.setAlias(move('wide'))).toThrow(expect.objectContaining({
      code: 'SIGNATURE_CHANGED', message: expect.stringContaining('output "y" has shape [-1,3] for the champion and [-1,9] for the challenger')
    }))
    registry.setAlias(move('wide', { alias: 'blue' }))
    expect(registry.alias('m', 'champion')).toBe('1')

    registry.setAlias(move('wide', { allowSignatureChange: true }))
    expect(registry.alias('m', 'champion')).toBe('wide')
  })

  it('before the present one is remembered through moves and returns', async () => {
    const { registry } = await withVersions('1', '2', '3')
    expect(registry.previousChampion('m')).toBeNull()
    registry.setAlias(move('2'))
    expect(registry.previousChampion('m')).toBe('1')
    registry.setAlias(move('3'))
    expect(registry.previousChampion('m')).toBe('2')
    registry.setAlias(move('2'))
    registry.setAlias(move('2'))
    expect(registry.previousChampion('m')).toBe('3')
    expect(registry.previousChampion('q')).toBeNull()
  })
})

describe('a champion by hand', () => {
  const unfit = async () => { throw new Error('golden example 0 differs') }

  it('is proven before it moves, by the files that were verified', async () => {
    const { registry } = await withVersions('1', '2')
    const proven: unknown[] = []

    await registry.moveAlias(move('2'), async ({ name, version, directory }) => {
      proven.push([name, version, readFileSync(join(directory, 'model.onnx'), 'utf8') === modelBytes('m:2')])
      return []
    })

    expect(proven).toEqual([['m', '2', true]])
    expect(registry.alias('m', 'champion')).toBe('2')
  })

  it('stays where it is when the version is unfit, unless forced, which the audit trail tells', async () => {
    const { registry } = await withVersions('1', '2')

    await expect(registry.moveAlias(move('2'), unfit)).rejects.toMatchObject({ code: 'VERSION_UNFIT', message: expect.stringContaining('golden example 0 differs') })
    const refused = registry.alias('m', 'champion')
    await registry.moveAlias(move('2', { isForced: true }), unfit)

    expect([refused, registry.alias('m', 'champion')]).toEqual(['1', '2'])
    expect(registry.audit().list({ subject: 'm@champion', limit: 1 })).toMatchObject([{ reason: 'because', details: { version: '2', previous: '1', forced: true } }])
  })

  it('needs no proof for other aliases, for the same version, or when it is refused anyway', async () => {
    const { registry } = await withVersions('1', '2')
    await registry.moveAlias(move('2', { alias: 'blue' }), unfit)
    await registry.moveAlias(move('1'), unfit)
    await expect(registry.moveAlias(move('2', { expected: '3' }), unfit)).rejects.toMatchObject({ code: 'ALIAS_CONFLICT' })
  })

  it('is only planned by a dry run, with every check', async () => {
    const { registry } = await withVersions('1', '2')
    const entries = registry.audit().list().length

    await registry.moveAlias(move('2', { isDryRun: true }), async () => [])
    await expect(registry.moveAlias(move('2', { isDryRun: true }), unfit)).rejects.toMatchObject({ code: 'VERSION_UNFIT' })
    registry.removeAlias({ name: 'm', alias: 'champion', ...BY, isForced: true, isDryRun: true })

    expect([registry.alias('m', 'champion'), registry.audit().list().length]).toEqual(['1', entries])
  })
})

describe('an alias that is removed', () => {
  it('is gone from the listing and index.json, and stays in history and audit', async () => {
    const { registry, dataDir } = await withVersions('1')
    registry.setAlias(move('1', { alias: 'blue' }))

    expect(registry.removeAlias({ name: 'm', alias: 'blue', ...BY, expected: '1' })).toBe('1')

    expect(registry.aliasesOf('m')).toMatchObject([{ alias: 'champion', version: '1' }])
    expect(readFileSync(join(dataDir, 'registry', 'index.json'), 'utf8')).not.toContain('m:blue')
    expect(registry.aliasHistory('m', 'blue')).toMatchObject([{ version: null, previous: '1', ...BY }, { version: '1', previous: null }])
    expect(registry.audit().list({ limit: 1 })).toMatchObject([{ action: 'alias.remove', subject: 'm@blue', details: { previous: '1' } }])
    expect(() => registry.removeAlias({ name: 'm', alias: 'blue', ...BY })).toThrow(expect.objectContaining({ code: 'ALIAS_NOT_FOUND' }))
  })

  it('is refused when it moved meanwhile, and for the champion unless forced', async () => {
    const { registry } = await withVersions('1', '2')
    const champion = { name: 'm', alias: 'champion', ...BY }
    expect(() => registry.removeAlias({ ...champion, expected: '2', isForced: true })).toThrow(expect.objectContaining({ code: 'ALIAS_CONFLICT' }))
    expect(() => registry.removeAlias(champion)).toThrow(expect.objectContaining({ code: 'ALIAS_LOCKED' }))

    registry.removeAlias({ ...champion, isForced: true })

    expect([registry.alias('m', 'champion'), registry.previousChampion('m')]).toEqual([null, '1'])
    registry.setAlias(move('2', { expected: null }))
    expect(registry.previousChampion('m')).toBe('1')
  })
})

describe('looking models up', () => {
  it('lists models by name, versions in order of publishing', async () => {
    const { registry, tick } = openRegistry()
    await publishVersions(registry, ['1'], {}, 'z')
    await publishVersions(registry, ['9'], {}, 'a/b')
    tick(1)
    await publishVersions(registry, ['10'], {}, 'a/b')

    const digest = (name: string, version: string) => registry.show(name, version).digest
    expect(registry.models()).toEqual([
      {
        name: 'a/b',
        versions: [
          { version: '9', digest: digest('a/b', '9'), createdAt: START_MS, aliases: [] },
          { version: '10', digest: digest('a/b', '10'), createdAt: START_MS + 1, aliases: ['champion'] }
        ],
        aliases: { champion: '10' }
      },
      {
        name: 'z',
        versions: [{ version: '1', digest: digest('z', '1'), createdAt: START_MS, aliases: ['champion'] }],
        aliases: { champion: '1' }
      }
    ])
  })

  it('resolves a bare name to the champion, name:version and name@alias to versions', async () => {
    const { registry } = await withVersions('1', '2')
    registry.setAlias(move('2', { alias: 'blue' }))
    expect(registry.resolve('m')).toEqual({ name: 'm', version: '1' })
    expect(registry.resolve('m:2')).toEqual({ name: 'm', version: '2' })
    expect(registry.resolve('m@blue')).toEqual({ name: 'm', version: '2' })
  })

  it.each([
    ['q', 'MODEL_NOT_FOUND', 'there is no model "q"'], ['q:1', 'MODEL_NOT_FOUND', 'there is no model "q"'],
    ['m:9', 'VERSION_NOT_FOUND', 'model "m" has no version "9"; it has 1, 2'], ['m@blue', 'ALIAS_NOT_FOUND', 'model "m" has no alias "blue"'],
    ['M', 'INVALID_NAME', 'model name "M" must be'], ['m:', 'INVALID_VERSION', 'version "" must be']
  ])('tells what is wrong with %s', async (reference, code, message) => {
    const { registry } = await withVersions('1', '2')
    expect(() => registry.resolve(reference)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }))
  })
})
