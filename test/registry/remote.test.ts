import { join } from 'node:path'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { addRegistryCommands } from '../../registry/commands.js'
import type { RegistryCommandsContext } from '../../registry/commands/context.js'
import { compareExamples, exampleOf } from '../../registry/golden.js'
import { Registry } from '../../registry/registry.js'
import { parseDescriptor, readDescriptor } from '../../registry/remote/descriptor.js'
import type { RemoteSignature } from '../../registry/remote/prepare.js'
import type { Prove } from '../../registry/running.js'
import type { Backend } from '../../registry/serving/backend.js'
import { importFrom, layoutOf } from '../support/artifacts.js'
import { fakeRunModel } from '../support/registry-fake-model.js'
import { FAKE_MODELS, fakeInspect, folderOf, modelBytes, openRegistry, START_MS, temporaryFolder } from '../support/registry-fixtures.js'

const BACKEND = { protocol: 'oip-v2-http', url: 'http://far.example:8000', modelName: 'spam' }
const DESCRIPTOR = { runtime: 'remote', backend: BACKEND }
const SAID: RemoteSignature = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }], outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 3] }]
}
const SIGNATURE = { inputs: SAID.inputs, outputs: SAID.outputs }
const X = { name: 'x', datatype: 'FP32' as const, shape: [1, 4], data: [1, 2, 3, 4] }
const EXAMPLE = exampleOf([X], [{ name: 'y', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }], 0)

const written = (descriptor: object): string => join(folderOf({ 'remote.yaml': JSON.stringify(descriptor) }), 'remote.yaml')
const withHeaders = (headers: Record<string, string>) => ({ ...DESCRIPTOR, backend: { ...BACKEND, headers } })

/** Refuses a version whose golden examples are not what `fakeRunModel` answers, in whatever order their fields are. */
const prove: Prove = async (model) => {
  const { examples } = model.serving
  const wrong = compareExamples(examples, await fakeRunModel(model, examples.map(({ inputs }) => inputs))).find(({ ok }) => !ok)
  if (wrong !== undefined) throw new Error(`golden example ${wrong.example} differs`)
  return []
}

/** Runs commands on a data folder, where servers say what `said` does; keeps who was asked, and with which origins. */
function shell (said: () => RemoteSignature = () => SAID, dataDir = temporaryFolder()) {
  const asked: { origins: readonly string[], backend: Backend }[] = []
  const context: Omit<RegistryCommandsContext, 'print'> = {
    ...FAKE_MODELS,
    prove,
    inspectRemote: (origins) => async (backend) => {
      asked.push({ origins, backend })
      return said()
    },
    open: async () => Registry.open({ dataDir, now: () => START_MS }),
    actor: () => 'ann',
    warn: () => {}
  }
  const run = async (...args: string[]): Promise<{ out: string, json: never }> => {
    let [out, json] = ['', undefined as never]
    const program = new Command().exitOverride().configureOutput({ writeErr: () => {} }).option('--json').option('--data-dir <folder>', '', dataDir)
    addRegistryCommands(program, { ...context, print: (data, text) => { [out, json] = [text(), JSON.parse(JSON.stringify(data)) as never] } })
    await program.parseAsync(args, { from: 'user' })
    return { out, json }
  }
  const publish = async (descriptor: object, ...more: string[]) => await run('publish', written(descriptor), '--name', 'far', '--version', '1', ...more)
  return { asked, run, publish }
}

