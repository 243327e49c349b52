import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { addRegistryCommands } from '../../registry/commands.js'
import { Registry } from '../../registry/registry.js'
import type { Prove } from '../../registry/running.js'
import { exported, importFrom, layoutOf } from '../support/artifacts.js'
import { FAKE_MODELS, fakeInspect, folderOf, modelBytes, openRegistry, publishVersions, temporaryFolder } from '../support/registry-fixtures.js'

const unfit: Prove = async () => { throw new Error('it does not load') }
const X = { name: 'x', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] }
const wrongExample = { examples: [{ inputs: [X], outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 3], data: [1, 2, 4] }], tolerance: 0 }] }

/** The commands as a program runs them, with models that load or do not. */
function commandLine (prove: Prove = FAKE_MODELS.prove, dataDir = temporaryFolder()) {
  const run = async (...words: string[]): Promise<unknown> => {
    let printed: unknown = null
    const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
      .option('--json').option('--data-dir <path>', '', dataDir)
    addRegistryCommands(program, {
      ...FAKE_MODELS,
      prove,
      open: async () => Registry.open({ dataDir, now: Date.now }),
      actor: () => 'ann',
      print: (json) => { printed = JSON.parse(JSON.stringify(json)) },
      warn: () => {}
    })
    await program.parseAsync(words, { from: 'user' })
    return printed
  }
  const look = <Result>(work: (registry: Registry) => Result): Result => {
    const registry = Registry.open({ dataDir, now: Date.now })
    try {
      return work(registry)
    } finally {
      registry.close()
    }
  }
  return { run, look, dataDir }
}

const modelFolder = (files: Record<string, string> = {}) => folderOf({ 'model.onnx': modelBytes('one'), ...files })

