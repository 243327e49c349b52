import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { RegistryClient } from '../../registry/distribution/client.js'
import { parseRemoteReference } from '../../registry/distribution/remote-reference.js'
import { remoteReader, resolveRemote } from '../../registry/distribution/remote-reader.js'
import { MODEL_FILE_LIMITS } from '../../registry/formats/limits.js'
import type { Inspect } from '../../registry/inspection.js'
import type { Registry } from '../../registry/registry.js'
import { chooseArtifact, findPlace } from '../../registry/artifacts/place.js'
import { completeServing } from '../../registry/inspection.js'
import { layoutOf, listingOf, tarOf } from '../support/artifacts.js'
import { gauntlet } from '../support/command.js'
import { externalTensor, graph, model, node } from '../support/model-files.js'
import { TABULAR } from '../support/registry-fake-model.js'
import { folderOf, openRegistry, temporaryFolder } from '../support/registry-fixtures.js'
import { RemoteRegistry } from '../support/remote-registry.js'

const RAW = 'application/vnd.cncf.model.weight.v1.raw'
const TAR = 'application/vnd.cncf.model.weight.v1.tar+gzip'
const withExternal = (location: string) => model(graph({ initializers: [externalTensor({ location })] }))
const PICKLE = Buffer.from('\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94.', 'latin1')

const HOSTILE: ReadonlyArray<[string, Record<string, Buffer>, string]> = [
  ['a custom operator', { 'model.onnx': model(graph({ nodes: [node('Evil', { domain: 'com.example' })] })) }, 'the operator "Evil" of the domain "com.example"'],
  ['external data in no layer', { 'model.onnx': withExternal('weights.bin') }, 'is not among the files of this version'],
  ['external data that climbs out', { 'model.onnx': withExternal('../../../etc/passwd') }, 'has a .. segment'],
  ['external data at an absolute path', { 'model.onnx': withExternal('/etc/passwd') }, 'is absolute'],
  ['external data by the digest of somebody\'s blob', { 'model.onnx': withExternal(`../blobs/sha256/${'0'.repeat(64)}`) }, 'has a .. segment'],
  ['protobuf beyond its bound', { 'model.onnx': model(graph(), (built) => built.string(2, 'x'.repeat(3_000))) }, 'more than the 2000 that protobuf and the limits allow'],
  ['protobuf that is cut', { 'model.onnx': model().subarray(0, -3) }, 'is not a sound ONNX file'],
  ['a pickle under a harmless name', { 'model.onnx': model(), 'vocab.txt': PICKLE }, '"vocab.txt" is a pickle file']
]

const limits = { modelFiles: { ...MODEL_FILE_LIMITS, onnx: { ...MODEL_FILE_LIMITS.onnx, fileBytesMax: 2_000 } } }
const SERVING = Buffer.from(JSON.stringify(completeServing({}, 'model.onnx', TABULAR)))

/** The forms in which an artifact may come: kept by its own manifest, or converted. */
const FORMS = {
  'raw layers with serving.json': (files: Record<string, Buffer>) =>
    Object.entries({ ...files, 'serving.json': SERVING }).map(([path, bytes]) => ({ mediaType: RAW, bytes, path })),
  'raw layers': (files: Record<string, Buffer>) => Object.entries(files).map(([path, bytes]) => ({ mediaType: RAW, bytes, path })),
  'an archive as a layer': (files: Record<string, Buffer>) => [{
    mediaType: TAR, path: 'model.tar.gz', bytes: gzipSync(tarOf(Object.entries(files).map(([path, content]) => ({ path, content }))))
  }]
}

function artifact (form: keyof typeof FORMS, files: Record<string, Buffer>): { folder: string, digest: string } {
  return layoutOf('application/vnd.cncf.model.config.v1+json', {}, FORMS[form](files), {
    'org.opencontainers.image.title': 'm', 'org.opencontainers.image.version': '1'
  }, 'm:1')
}

