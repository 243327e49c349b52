import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Datatype, Tensor } from '../../../models/tensor.js'
import { parseInferBody } from '../../../server/oip/request.js'
import { decodeTensor, encodeTensor } from '../../../models/oip-tensors.js'

const read = (body: unknown) => parseInferBody(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
const tensor = (datatype: string, data: unknown[], shape = [data.length]) => ({ name: 'x', datatype, shape, data })

/** JSON.stringify and join write -0 as 0. */
const withoutNegativeZero = (value: number): number => value + 0

describe('decodeTensor', () => {
  it('decides by element count, not by nesting', () => {
    const nested = decodeTensor(tensor('FP32', [[1, 2], [3, 4]], [2, 2]), 'inputs[0]')
    const flat = decodeTensor(tensor('FP32', [1, 2, 3, 4], [2, 2]), 'inputs[0]')

    expect(nested).toEqual(flat)
    expect(nested.data).toEqual(Float32Array.of(1, 2, 3, 4))
  })

  it('accepts null, "NaN" and the infinities for floats', () => {
    const { data } = decodeTensor(tensor('FP64', [null, 'NaN', 'Infinity', '-Infinity', 1]), 'inputs[0]')

    expect([...data as Float64Array]).toEqual([NaN, NaN, Infinity, -Infinity, 1])
  })

  it.each([
    ['INT8', [128], 'inputs[0].data[0] of input "x": expected an integer from -128 to 127 for INT8, got 128'],
    ['INT32', [1.5], 'an integer from'],
    ['UINT8', [-1], 'an integer from 0 to 255'],
    ['BOOL', [1], 'true or false'],
    ['BYTES', [1], 'a string'],
    ['FP32', ['1'], 'a number, null or one of'],
    ['INT64', [0.5], 'an integer'],
    ['STRING', ['a'], 'datatype of input "x": expected one of BOOL']
  ])('refuses a wrong element of %s, naming it', (datatype, data, message) => {
    expect(() => decodeTensor(tensor(datatype, data), 'inputs[0]')).toThrow(message)
  })

  it('refuses data that does not fill its shape', () => {
    expect(() => decodeTensor(tensor('FP32', [1, 2, 3], [2, 2]), 'inputs[0]')).toThrow('expected 4 elements for shape [2, 2], got 3')
    expect(() => decodeTensor(tensor('FP32', [1], [-1]), 'inputs[0]')).toThrow('shape of input "x": expected an array of non-negative integers')
  })
})

describe('parseInferBody', () => {
  it('keeps every digit of 64-bit integers', () => {
    const text = '{"inputs":[{"name":"x","datatype":"INT64","shape":[3],"data":[9007199254740993, -9223372036854775808, 5]}]}'

    expect(read(text).inputs[0]!.data).toEqual(BigInt64Array.of(9007199254740993n, -9223372036854775808n, 5n))
  })

  it('leaves long digits inside strings alone', () => {
    const text = '{"inputs":[{"name":"12345678901234567890","datatype":"INT64","shape":[1],"data":[1]}]}'

    expect(read(text).inputs[0]!.name).toBe('12345678901234567890')
  })

  it('refuses an integer outside 64 bits', () => {
    const text = '{"inputs":[{"name":"x","datatype":"UINT64","shape":[1],"data":[18446744073709551616]}]}'

    expect(() => read(text)).toThrow('an integer from 0 to 18446744073709551615')
  })

  it('ignores unknown keys and gives the id back', () => {
    const body = read({ id: 'abc', model_name: 'm', parameters: { x: 1 }, inputs: [], outputs: [{ name: 'y' }] })

    expect(body).toMatchObject({ id: 'abc', inputs: [], outputs: ['y'] })
  })

  it.each([
    ['', 'body: expected JSON: it is empty'],
    ['{', 'body: expected JSON'],
    ['[]', 'body: expected a JSON object with inputs'],
    ['{}', 'inputs: expected an array of tensors'],
    ['{"id":1,"inputs":[]}', 'id: expected a string'],
    ['{"inputs":[null]}', 'inputs[0]: expected an object'],
    ['{"inputs":[],"outputs":[{}]}', 'outputs[0].name: expected a string'],
    ['{"inputs":[],"outputs":[{"name":"a"},{"name":"a"}]}', 'outputs: "a" is there twice']
  ])('refuses %j', (text, message) => {
    expect(() => read(text)).toThrow(message)
  })
})

describe('encodeTensor', () => {
  const numeric: [Datatype, fc.Arbitrary<number | bigint>, (values: never[]) => Tensor['data']][] = [
    ['FP32', fc.float({ noNaN: true }).map(withoutNegativeZero), (values) => Float32Array.from(values)],
    ['FP64', fc.double({ noNaN: true }).map(withoutNegativeZero), (values) => Float64Array.from(values)],
    ['INT32', fc.integer(), (values) => Int32Array.from(values)],
    ['UINT8', fc.nat(255), (values) => Uint8Array.from(values)],
    ['INT64', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (values) => BigInt64Array.from(values)]
  ]

  it.each(numeric)('round-trips %s through JSON', (datatype, values, make) => {
    fc.assert(fc.property(fc.array(values, { minLength: 1 }), (array) => {
      const original: Tensor = { name: 'x', datatype, shape: [array.length], data: make(array as never[]) }
      const body = `{"inputs":[${encodeTensor(original)}]}`
      expect(read(body).inputs[0]).toEqual(original)
    }))
  })

  it('round-trips strings, booleans and what JSON has no number for', () => {
    const texts: Tensor = { name: '"', datatype: 'BYTES', shape: [2], data: ['a"\u0000', 'ü'] }
    const flags: Tensor = { name: 'b', datatype: 'BOOL', shape: [2], data: Uint8Array.of(0, 1) }
    const odd: Tensor = { name: 'f', datatype: 'FP32', shape: [3], data: Float32Array.of(NaN, -Infinity, 1) }

    expect(read(`{"inputs":[${[texts, flags, odd].map(encodeTensor).join(',')}]}`).inputs).toEqual([texts, flags, odd])
  })
})
