import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { type Datatype } from '../../models/tensor.js'
import { buildModel, mlp, type ElementData, type GraphSpec } from '../../scripts/support/onnx-builder.js'

async function run (bytes: Uint8Array, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await InferenceSession.create(bytes)
  return await session.run(feeds) as Record<string, Tensor>
}

/** A model without inputs that gives back one stored tensor. */
function constantModel (datatype: Datatype, data: ElementData): Uint8Array {
  const shape = [data.length]
  return buildModel({
    inputs: [],
    outputs: [{ name: 'out', datatype, shape }],
    nodes: [{ op: 'Identity', inputs: ['stored'], outputs: ['out'] }],
    initializers: [{ name: 'stored', datatype, shape, data }]
  })
}

describe('buildModel', () => {
  it.each<[Datatype, ElementData, unknown[]]>([
    ['FP32', [0.5, -1, 3e38], [0.5, -1, Math.fround(3e38)]],
    ['FP64', [Math.PI, -0.1], [Math.PI, -0.1]],
    ['FP16', [0x3C00, 0xC000], [1, -2]],
    ['INT8', [-128, 127], [-128, 127]],
    ['UINT8', [0, 255], [0, 255]],
    ['INT16', [-32768, 32767], [-32768, 32767]],
    ['UINT16', [0, 65535], [0, 65535]],
    ['INT32', [-2147483648, 2147483647], [-2147483648, 2147483647]],
    ['UINT32', [0, 4294967295], [0, 4294967295]],
    ['INT64', [-(2n ** 63n), 2n ** 63n - 1n], [-(2n ** 63n), 2n ** 63n - 1n]],
    ['UINT64', [0n, 2n ** 64n - 1n], [0n, 2n ** 64n - 1n]],
    ['BOOL', [true, false], [1, 0]],
    ['BYTES', ['plain', '', 'grüße 漢字'], ['plain', '', 'grüße 漢字']]
  ])('stores %s tensors that onnxruntime reads back unchanged', async (datatype, data, expected) => {
    const { out } = await run(constantModel(datatype, data), {})

    const read = Array.from(out?.data as ArrayLike<unknown>)
    const isRawHalf = datatype === 'FP16' && out?.data instanceof Uint16Array
    expect(read).toEqual(isRawHalf ? [0x3C00, 0xC000] : expected)
  })

  it('writes the names, datatypes and shapes of inputs and outputs', async () => {
    const session = await InferenceSession.create(buildModel({
      inputs: [
        { name: 'ids', datatype: 'INT64', shape: ['batch', 'sequence'] },
        { name: 'text', datatype: 'BYTES', shape: [-1, 2] }
      ],
      outputs: [
        { name: 'same_ids', datatype: 'INT64', shape: ['batch', 'sequence'] },
        { name: 'same_text', datatype: 'BYTES', shape: [-1, 2] }
      ],
      nodes: [
        { op: 'Identity', inputs: ['ids'], outputs: ['same_ids'] },
        { op: 'Identity', inputs: ['text'], outputs: ['same_text'] }
      ],
      initializers: []
    }))

    expect(session.inputMetadata).toMatchObject([
      { name: 'ids', type: 'int64', shape: ['batch', 'sequence'] },
      { name: 'text', type: 'string', shape: [expect.anything(), 2] }
    ])
    expect(session.outputNames).toEqual(['same_ids', 'same_text'])
  })

  it('writes int, ints, float, string and tensor attributes that operators obey', async () => {
    const bytes = buildModel({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [2, 3] }],
      outputs: [
        { name: 'joined', datatype: 'FP32', shape: [3, 4] },
        { name: 'padded', datatype: 'FP32', shape: [3] },
        { name: 'leaky', datatype: 'FP32', shape: [2, 3] }
      ],
      nodes: [
        { op: 'Transpose', inputs: ['x'], outputs: ['t'], attributes: { perm: [1, 0] } },
        { op: 'Concat', inputs: ['t', 't'], outputs: ['joined'], attributes: { axis: -1 } },
        { op: 'Constant', inputs: [], outputs: ['short'], attributes: { value: { tensor: { datatype: 'FP32', shape: [2], data: [7, 8] } } } },
        { op: 'Constant', inputs: [], outputs: ['pads'], attributes: { value_ints: [0, 1] } },
        { op: 'Pad', inputs: ['short', 'pads'], outputs: ['padded'], attributes: { mode: 'edge' } },
        { op: 'LeakyRelu', inputs: ['x'], outputs: ['leaky'], attributes: { alpha: { float: 0.5 } } }
      ],
      initializers: []
    })

    const { joined, padded, leaky } = await run(bytes, { x: new Tensor('float32', [1, 2, 3, -4, -5, -6], [2, 3]) })

    expect(Array.from(joined?.data as Float32Array)).toEqual([1, -4, 1, -4, 2, -5, 2, -5, 3, -6, 3, -6])
    expect(Array.from(padded?.data as Float32Array)).toEqual([7, 8, 8])
    expect(Array.from(leaky?.data as Float32Array)).toEqual([1, 2, 3, -2, -2.5, -3])
  })

  it('writes floats and strings attributes, and nodes of other operator domains', async () => {
    const bytes = buildModel({
      inputs: [],
      outputs: [{ name: 'numbers', datatype: 'FP32', shape: [2] }, { name: 'words', datatype: 'BYTES', shape: [2] }, { name: 'codes', datatype: 'INT64', shape: [2] }],
      nodes: [
        { op: 'Constant', inputs: [], outputs: ['numbers'], attributes: { value_floats: { floats: [1.5, -2] } } },
        { op: 'Constant', inputs: [], outputs: ['words'], attributes: { value_strings: { strings: ['a', 'b'] } } },
        { op: 'LabelEncoder', inputs: ['words'], outputs: ['codes'], domain: 'ai.onnx.ml', attributes: { keys_strings: { strings: ['b', 'a'] }, values_int64s: [20, 10] } }
      ],
      initializers: []
    })

    const { numbers, words, codes } = await run(bytes, {})

    expect(Array.from(numbers?.data as Float32Array)).toEqual([1.5, -2])
    expect(words?.data).toEqual(['a', 'b'])
    expect(Array.from(codes?.data as BigInt64Array)).toEqual([10n, 20n])
  })

  it('writes a subgraph: a loop that doubles its state as often as it is told', async () => {
    const body: GraphSpec = {
      name: 'body',
      inputs: [
        { name: 'turn', datatype: 'INT64', shape: [] },
        { name: 'going', datatype: 'BOOL', shape: [] },
        { name: 'state', datatype: 'FP32', shape: [1] }
      ],
      outputs: [
        { name: 'still_going', datatype: 'BOOL', shape: [] },
        { name: 'doubled', datatype: 'FP32', shape: [1] }
      ],
      nodes: [
        { op: 'Identity', inputs: ['going'], outputs: ['still_going'] },
        { op: 'Add', inputs: ['state', 'state'], outputs: ['doubled'] }
      ],
      initializers: []
    }
    const bytes = buildModel({
      inputs: [{ name: 'turns', datatype: 'INT64', shape: [] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [1] }],
      nodes: [{ op: 'Loop', inputs: ['turns', 'yes', 'one'], outputs: ['y'], attributes: { body: { graph: body } } }],
      initializers: [
        { name: 'yes', datatype: 'BOOL', shape: [], data: [true] },
        { name: 'one', datatype: 'FP32', shape: [1], data: [1] }
      ]
    })

    const { y } = await run(bytes, { turns: new Tensor('int64', [10n], []) })

    expect(Array.from(y?.data as Float32Array)).toEqual([1024])
  })

  it('refuses data that does not fill its shape, and a bare fraction as attribute', () => {
    const graph = { inputs: [], outputs: [], nodes: [], initializers: [] }

    expect(() => buildModel({ ...graph, initializers: [{ name: 'w', datatype: 'FP32', shape: [2, 2], data: [1, 2, 3] }] }))
      .toThrow('w has 3 elements, shape [2, 2] needs 4')
    expect(() => buildModel({ ...graph, nodes: [{ op: 'Elu', inputs: ['x'], outputs: ['y'], attributes: { alpha: 0.5 } }] }))
      .toThrow('attribute alpha is not whole: 0.5')
  })
})