/** The whole layout as one archive. */
function archived (layout: string): string {
  const members = readdirSync(layout, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .map((path) => ({ path: path.slice(layout.length + 1), content: readFileSync(path) }))
  return join(folderOf({ 'm.tar': tarOf(members) }), 'm.tar')
}

async function served ({ folder, digest }: { folder: string, digest: string }): Promise<string> {
  const remote = await RemoteRegistry.start()
  const blobs = join(folder, 'blobs', 'sha256')
  for (const hex of readdirSync(blobs)) remote.blobs.set(`x/m@sha256:${hex}`, readFileSync(join(blobs, hex)))
  const bytes = readFileSync(join(blobs, digest.slice('sha256:'.length)))
  for (const tag of ['1', digest]) remote.manifests.set(`x/m:${tag}`, { bytes, mediaType: 'application/vnd.oci.image.manifest.v1+json' })
  return `${remote.host}/x/m:1`
}

type Way = (registry: Registry, made: { folder: string, digest: string }, inspect: Inspect) => Promise<unknown>

const importFrom = async (registry: Registry, source: string, inspect: Inspect) => {
  const { path, reference } = await findPlace(source)
  return await registry.openPlace(path, async (place) =>
    await registry.ingest({ digest: chooseArtifact(place, reference).digest, actor: 'ann' }, place.reader, inspect))
}

const WAYS: Readonly<Record<string, Way>> = {
  'imported from a folder': async (registry, { folder }, inspect) => await importFrom(registry, folder, inspect),
  'imported from an archive': async (registry, { folder }, inspect) => await importFrom(registry, archived(folder), inspect),
  pulled: async (registry, made, inspect) => {
    const reference = parseRemoteReference(await served(made))
    const client = new RegistryClient({ host: reference.host, wait: async () => {} })
    try {
      const digest = await resolveRemote(client, reference)
      return await registry.ingest({ digest, actor: 'ann' }, remoteReader(client, { ...reference, tag: null, digest }), inspect)
    } finally {
      client.close()
    }
  }
}

describe.each(Object.entries(WAYS))('what is %s', (_way, bring) => {
  it.each(HOSTILE)('is refused with %s, in every form, before it runs, and nothing is kept', async (_what, files, reason) => {
    for (const form of Object.keys(FORMS) as Array<keyof typeof FORMS>) {
      const { registry, dataDir } = openRegistry({ limits })
      const before = listingOf(join(dataDir, 'registry'))
      let runs = 0
      const inspect: Inspect = async () => { runs++; throw new Error('ran') }

      await expect(bring(registry, artifact(form, files), inspect), form).rejects.toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining(reason) })

      expect([runs, registry.models()], form).toEqual([0, []])
      expect(listingOf(join(dataDir, 'registry')), form).toEqual(before)
      expect(readdirSync(join(dataDir, 'tmp')), form).toEqual([])
    }
  })

  it('is taken without any of these', async () => {
    const { registry } = openRegistry({ limits })
    const bytes = model(graph({ initializers: [externalTensor({ location: 'weights.bin' })] }))
    const made = artifact('raw layers with serving.json', { 'model.onnx': bytes, 'weights.bin': Buffer.alloc(16) })
    await bring(registry, made, async () => { throw new Error('ran') })
    expect(registry.show('m', '1').digest).toBe(made.digest)
  })
})

describe('--allow-domain', () => {
  const custom = { 'model.onnx': model(graph({ nodes: [node('Op', { domain: 'com.example' })] })) }
  const names = ['--name', 'm', '--version', '1']

  it('lets operators of that domain through, and of no other', async () => {
    const dataDir = temporaryFolder()
    const publish = async (...flags: string[]) => await gauntlet('--data-dir', dataDir, 'publish', folderOf(custom), ...names, ...flags)

    expect(await publish()).toMatchObject({ code: 4, talk: expect.stringContaining('publish with --allow-domain "com.example"') })
    expect(await publish('--allow-domain', 'com.other')).toMatchObject({ code: 4, talk: expect.stringContaining('the operator "Op" of the domain "com.example"') })
    expect(await publish('--allow-domain', 'com.other', '--allow-domain', 'com.example')).toMatchObject({ code: 4, talk: expect.stringContaining('cannot run the model') })
    expect(await publish('--allow-domain', 'not a domain')).toMatchObject({ code: 2 })
  })

  it('is told by the audit trail of what it let in', async () => {
    const dataDir = temporaryFolder()
    const { folder } = artifact('raw layers with serving.json', custom)
    expect(await gauntlet('--data-dir', dataDir, 'import', folder, '--allow-domain', 'com.example')).toMatchObject({ code: 0 })

    const { out } = await gauntlet('--data-dir', dataDir, 'audit', 'list', '--json')

    expect(JSON.parse(out)).toMatchObject([{ action: 'version.import', details: { allowedOperatorDomains: ['com.example'] } }])
    const { registry } = openRegistry()
    const request = { path: folderOf(custom), name: 'm', version: '1', actor: 'ann', allowedOperatorDomains: ['com.example'] }
    await registry.publish(request, async () => TABULAR)
    expect(registry.audit().list()).toMatchObject([{ action: 'version.publish', details: { allowedOperatorDomains: ['com.example'] } }])
  })

  it('or GAUNTLET_ALLOW_DOMAINS lets them in with an import and a pull', async () => {
    const made = artifact('raw layers with serving.json', custom)
    for (const words of [['import', made.folder], ['pull', await served(made)]]) {
      const run = async (...flags: string[]) => await gauntlet('--data-dir', temporaryFolder(), ...words, ...flags)

      expect(await run()).toMatchObject({ code: 4, talk: expect.stringContaining('of the domain "com.example"') })
      expect(await run('--allow-domain', 'com.example')).toMatchObject({ code: 0 })
      process.env['GAUNTLET_ALLOW_DOMAINS'] = 'com.other,com.example'
      try {
        expect(await run()).toMatchObject({ code: 0 })
      } finally {
        delete process.env['GAUNTLET_ALLOW_DOMAINS']
      }
    }
  })
})
