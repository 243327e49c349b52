import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ONNX_LIMITS } from '../../../registry/formats/limits.js'
import { describeOnnx, type OnnxHeader } from '../../../registry/formats/onnx.js'
import { ProtobufWriter } from '../../../scripts/support/protobuf.js'
import { BUILT_MODELS, externalTensor, graph, localFunction, model, nestedModel, node, value, writeModelFiles } from '../../support/model-files.js'
import { temporaryFolder } from '../../support/registry-fixtures.js'

const message = () => new ProtobufWriter()
const describeBytes = async (bytes: Buffer, limits: Partial<typeof ONNX_LIMITS> = {}): Promise<OnnxHeader> => {
  const [file] = writeModelFiles(temporaryFolder(), { 'm.onnx': bytes })
  return await describeOnnx(file!.location, 'm.onnx', { ...ONNX_LIMITS, ...limits })
}
const refused = (what: string | RegExp) => ({ code: 'SOURCE_INVALID', message: typeof what === 'string' ? expect.stringContaining(what) : expect.stringMatching(what) })
const refusal = (bytes: Buffer, limits: Partial<typeof ONNX_LIMITS> = {}) => describeBytes(bytes, limits).then(
  () => { throw new Error('accepted') }, (error: unknown) => error)

describe('the header of an ONNX file', () => {
  it('tells what goes in and out, the operators and the parameters', async () => {
    const header = await describeBytes(BUILT_MODELS['mlp']!())

    expect(header).toMatchObject({
      irVersion: 8,
      producer: 'gauntlet',
      opsetImports: [{ domain: '', version: 17 }],
      inputs: [{ name: 'input', kind: 'tensor', datatype: 'FP32', shape: ['batch', 4] }],
      outputs: [{ name: 'output', kind: 'tensor', datatype: 'FP32', shape: ['batch', 3] }],
      nodeCount: 3,
      initializerCount: 4,
      parameterCount: 4 * 8 + 8 + 8 * 3 + 3,
      precisions: [{ precision: 'float32', parameterCount: 67 }],
      externalTensors: []
    })
    expect(header.operators).toEqual(new Map([['["","Gemm",""]', 2], ['["","Relu",""]', 1]]))
  })

  it('counts what is in sub-graphs, and takes none of their inputs for inputs of the model', async () => {
    const header = await describeBytes(BUILT_MODELS['branches']!())
    expect(header).toMatchObject({ nodeCount: 3, initializerCount: 2, parameterCount: 2 })
    expect(header.inputs.map(({ name }) => name)).toEqual(['x', 'flag'])
    expect(header.outputs.map(({ name }) => name)).toEqual(['y'])
  })

  it('leaves inputs out that have an initializer, as old models list them', async () => {
    const weight = message().packedInts(1, [1]).int(2, 1).string(8, 'w').bytes(9, new Uint8Array(4))
    const { inputs } = await describeBytes(model(graph({ initializers: [weight], more: (built) => built.message(11, value('w')) })))
    expect(inputs.map(({ name }) => name)).toEqual(['x'])
  })

  it('finds external data of initializers, constants, sparse tensors and functions', async () => {
    const tensor = (name: string) => externalTensor({ location: 'w.bin', offset: '16', length: '16' }, { name })
    const constant = node('Constant', { attributes: [message().string(1, 'value').message(5, tensor('constant')).int(20, 4)] })
    const sparse = message().message(1, tensor('sparse')).message(2, tensor('indices')).packedInts(3, [9])
    const content = graph({ nodes: [constant], initializers: [tensor('initializer')], more: (built) => built.message(15, sparse) })
    const body = message().string(1, 'f').message(7, constant).string(10, 'local')

    const { externalTensors } = await describeBytes(model(content, (built) => built.message(25, body)))

    expect(externalTensors.map((item) => item.tensor).sort()).toEqual(['constant', 'constant', 'indices', 'initializer', 'sparse'])
    expect(externalTensors[0]).toMatchObject({ location: 'w.bin', offsetBytes: 16, lengthBytes: 16 })
  })

  it('keeps metadata and functions', async () => {
    const { metadata, functions } = await describeBytes(model(graph(), (built) => built
      .message(14, message().string(1, 'author').string(2, 'änn')).message(25, localFunction('f', ['Relu']))))
    expect(metadata).toEqual({ author: 'änn' })
    expect(functions).toEqual([{ operator: '["local","f",""]', operators: new Map([['["local","Relu",""]', 1]]) }])
  })

  it('is read in little memory and time however large the weights are', async () => {
    const path = join(temporaryFolder(), 'large.onnx')
    const rawBytes = 2 ** 31 - 1 - 4096
    const tail = message().message(11, value('x')).message(12, value('y')).message(1, node('Relu')).finish()
    const start = message().packedInts(1, [rawBytes]).int(2, 2).string(8, 'w').finish()
    const raw = Buffer.concat([start, Buffer.from([9 << 3 | 2]), varint(rawBytes)])
    const tensor = Buffer.concat([Buffer.from([5 << 3 | 2]), varint(raw.length + rawBytes), raw])
    const head = Buffer.concat([message().int(1, 8).message(8, message().int(2, 17)).finish(), Buffer.from([7 << 3 | 2]), varint(tensor.length + rawBytes + tail.length), tensor])
    const file = openSync(path, 'w')
    writeSync(file, head, 0, head.length, 0)
    ftruncateSync(file, head.length + rawBytes)
    writeSync(file, tail, 0, tail.length, head.length + rawBytes)
    closeSync(file)
    await describeOnnx(path)
    const before = process.memoryUsage()
    const startedAt = performance.now()

    const { parameterCount, nodeCount } = await describeOnnx(path)

    const after = process.memoryUsage()
    expect([parameterCount, nodeCount]).toEqual([rawBytes, 1])
    expect(after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed).toBeLessThan(4 * 1024 ** 2)
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })
})