describe('mlp', () => {
  it('computes each row alone, for any batch size', async () => {
    const bytes = mlp({ sizes: [4, 16, 3], seed: 1 })
    const rows = Float32Array.from({ length: 20 }, (_, index) => Math.sin(index))

    const batch = await run(bytes, { input: new Tensor('float32', rows, [5, 4]) })
    const alone = await run(bytes, { input: new Tensor('float32', rows.slice(8, 12), [1, 4]) })

    expect(batch['output']?.dims).toEqual([5, 3])
    const third = Array.from((batch['output']?.data as Float32Array).slice(6, 9))
    Array.from(alone['output']?.data as Float32Array).forEach((value, index) => expect(value).toBeCloseTo(third[index] as number, 5))
  })

  it('is not linear: a hidden Relu stands between the layers', async () => {
    const bytes = mlp({ sizes: [2, 8, 1], seed: 3 })
    const at = async (x: number[]) => (await run(bytes, { input: new Tensor('float32', x, [1, 2]) }))['output']?.data[0] as number

    const [zero, plus, minus] = [await at([0, 0]), await at([1, 1]), await at([-1, -1])]

    expect(Math.abs(plus + minus - 2 * zero)).toBeGreaterThan(1e-3)
  })

  it('has the same bytes for the same seed, others for another, and refuses a single size', () => {
    expect(mlp({ sizes: [3, 4, 2], seed: 7 })).toEqual(mlp({ sizes: [3, 4, 2], seed: 7 }))
    expect(mlp({ sizes: [3, 4, 2], seed: 7 })).not.toEqual(mlp({ sizes: [3, 4, 2], seed: 8 }))
    expect(() => mlp({ sizes: [3], seed: 7 })).toThrow('needs an input and an output size, got [3]')
  })
})
