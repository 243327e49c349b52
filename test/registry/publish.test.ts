import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync, chmodSync, linkSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync
} from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Registry } from '../../registry/registry.js'
import { fakeInspect, folderOf, modelBytes, openRegistry, publishVersions, START_MS, temporaryFolder } from '../support/registry-fixtures.js'

const makePipe = (path: string) => execFileSync('sh', ['-c', 'mkfifo "$0"', path])
const MODEL = modelBytes('one')
const publish = (registry: Registry, path: string, change: object = {}) =>
  registry.publish({ path, name: 'm', version: '1', actor: 'ann', ...change }, fakeInspect)
const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex')
const index = (dataDir: string) => JSON.parse(readFileSync(join(dataDir, 'registry', 'index.json'), 'utf8'))
const references = (dataDir: string): string[] =>
  index(dataDir).manifests.map((entry: { annotations: Record<string, string> }) => entry.annotations['org.opencontainers.image.ref.name'])
const blobs = (dataDir: string) => readdirSync(join(dataDir, 'registry', 'blobs', 'sha256'))

describe('publishing', () => {
  it('makes a folder a version whose every file is a layer', async () => {
    const { registry, dataDir } = openRegistry()
    const path = folderOf({ 'onnx/model.onnx': MODEL, 'onnx/model.onnx_data': 'weights', 'tokenizer.json': '{}', 'README.md': '# m', '.gitattributes': 'x', '.git/HEAD': 'x' })

    const { status, detail } = await publish(registry, path, { alias: 'champion' })

    expect(status).toBe('published')
    expect(detail).toMatchObject({ name: 'm', version: '1', createdAt: START_MS, aliases: ['champion'], task: 'tensor' })
    expect(detail.serving.modelFile).toBe('onnx/model.onnx')
    expect(detail.inputs).toEqual([{ name: 'x', datatype: 'FP32', shape: [-1, 4] }])
    const manifest = JSON.parse(readFileSync(join(dataDir, 'registry', 'blobs', 'sha256', detail.digest.slice(7)), 'utf8'))
    expect(manifest.layers.map((layer: { annotations: object }) => Object.values(layer.annotations)[0])).toEqual(
      ['README.md', 'onnx/model.onnx', 'onnx/model.onnx_data', 'serving.json', 'tokenizer.json'])
    expect(manifest.layers[1].digest).toBe(`sha256:${sha256(MODEL)}`)
    expect(detail.sizeBytes).toBe(manifest.layers.reduce((sum: number, layer: { size: number }) => sum + layer.size, 0))
    expect(registry.show('m', '1')).toEqual(detail)
  })

  it('keeps a pristine OCI layout of read-only blobs named after their bytes', async () => {
    const { registry, dataDir } = openRegistry()
    await publishVersions(registry, ['1', '2'])

    const root = join(dataDir, 'registry')
    expect(readdirSync(root).sort()).toEqual(['blobs', 'index.json', 'oci-layout'])
    expect(JSON.parse(readFileSync(join(root, 'oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' })
    for (const hex of blobs(dataDir)) {
      const file = join(root, 'blobs', 'sha256', hex)
      expect(sha256(readFileSync(file))).toBe(hex)
      expect(statSync(file).mode & 0o777).toBe(0o444)
    }
    expect(references(dataDir)).toEqual(['m:1', 'm:2', 'm:champion'])
    expect(readdirSync(join(dataDir, 'tmp'))).toEqual([])
  })

  it('takes a single .onnx file as model.onnx, whatever its name', async () => {
    const { registry } = openRegistry()
    const { detail } = await publish(registry, join(folderOf({ 'iris.onnx': MODEL }), 'iris.onnx'))
    expect(detail.serving.modelFile).toBe('model.onnx')
  })

  it('gives the same digest at another time, in another place, with other file times', async () => {
    const first = openRegistry()
    const second = openRegistry({ now: () => START_MS + 1e9 })
    const files = { 'model.onnx': MODEL, 'vocab.txt': 'a' }

    const digests = [await publish(first.registry, folderOf(files)), await publish(second.registry, folderOf(files))].map(({ detail }) => detail.digest)

    expect(digests[0]).toBe(digests[1])
  })

  it('writes the source date into the artifact when it is given one', async () => {
    const { registry } = openRegistry()
    const path = folderOf({ 'model.onnx': MODEL })
    const dated = await publish(registry, path, { sourceDateEpoch: 1_000 })
    await expect(publish(registry, path, { sourceDateEpoch: 1_000 })).resolves.toMatchObject({ status: 'unchanged', detail: { digest: dated.detail.digest } })
    await expect(publish(registry, path)).rejects.toMatchObject({ code: 'VERSION_CONFLICT' })
  })

  it('leaves the source as it was', async () => {
    const { registry } = openRegistry()
    const path = folderOf({ 'model.onnx': MODEL, 'serving.json': '{"labels":["a"]}' })
    await publish(registry, path)
    expect(readdirSync(path).sort()).toEqual(['model.onnx', 'serving.json'])
    expect(readFileSync(join(path, 'serving.json'), 'utf8')).toBe('{"labels":["a"]}')
  })

  it('reports how far it has come', async () => {
    const { registry } = openRegistry()
    const steps: string[] = []
    await publish(registry, folderOf({ 'model.onnx': MODEL }), { onStep: (step: string) => steps.push(step) })
    expect(steps).toEqual(['scanned', 'copied', 'inspected', 'stored', 'committed', 'indexed'])
  })

  it('inspects the copy, not the source', async () => {
    const { registry, dataDir } = openRegistry()
    let seen = ''
    await registry.publish({ path: folderOf({ 'model.onnx': MODEL }), name: 'm', version: '1', actor: 'ann', task: 'feature-extraction' }, async (source) => {
      seen = source.directory
      expect(source).toMatchObject({ modelFile: 'model.onnx', task: 'feature-extraction' })
      return await fakeInspect(source)
    })
    expect(seen.startsWith(join(dataDir, 'tmp'))).toBe(true)
    expect(registry.show('m', '1').task).toBe('feature-extraction')
  })

  it('is audited with actor, reason and digest', async () => {
    const { registry } = openRegistry()
    const { detail } = await publish(registry, folderOf({ 'model.onnx': MODEL }), { alias: 'champion', reason: 'first' })
    expect(registry.audit().list()).toMatchObject([
      { actor: 'ann', action: 'alias.set', subject: 'm@champion', reason: 'first', details: { version: '1', previous: null } },
      { actor: 'ann', action: 'version.publish', subject: 'm:1', reason: 'first', at: START_MS, details: { digest: detail.digest } }
    ])
  })
})

describe('the progress of publishing', () => {
  it('goes on while a large file is copied', async () => {
    const { registry } = openRegistry()
    const bytes = 3 * 1024 ** 2
    const path = folderOf({ 'model.onnx': MODEL, 'model.onnx_data': Buffer.alloc(bytes, 7) })
    const added: number[] = []
    await publish(registry, path, { progress: { start: () => {}, add: (count: number) => { added.push(count) }, end: () => {} } })

    expect(added.reduce((sum, count) => sum + count, 0)).toBe(bytes + MODEL.length)
    expect(Math.max(...added)).toBeLessThanOrEqual(bytes / 4)
  })
})

describe('publishing the same version again', () => {
  it('is a no-op for the same bytes, and still sets an alias', async () => {
    const { registry, tick } = openRegistry()
    const path = folderOf({ 'model.onnx': MODEL })
    const first = await publish(registry, path)
    tick(1_000)

    const again = await publish(registry, path, { alias: 'blue' })

    expect(again).toMatchObject({ status: 'unchanged', detail: { ...first.detail, aliases: ['blue'] } })
    expect(registry.audit().list().map(({ action }) => action)).toEqual(['alias.set', 'version.publish'])
  })

  it('is a conflict for other bytes, and changes nothing', async () => {
    const { registry } = openRegistry()
    const { detail } = await publish(registry, folderOf({ 'model.onnx': MODEL }))

    await expect(publish(registry, folderOf({ 'model.onnx': modelBytes('two') }), { alias: 'blue' })).rejects.toMatchObject({
      code: 'VERSION_CONFLICT', message: expect.stringContaining(`version "1" of "m" exists with digest ${detail.digest} and is immutable`)
    })

    expect(registry.show('m', '1')).toEqual(detail)
    expect(registry.alias('m', 'blue')).toBeNull()
  })

  it('mends a damaged blob', async () => {
    const { registry, dataDir } = openRegistry()
    const path = folderOf({ 'model.onnx': MODEL })
    await publish(registry, path)
    const blob = join(dataDir, 'registry', 'blobs', 'sha256', sha256(MODEL))
    chmodSync(blob, 0o644)
    writeFileSync(blob, MODEL.replace('one', 'onf'))
    expect((await registry.verify('m', '1')).ok).toBe(false)

    await publish(registry, path)

    expect((await registry.verify('m', '1')).ok).toBe(true)
  })
})

describe('an alias refused at publish', () => {
  it('leaves no version behind when the signature changed', async () => {
    const { registry, dataDir } = openRegistry()
    await publishVersions(registry, ['1'])
    const path = folderOf({ 'model.onnx': modelBytes('two', { outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 9] }] }) })

    await expect(publish(registry, path, { version: '2', alias: 'champion' })).rejects.toMatchObject({
      code: 'SIGNATURE_CHANGED', message: expect.stringContaining('output "y" has shape [-1,3] for the champion and [-1,9] for the challenger')
    })

    expect(registry.models()[0]?.versions.map(({ version }) => version)).toEqual(['1'])
    expect(references(dataDir)).toEqual(['m:1', 'm:champion'])
    expect(registry.audit().list({ subject: 'm:2' })).toEqual([])
  })

  it('leaves no version behind when a rollout holds the champion', async () => {
    const { registry } = openRegistry()
    await publishVersions(registry, ['1', '2'])
    registry.rollouts.create({ model: 'm', champion: '1', challenger: '2', spec: {}, salt: 's', actor: 'ann', reason: 'try' })

    await expect(publish(registry, folderOf({ 'model.onnx': modelBytes('3') }), { version: '3', alias: 'champion' })).rejects.toMatchObject({ code: 'ALIAS_LOCKED' })

    expect(() => registry.show('m', '3')).toThrow(expect.objectContaining({ code: 'VERSION_NOT_FOUND' }))
  })

  it('or a version named like an alias leaves nothing behind', async () => {
    const { registry } = openRegistry()
    await publishVersions(registry, ['1'])
    await expect(publish(registry, folderOf({ 'model.onnx': MODEL }), { version: 'champion' })).rejects.toMatchObject({ code: 'INVALID_VERSION' })
    await expect(publish(registry, folderOf({ 'model.onnx': MODEL }), { version: 'v2', alias: 'v2' })).rejects.toMatchObject({ code: 'INVALID_ALIAS' })
    expect(registry.models()[0]?.versions).toHaveLength(1)
  })
})