describe('an ONNX file is refused', () => {
  it.each<[string, Buffer, string]>([
    ['text', Buffer.from('hello, this is no model'), 'is not a sound ONNX file'],
    ['an empty message', Buffer.from(message().int(2, 1).finish()), 'field 2 of a ModelProto is a varint and must be length-delimited'],
    ['without a graph', Buffer.from(message().int(1, 8).finish()), 'it has no graph, so it is not an ONNX model'],
    ['without an IR version', Buffer.from(message().message(7, graph()).finish()), 'it has no IR version'],
    ['without operator sets', Buffer.from(message().int(1, 8).message(7, graph()).finish()), 'it imports no operator set'],
    ['without an output', Buffer.from(message().int(1, 8).message(7, message().message(1, node('A'))).message(8, message().int(2, 17)).finish()), 'its graph has no output'],
    ['with a group', Buffer.concat([model(), Buffer.from([9 << 3 | 3])]), 'a group, which ONNX has not'],
    ['with a wire type that is none', Buffer.concat([model(), Buffer.from([9 << 3 | 7])]), 'the wire type 7, which does not exist'],
    ['with field number 0', Buffer.concat([model(), Buffer.from([0, 0])]), 'has the field number 0'],
    ['with a number of 11 bytes', Buffer.from([8, ...Array<number>(10).fill(0xff), 1]), 'a number takes more than 64 bits'],
    ['with a number beyond 64 bits', Buffer.from([8, ...Array<number>(9).fill(0xff), 2]), 'a number takes more than 64 bits'],
    ['with a length beyond the file', Buffer.concat([model(), Buffer.from([9 << 3 | 2]), varint(5)]), 'is to have 5 bytes where 0 are left'],
    ['with a negative length', Buffer.from([7 << 3 | 2, ...Array<number>(9).fill(0xff), 1]), 'is to have -1 bytes'],
    ['with two graphs', model(graph(), (built) => built.message(7, graph())), 'field 7 of a ModelProto occurs twice'],
    ['with a node of no type', model(graph({ nodes: [message().string(1, 'x')] })), 'a node has no operator type'],
    ['with an unknown element type', model(graph({ initializers: [message().int(2, 99).string(8, 'w')] })), 'tensor "w" has the element type 99'],
    ['with a negative dimension', model(graph({ initializers: [message().packedInts(1, [-3]).int(2, 1).string(8, 'w')] })), 'tensor "w" has the dimension -3'],
    ['with more elements than can be counted', model(graph({ initializers: [message().packedInts(1, [2 ** 40, 2 ** 40]).int(2, 1).string(8, 'w')] })), 'too many elements'],
    ['with fewer bytes than its shape demands', model(graph({ initializers: [message().packedInts(1, [1000]).int(2, 1).string(8, 'w').bytes(9, new Uint8Array(4))] })), 'has 4 bytes and must have 4000']
  ])('%s', async (_what, bytes, reason) => {
    expect(await refusal(bytes)).toMatchObject(refused(reason))
  })

  it('wherever it is cut', async () => {
    const whole = BUILT_MODELS['branches']!()
    for (let length = 0; length < whole.length; length += 7) {
      const error = await refusal(whole.subarray(0, length))
      // Opset imports come last, so that a cut before them leaves a model without any.
      expect(error, `cut at ${length}`).toMatchObject(refused(/bytes where|ends in the middle|imports no operator set|is not an ONNX model/))
    }
  })

  it('nested deeper than protobuf itself allows, without a deep stack', async () => {
    expect(await refusal(nestedModel(40))).toMatchObject(refused('messages are nested deeper than 100'))
    await expect(describeBytes(nestedModel(10))).resolves.toMatchObject({ nodeCount: 11 })
  })

  it.each<[string, Buffer, Partial<typeof ONNX_LIMITS>, string]>([
    ['bytes', model(), { fileBytesMax: 20 }, 'more than the 20'],
    ['nodes', model(graph({ nodes: [node('A'), node('B')] })), { nodesMax: 1 }, 'more than 1 nodes'],
    ['initializers', BUILT_MODELS['mlp']!(), { tensorsMax: 3 }, 'more than 3 initializers'],
    ['attributes', BUILT_MODELS['branches']!(), { attributesMax: 1 }, 'more than 1 attributes'],
    ['sub-graphs', BUILT_MODELS['branches']!(), { subgraphsMax: 1 }, 'more than 1 sub-graphs'],
    ['functions', model(graph(), (built) => built.message(25, localFunction('f', []))), { functionsMax: 0 }, 'more than 0 functions'],
    ['inputs and outputs', model(), { valuesMax: 1 }, 'more than 1 inputs and outputs'],
    ['imports', model(), { opsetImportsMax: 0 }, 'more than 0 operator set imports'],
    ['metadata', model(graph(), (built) => built.message(14, message().string(1, 'a'))), { metadataMax: 0 }, 'more than 0 entries of metadata'],
    ['dimensions', BUILT_MODELS['mlp']!(), { rankMax: 1 }, 'more than 1'],
    ['bytes of a name', model(graph({ nodes: [node('N'.repeat(100))] })), { nameBytesMax: 99 }, 'an operator type has 100 bytes, more than the 99 allowed'],
    ['bytes that are kept', model(graph({ nodes: [node('N'.repeat(100))] })), { keptBytesMax: 50 }, 'names and metadata take more than 50 bytes'],
    ['structure', BUILT_MODELS['mlp']!(), { headerBytesMax: 100 }, 'structure, without the weights, takes more than 100 bytes']
  ])('with more %s than allowed', async (_what, bytes, limits, reason) => {
    expect(await refusal(bytes, limits)).toMatchObject(refused(reason))
  })
})

function varint (number: number): Buffer {
  const bytes: number[] = []
  for (; number > 0x7f; number = Math.floor(number / 128)) bytes.push(number % 128 + 128)
  return Buffer.from([...bytes, number])
}