describe('a version that cannot become champion', () => {
  it('is published all the same, without the alias, and stays so when it is published again', async () => {
    const { run, look } = commandLine(unfit)
    const publish = async () => await run('publish', modelFolder(), '--name', 'm', '--version', '1', '--alias', 'champion')

    for (const time of ['first', 'second']) {
      await expect(publish(), time).rejects.toMatchObject({
        code: 'VERSION_UNFIT',
        message: expect.stringMatching(/^m:1 is published, but not as champion: version "1" of "m" cannot become champion: it does not load/)
      })
      expect(look((registry) => [registry.show('m', '1').version, registry.alias('m', 'champion')])).toEqual(['1', null])
    }
  })

  it('is not made by a dry run either, which refuses as the publish would', async () => {
    const { run, look } = commandLine(unfit)
    await expect(run('publish', modelFolder(), '--name', 'm', '--version', '1', '--alias', 'champion', '--dry-run'))
      .rejects.toMatchObject({ code: 'VERSION_UNFIT', message: expect.stringContaining('m:1 would be published, but not as champion') })
    expect(look((registry) => registry.models())).toEqual([])
  })

  it('becomes it by force, with a reason that the audit trail keeps, and not without one', async () => {
    const { run, look } = commandLine(unfit)
    const publish = async (...flags: string[]) =>
      await run('publish', modelFolder(), '--name', 'm', '--version', '1', '--alias', 'champion', '--force', ...flags)

    await expect(publish()).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('--force needs --reason') })
    expect(look((registry) => registry.models())).toEqual([])
    await publish('--reason', 'the site is down')

    expect(look((registry) => registry.alias('m', 'champion'))).toBe('1')
    expect(look((registry) => registry.audit().list().find(({ action }) => action === 'alias.set')))
      .toMatchObject({ reason: 'the site is down', details: { forced: true } })
  })

  it('may have any other alias', async () => {
    const { run, look } = commandLine(unfit)
    await run('publish', modelFolder(), '--name', 'm', '--version', '1', '--alias', 'blue')
    expect(look((registry) => registry.alias('m', 'blue'))).toBe('1')
  })

  it('because of its golden examples is published with --skip-golden, but never as champion', async () => {
    const { run, look } = commandLine()
    const path = modelFolder({ 'serving.json': JSON.stringify(wrongExample) })
    const publish = async (...flags: string[]) => await run('publish', path, '--name', 'm', '--version', '1', '--alias', 'champion', ...flags)

    await expect(publish()).rejects.toMatchObject({ code: 'GOLDEN_FAILED' })
    expect(look((registry) => registry.models())).toEqual([])
    await expect(publish('--skip-golden')).rejects.toMatchObject({ code: 'VERSION_UNFIT', message: expect.stringContaining('golden example 0 differs') })
    expect(look((registry) => registry.models()[0]!.aliases)).toEqual({})
  })

  it('does not push the present champion aside', async () => {
    const { run, look, dataDir } = commandLine()
    await run('publish', modelFolder(), '--name', 'm', '--version', '1', '--alias', 'champion')
    const broken = commandLine(unfit, dataDir)
    await expect(broken.run('publish', modelFolder({ a: 'a' }), '--name', 'm', '--version', '2', '--alias', 'champion')).rejects.toMatchObject({ code: 'VERSION_UNFIT' })
    expect(look((registry) => registry.models()[0])).toMatchObject({ aliases: { champion: '1' }, versions: [{ version: '1' }, { version: '2' }] })
  })

  it('is imported without the alias, kept as it is or converted, and by force with it', async () => {
    const { archive, digest } = await exported()
    const foreign = layoutOf('application/vnd.cncf.model.config.v1+json', {}, [{
      mediaType: 'application/vnd.cncf.model.weight.v1.raw', bytes: Buffer.from(modelBytes('foreign')), path: 'model.onnx'
    }]).folder
    for (const [source, name] of [[archive, 'team/m'], [foreign, 'm']] as const) {
      const { run, look } = commandLine(unfit)
      const add = async (...flags: string[]) => await run('import', source, '--name', name, '--version', '1.0', '--alias', 'champion', ...flags)

      await expect(add()).rejects.toMatchObject({ code: 'VERSION_UNFIT', message: expect.stringContaining('but not as champion') })
      expect(look((registry) => registry.models()[0])).toMatchObject({ name, aliases: {}, versions: [{ version: '1.0', ...name === 'm' ? {} : { digest } }] })
      await expect(add('--force')).rejects.toMatchObject({ exitCode: 2 })
      await add('--force', '--reason', 'now')
      expect(look((registry) => registry.alias(name, 'champion'))).toBe('1.0')
    }
  })

  it('because of its golden examples is not imported at all, unless these are skipped', async () => {
    const source = openRegistry().registry
    const path = modelFolder({ 'serving.json': JSON.stringify(wrongExample) })
    await source.publish({ path, name: 'm', version: '1', actor: 'ann' }, fakeInspect)
    const archive = join(temporaryFolder(), 'm.tar')
    await source.export({ name: 'm', version: '1', target: archive, format: 'oci-archive' })
    const { registry } = openRegistry()
    const request = { alias: 'champion', prove: FAKE_MODELS.prove }

    await expect(importFrom(registry, archive, request)).rejects.toMatchObject({ code: 'GOLDEN_FAILED' })
    expect(registry.models()).toEqual([])
    await expect(importFrom(registry, archive, { ...request, skipGolden: true })).rejects.toMatchObject({ code: 'VERSION_UNFIT' })
    expect(registry.models()[0]!.aliases).toEqual({})
  })

  it('is not made champion by reindex, which says so, unless that is forced', async () => {
    const lost = async () => {
      const { registry, dataDir } = openRegistry()
      await publishVersions(registry, ['1', '2'])
      registry.setAlias({ name: 'm', alias: 'blue', version: '1', actor: 'ann', reason: 'x' })
      registry.close()
      for (const ending of ['', '-wal', '-shm']) rmSync(join(dataDir, `gauntlet.db${ending}`), { force: true })
      return commandLine(unfit, dataDir)
    }
    const careful = await lost()
    expect(await careful.run('reindex')).toMatchObject({
      aliases: [{ alias: 'blue' }],
      conflicts: [{ subject: 'm@champion', problem: expect.stringContaining('cannot become champion: it does not load') }]
    })
    expect(careful.look((registry) => registry.models()[0]!.aliases)).toEqual({ blue: '1' })

    const forced = await lost()
    await expect(forced.run('reindex', '--force')).rejects.toMatchObject({ exitCode: 2 })
    await forced.run('reindex', '--force', '--reason', 'restored')
    expect(forced.look((registry) => registry.alias('m', 'champion'))).toBe('1')
    expect(forced.look((registry) => registry.audit().list().find(({ subject }) => subject === 'm@champion'))).toMatchObject({ details: { forced: true } })
  })
})