describe('a source', () => {
  const refusal = async (path: string, change: object = {}, limits = {}): Promise<{ code: string, message: string }> => {
    const { registry, dataDir } = openRegistry({ limits })
    const error = await publish(registry, path, change).then(() => { throw new Error('was accepted') }, (refused) => refused)
    expect(registry.models()).toEqual([])
    expect(blobs(dataDir)).toEqual([])
    expect(readdirSync(join(dataDir, 'tmp'))).toEqual([])
    return error
  }

  it('that does not exist is named', async () => {
    expect(await refusal('/no/such/place')).toMatchObject({ code: 'SOURCE_NOT_FOUND', message: 'there is no file or folder "/no/such/place"' })
  })

  it('without a model says where one is looked for', async () => {
    const path = folderOf({ 'net.onnx': MODEL })
    expect(await refusal(path)).toMatchObject({ code: 'SOURCE_INVALID', message: `"${path}" has neither model.onnx nor onnx/model.onnx` })
  })

  it('that is some other file is refused', async () => {
    expect(await refusal(join(folderOf({ 'a.txt': 'x' }), 'a.txt'))).toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('must be an .onnx file or a folder') })
    expect(await refusal(join(folderOf({ 'a.pkl': 'x' }), 'a.pkl'))).toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('can run code when it is loaded') })
  })

  it('with a pickle-like file is refused whole', async () => {
    const torch = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), Buffer.alloc(64)])
    expect(await refusal(folderOf({ 'model.onnx': MODEL, 'sub/weights.bin': torch }))).toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('"sub/weights.bin" is a PyTorch pickle file') })
  })

  it('with a symbolic link is refused, be it to a file or a folder', async () => {
    const secret = folderOf({ secret: 'x' })
    for (const target of [secret, join(secret, 'secret')]) {
      const path = folderOf({ 'model.onnx': MODEL })
      symlinkSync(target, join(path, 'link'))
      expect(await refusal(path)).toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('"link" is a symbolic link') })
    }
  })

  it('with a named pipe is refused and not read', async () => {
    const path = folderOf({ 'model.onnx': MODEL })
    makePipe(join(path, 'pipe'))
    expect(await refusal(path)).toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('"pipe" is neither a regular file nor a folder') })
  })

  it('with names that clash on other file systems is refused', async () => {
    expect(await refusal(folderOf({ 'model.onnx': MODEL, 'A.txt': 'x', 'a.txt': 'x' }))).toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('differ only in upper and lower case') })
    expect(await refusal(folderOf({ 'model.onnx': MODEL, 'Serving.json': '{}' }))).toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('"Serving.json" and "serving.json"') })
    expect(await refusal(folderOf({ 'model.onnx': MODEL, 'a\\b': 'x' }))).toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('has a backslash') })
  })

  it('is bounded in files, bytes and the size of serving.json', async () => {
    const path = folderOf({ 'model.onnx': MODEL, a: '1', b: '2', 'serving.json': '{            }' })
    expect(await refusal(path, {}, { filesMax: 3 })).toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('more than 3 files') })
    expect(await refusal(path, {}, { totalBytesMax: 100 })).toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('more than the 100 allowed') })
    expect(await refusal(path, {}, { servingBytesMax: 10 })).toMatchObject({ code: 'SOURCE_INVALID', message: 'serving.json is larger than 10 bytes' })
    expect(await refusal(folderOf({ 'model.onnx': '' }))).toMatchObject({ code: 'SOURCE_INVALID', message: '"model.onnx" is empty' })
  })

  it('with a wrong serving.json names each wrong path', async () => {
    expect(await refusal(folderOf({ 'model.onnx': MODEL, 'serving.json': '{"task":"chat","batching":{"maxBatch":0}}' }))).toMatchObject({
      code: 'SERVING_INVALID', message: expect.stringMatching(/\/task must be one of .*; \/batching\/maxBatch must be >= 1/)
    })
    expect(await refusal(folderOf({ 'model.onnx': MODEL, 'serving.json': '{"modelFile":"../x.onnx"}' }))).toMatchObject({
      code: 'SERVING_INVALID', message: expect.stringContaining('/modelFile "../x.onnx" must be an .onnx file in')
    })
  })

  it('whose model cannot be run says so and why', async () => {
    const { registry } = openRegistry()
    const path = folderOf({ 'model.onnx': MODEL })
    const broken = async () => { throw new Error('bad protobuf') }
    await expect(registry.publish({ path, name: 'm', version: '1', actor: 'ann' }, broken)).rejects.toMatchObject({
      code: 'SOURCE_INVALID', message: `cannot run the model model.onnx of "${path}": bad protobuf`
    })
  })

  it.each([[{ name: 'Bad' }, 'INVALID_NAME'], [{ version: '../1' }, 'INVALID_VERSION'], [{ alias: 'Bad' }, 'INVALID_ALIAS']])('is not even read for a request %j', async (change, code) => {
    expect(await refusal('/no/such/place', change)).toMatchObject({ code })
  })

  it.each<[string, (file: string) => void, RegExp]>([
    ['vanishes', (file) => rmSync(file), /cannot read "sub\/vocab\.txt" of .*no such file/],
    ['grows', (file) => appendFileSync(file, 'more'), /changed while it was being read/],
    ['shrinks', (file) => truncateSync(file, 1), /changed while it was being read/],
    ['becomes a symbolic link', (file) => { rmSync(file); symlinkSync('/etc/hostname', file) }, /is reached through a symbolic link/],
    ['becomes a pipe', (file) => { rmSync(file); makePipe(file) }, /is not a regular file/],
    ['is in a folder that becomes a symbolic link', (file) => {
      const elsewhere = folderOf({ 'vocab.txt': 'words' })
      rmSync(dirname(file), { recursive: true })
      symlinkSync(elsewhere, dirname(file))
    }, /is reached through a symbolic link/]
  ])('of which a file %s after it was looked at is refused', async (_what, tamper, message) => {
    const path = folderOf({ 'model.onnx': MODEL, 'sub/vocab.txt': 'words' })
    const onStep = (step: string) => { if (step === 'scanned') tamper(join(path, 'sub', 'vocab.txt')) }
    expect(await refusal(path, { onStep })).toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringMatching(message) })
  })

  it('may be named through a symbolic link, and hard links are copied', async () => {
    const { registry } = openRegistry()
    const path = folderOf({ 'model.onnx': MODEL })
    linkSync(join(path, 'model.onnx'), join(path, 'copy.onnx'))
    const link = join(temporaryFolder(), 'link')
    symlinkSync(path, link)

    await publish(registry, link)

    const { directory } = await registry.materialise('m', '1')
    expect(statSync(join(directory, 'copy.onnx')).ino).not.toBe(statSync(join(path, 'model.onnx')).ino)
  })
})