describe('a document that says where a model is run', () => {
  it('is YAML or JSON, and loses the slashes at the end of its address', () => {
    const yaml = 'runtime: remote\nbackend:\n  protocol: oip-v2-http\n  url: https://far.example/team//\n  modelName: spam\n'
    const expected = { runtime: 'remote', backend: { ...BACKEND, url: 'https://far.example/team' } }

    expect(parseDescriptor(yaml)).toEqual(expected)
    expect(parseDescriptor(JSON.stringify({ ...DESCRIPTOR, backend: { ...BACKEND, url: 'https://far.example/team/' } }))).toEqual(expected)
  })

  it.each<[string, object, ...string[]]>([
    ['nothing that it needs', { runtime: 'remote', backend: {} }, '/backend/protocol is missing', '/backend/url is missing', '/backend/modelName is missing'],
    ['another runtime', { ...DESCRIPTOR, runtime: 'onnx' }, '/runtime must be "remote"'],
    ['another protocol', { ...DESCRIPTOR, backend: { ...BACKEND, protocol: 'grpc' } }, '/backend/protocol must be "oip-v2-http"'],
    ['a field of models that are run here', { ...DESCRIPTOR, modelFile: 'model.onnx' }, '/modelFile is not a known field'],
    ['an unknown field', { ...DESCRIPTOR, backend: { ...BACKEND, token: 'secret' } }, '/backend/token is not a known field'],
    ['numbers out of bounds', { ...DESCRIPTOR, backend: { ...BACKEND, timeoutMs: 0, concurrency: 1025 } }, '/backend/timeoutMs ', '/backend/concurrency '],
    ['another scheme', { ...DESCRIPTOR, backend: { ...BACKEND, url: 'file:///etc/passwd' } }, '/backend/url must be an http:// or https:// address'],
    ['credentials in its address', { ...DESCRIPTOR, backend: { ...BACKEND, url: 'http://ann:secret@far.example' } }, '/backend/url must not have credentials'],
    ['a query', { ...DESCRIPTOR, backend: { ...BACKEND, url: 'http://far.example/?key=1' } }, '/backend/url must have neither a query nor a fragment'],
    ['a wrong datatype', { ...DESCRIPTOR, inputs: [{ name: 'x', datatype: 'FLOAT', shape: [1] }] }, '/inputs/0/datatype must be one of '],
    ['a header whose value is another variable', withHeaders({ authorization: 'AWS_SECRET_ACCESS_KEY' }), '/backend/headers/authorization '],
    ['a header whose value is written out', withHeaders({ authorization: 'Bearer abc' }), '/backend/headers/authorization '],
    ['a variable of the gateway itself', withHeaders({ authorization: 'GAUNTLET_REMOTE_ORIGINS' }), '/backend/headers/authorization '],
    ['a header that belongs to the connection', withHeaders({ host: 'GAUNTLET_REMOTE_HEADER_A' }), '/backend/headers/host cannot be set'],
    ['a header name in capitals', withHeaders({ Authorization: 'GAUNTLET_REMOTE_HEADER_A' }), '/backend/headers/Authorization ']
  ])('is refused with %s, by the path of the fault', (_what, document, ...faults) => {
    let message = ''
    try {
      parseDescriptor(JSON.stringify(document))
    } catch (error) {
      expect(error).toMatchObject({ code: 'SERVING_INVALID' })
      message = (error as Error).message
    }

    for (const fault of faults) expect(message).toContain(fault)
    expect(message).not.toContain('secret')
  })

  it.each([
    ['broken YAML', 'runtime: [remote'],
    ['nothing', ''],
    ['a text', 'remote'],
    ['aliases, which could make a short text a long one', 'runtime: remote\nbackend: { protocol: &p oip-v2-http, url: "http://a.example", modelName: *p }'],
    ['a key twice', 'runtime: remote\nruntime: remote'],
    ['deep brackets', '['.repeat(1_000_000)],
    ['deep lists', '- '.repeat(1_000_000)],
    ['deep objects', '{a: '.repeat(1_000_000)]
  ])('is refused when it has %s', (_what, text) => {
    expect(() => parseDescriptor(text)).toThrow(expect.objectContaining({ code: 'SERVING_INVALID' }) as Error)
  })

  it('must be a file, there, of a bounded size', async () => {
    const folder = folderOf({ 'large.yaml': Buffer.alloc(16 * 1024 ** 2 + 1, '#'), 'a.yaml/b': '' })

    await expect(readDescriptor(join(folder, 'none.yaml'))).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND' })
    await expect(readDescriptor(join(folder, 'a.yaml'))).rejects.toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('must be a file') as string })
    await expect(readDescriptor(join(folder, 'large.yaml'))).rejects.toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('is larger than 16777216 bytes') as string })
  })
})