describe('golden add --as', () => {
  const input = () => join(folderOf({ 'in.json': JSON.stringify({ inputs: [X] }) }), 'in.json')

  it('makes champion only what passes all its examples', async () => {
    const { run, look } = commandLine()
    const path = modelFolder({ 'serving.json': JSON.stringify(wrongExample) })
    await run('publish', path, '--name', 'm', '--version', '1', '--skip-golden')
    await expect(run('golden', 'add', 'm:1', '--input', input(), '--as', '2', '--alias', 'champion')).rejects.toMatchObject({ code: 'VERSION_UNFIT' })
    expect(look((registry) => registry.models()[0])).toMatchObject({ aliases: {}, versions: [{ version: '1' }, { version: '2' }] })
  })

  it('keeps where the files came from, and is signed only by a key that it is given', async () => {
    const { run, look, dataDir } = commandLine()
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const keys = folderOf({ key: privateKey.export({ type: 'pkcs8', format: 'pem' }), pub: publicKey.export({ type: 'spki', format: 'pem' }) })
    const key = join(keys, 'key')
    const provenance = { sourceUrl: 'https://example.org/m', revision: 'abc', licenses: ['MIT', 'Apache-2.0'] }
    const registry = Registry.open({ dataDir, now: Date.now })
    await registry.publish({ path: modelFolder(), name: 'm', version: '1', actor: 'ann', provenance, signWith: privateKey }, fakeInspect)
    registry.close()
    await run('keys', 'trust', join(keys, 'pub'), '--name', 'ci')
    await run('keys', 'policy', 'require')
    const add = async (...flags: string[]) => await run('golden', 'add', 'm:1', '--input', input(), '--as', '2', ...flags)

    await expect(add()).rejects.toMatchObject({ code: 'SIGNATURE_REQUIRED' })
    await add('--key', key)

    const { config, annotations } = JSON.parse((await exportedManifest(dataDir, 'm', '2')).toString())
    expect(annotations).toMatchObject({
      'org.opencontainers.image.source': 'https://example.org/m',
      'org.opencontainers.image.revision': 'abc',
      'org.opencontainers.image.licenses': 'MIT AND Apache-2.0'
    })
    expect(config.digest).toMatch(/^sha256:/)
    const { digest } = look((again) => again.show('m', '2'))
    const after = Registry.open({ dataDir, now: Date.now })
    expect(await after.signing.report(digest)).toMatchObject({ state: 'signed', signatures: [{ name: 'ci', problem: null }] })
    after.close()
  })

  it('names a path that is not there', async () => {
    const { run } = commandLine()
    await expect(run('golden', 'add', './modle.onnx', '--input', input())).rejects.toMatchObject({
      code: 'SOURCE_NOT_FOUND', message: expect.stringMatching(/^"\.\/modle\.onnx" is neither a file or folder nor a version: /)
    })
    await expect(run('golden', 'add', 'modle', '--input', input())).rejects.toMatchObject({
      code: 'SOURCE_NOT_FOUND', message: '"modle" is neither a file or folder nor a version: there is no model "modle"'
    })
  })
})

async function exportedManifest (dataDir: string, name: string, version: string): Promise<Buffer> {
  const registry = Registry.open({ dataDir, now: Date.now })
  try {
    const { digest } = registry.show(name, version)
    const target = join(temporaryFolder(), 'layout')
    await registry.export({ name, version, target, format: 'oci-dir' })
    return readFileSync(join(target, 'blobs', 'sha256', digest.slice('sha256:'.length)))
  } finally {
    registry.close()
  }
}