describe('publishing one', () => {
  it('asks the server what the model takes, and tells where each field comes from', async () => {
    const { asked, run, publish } = shell()

    const { json } = await publish({ ...DESCRIPTOR, labels: ['a', 'b', 'c'] }, '--remote-origin', 'http://far.example:8000/', '--metric', 'f1=0.9')

    const backend = { ...BACKEND, timeoutMs: 10_000, concurrency: 16 }
    expect(asked).toEqual([{ origins: ['http://far.example:8000'], backend }])
    const { serving, inferred } = json as { serving: object, inferred: { field: string, from: string }[] }
    expect(serving).toEqual({
      schemaVersion: 1,
      task: 'tensor',
      runtime: 'remote',
      backend,
      ...SIGNATURE,
      labels: ['a', 'b', 'c'],
      metrics: { f1: 0.9 },
      batching: { batchable: false, maxBatch: 1, maxDelayMs: 0 },
      examples: []
    })
    expect(Object.fromEntries(inferred.map(({ field, from }) => [field, from]))).toMatchObject({ inputs: 'the server', outputs: 'the server', task: 'default' })
    expect((await run('show', 'far:1')).out).toMatch(/^runs at +http:\/\/far\.example:8000.*spam/m)
    expect((await run('verify', 'far:1')).json).toMatchObject({ ok: true })
  })

  it('asks nobody when inputs and outputs are stated', async () => {
    const { asked, publish } = shell()

    expect((await publish({ ...DESCRIPTOR, ...SIGNATURE })).json).toMatchObject({ status: 'published' })
    expect((await publish({ ...DESCRIPTOR, ...SIGNATURE })).json).toMatchObject({ status: 'unchanged' })
    await expect(publish({ runtime: 'remote', backend: { ...BACKEND, modelName: 'other' }, ...SIGNATURE })).rejects.toMatchObject({ code: 'VERSION_CONFLICT' })
    expect(asked).toEqual([])
  })

  it('refuses what disagrees with the server, and stores nothing', async () => {
    const { run, publish } = shell()
    const narrowed = [{ name: 'x', datatype: 'FP32', shape: [8, 4] }]

    await expect(publish({ ...DESCRIPTOR, inputs: [{ name: 'z', datatype: 'FP32', shape: [1] }] })).rejects.toThrow('/inputs/0/name is not among the inputs that the server states')
    await expect(publish({ ...DESCRIPTOR, inputs: [{ ...SIGNATURE.inputs[0], datatype: 'FP64' }] })).rejects.toThrow('/inputs/0/datatype must be FP32')
    await expect(publish({ ...DESCRIPTOR, outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 5] }] })).rejects.toThrow('/outputs/0/shape must fit [-1,3]')
    await expect(publish({ ...DESCRIPTOR, examples: [{ ...EXAMPLE, inputs: [{ ...X, name: 'z' }] }] })).rejects.toThrow('/examples/0/inputs/0/name "z" is not an input of the model')
    expect((await run('models', '--versions')).json).toEqual([])
    expect((await publish({ ...DESCRIPTOR, inputs: narrowed })).json).toMatchObject({ serving: { inputs: narrowed } })
  })

  it('refuses a server that does not say, with what may be done', async () => {
    const { publish } = shell(() => { throw new Error('connect ECONNREFUSED') })

    await expect(publish(DESCRIPTOR)).rejects.toMatchObject({
      code: 'SOURCE_UNAVAILABLE', message: 'cannot ask what the model takes and gives: connect ECONNREFUSED; state inputs and outputs to publish without'
    })
  })

  it('refuses options for models that are run here, and origins that are none', async () => {
    const { publish } = shell()

    await expect(publish(DESCRIPTOR, '--max-batch', '4')).rejects.toMatchObject({ code: 'SERVING_INVALID', message: 'the remote model: /batching is for models that are run here' })
    await expect(publish(DESCRIPTOR, '--remote-origin', 'http://far.example/path')).rejects.toThrow('expected an origin')
  })

  it('is not what a folder or --serving can ask for', async () => {
    const { asked, run } = shell()
    const draft = JSON.stringify(DESCRIPTOR)
    const folder = folderOf({ 'model.onnx': modelBytes('one'), 'serving.json': draft })
    const plain = folderOf({ 'model.onnx': modelBytes('one') })

    for (const source of [[folder], [plain, '--serving', written(DESCRIPTOR)]]) {
      await expect(run('publish', ...source, '--name', 'm', '--version', '1')).rejects.toMatchObject({ code: 'SERVING_INVALID', message: expect.stringContaining('/backend is not a known field') as string })
    }
    expect(asked).toEqual([])
  })
})

describe('a remote version', () => {
  it('gets a golden example in a version of its own, and is champion only with the right ones', async () => {
    const { run, publish } = shell()
    const input = join(folderOf({ 'in.json': JSON.stringify({ inputs: [X] }) }), 'in.json')
    await publish(DESCRIPTOR)

    await run('golden', 'add', 'far:1', '--input', input, '--as', '2', '--tolerance', '0', '--alias', 'champion')

    const { json } = await run('show', 'far@champion')
    expect(json).toMatchObject({ version: '2', serving: { runtime: 'remote', backend: BACKEND, examples: [EXAMPLE] } })
    expect((await run('golden', 'check', 'far:2')).json).toMatchObject({ outputs: [{ output: 'y', ok: true }] })
    const untrue = { ...EXAMPLE, outputs: [{ ...EXAMPLE.outputs[0]!, data: [9, 9, 9] }] }
    await expect(run('publish', written({ ...DESCRIPTOR, examples: [untrue] }), '--name', 'far', '--version', '3', '--alias', 'champion')).rejects.toThrow('golden example 0 differs')
    expect((await run('alias', 'list', 'far')).json).toEqual([expect.objectContaining({ alias: 'champion', version: '2' })])
  })

  it('is exported and imported by the same digest, and opens nothing on the way', async () => {
    const { registry } = openRegistry()
    const remote = { descriptor: parseDescriptor(JSON.stringify(DESCRIPTOR)), inspect: async () => SAID }
    const { detail } = await registry.publish({ path: 'remote.yaml', remote, name: 'far', version: '1', actor: 'ann' }, fakeInspect)
    const archive = join(temporaryFolder(), 'far.tar')
    await registry.export({ name: 'far', version: '1', target: archive, format: 'oci-archive' })
    const { registry: other } = openRegistry()

    const imported = await importFrom(other, archive, { alias: 'champion', prove })

    expect(imported).toMatchObject({ status: 'published', converted: false, detail: { name: 'far', version: '1', digest: detail.digest, aliases: ['champion'] } })
    expect((await other.materialise('far', '1')).serving).toEqual(detail.serving)
    expect((await other.fsck()).findings).toEqual([])
  })

  it.each<[string, object, string | null]>([
    ['is as it should be is taken', {}, null],
    ['asks for another variable is refused', { headers: { authorization: 'AWS_SECRET_ACCESS_KEY' } }, '/backend/headers/authorization '],
    ['names no server is refused', { url: 'javascript:alert(1)' }, '/backend/url must be an http:// or https:// address'],
    ['has no bound for waiting is refused', { timeoutMs: 1e12 }, '/backend/timeoutMs ']
  ])('of another registry that %s', async (_what, more, fault) => {
    const serving = {
      schemaVersion: 1,
      task: 'tensor',
      runtime: 'remote',
      backend: { ...BACKEND, timeoutMs: 1, concurrency: 1, ...more },
      ...SIGNATURE,
      batching: { batchable: false, maxBatch: 1, maxDelayMs: 0 },
      examples: []
    }
    const { folder } = layoutOf('application/vnd.cncf.model.config.v1+json', {}, [
      { mediaType: 'application/vnd.cncf.model.weight.config.v1.raw', bytes: Buffer.from(JSON.stringify(serving)), path: 'serving.json' }
    ], { 'org.opencontainers.image.title': 'far', 'org.opencontainers.image.version': '1' })
    const { registry } = openRegistry()

    const outcome = await importFrom(registry, folder).then(({ status }) => ({ status }), (error: unknown) => error)

    expect(outcome).toMatchObject(fault === null
      ? { status: 'published' }
      : { code: 'SERVING_INVALID', message: expect.stringContaining(fault) as string })
    expect(registry.audit().list()).toHaveLength(fault === null ? 1 : 0)
  })
})
