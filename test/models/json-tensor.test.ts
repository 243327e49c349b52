import { describe, expect, it } from 'vitest'
import { halfFromNumber, numberFromHalf, tensorFromJson, tensorToJson } from '../../models/json-tensor.js'

describe('tensorFromJson', () => {
  it('reads 64-bit integers exactly, as numbers or as strings', () => {
    const tensor = tensorFromJson({ name: 'id', datatype: 'INT64', shape: [2], data: [-5, '9223372036854775807'] })

    expect(tensor.data).toEqual(BigInt64Array.of(-5n, 9223372036854775807n))
    expect(tensorToJson(tensor).data).toEqual([-5, '9223372036854775807'])
  })

  it('reads booleans, half-precision numbers and strings', () => {
    expect(tensorFromJson({ name: 'b', datatype: 'BOOL', shape: [2], data: [true, 0] }).data).toEqual(Uint8Array.of(1, 0))
    expect(tensorFromJson({ name: 'h', datatype: 'FP16', shape: [1], data: [1] }).data).toEqual(Uint16Array.of(0x3c00))
    expect(tensorFromJson({ name: 's', datatype: 'BYTES', shape: [1], data: ['ä'] }).data).toEqual(['ä'])
  })

  it('refuses what does not fit, naming the tensor', () => {
    expect(() => tensorFromJson({ name: 'x', datatype: 'FP32', shape: [2], data: [1] })).toThrow('"x" has 1 elements')
    expect(() => tensorFromJson({ name: 'x', datatype: 'FP32', shape: [1], data: ['1'] })).toThrow('"x" has an element that is no FP32')
    expect(() => tensorFromJson({ name: 'x', datatype: 'INT64', shape: [1], data: [0.5] })).toThrow('"x" has an element that is no INT64')
    expect(() => tensorFromJson({ name: 'x', datatype: 'BYTES', shape: [1], data: [1] })).toThrow('"x" has an element that is no BYTES')
  })
})

describe('half precision', () => {
  // IEEE 754-2008 binary16: largest, smallest normal, largest and smallest subnormal, one third.
  it.each([[65504, 0x7bff], [2 ** -14, 0x0400], [2 ** -14 - 2 ** -24, 0x03ff], [2 ** -24, 0x0001], [0.333251953125, 0x3555], [-2, 0xc000]])(
    '%f is 0x%x', (number, bits) => {
      expect(numberFromHalf(bits)).toBe(number)
      expect(halfFromNumber(number)).toBe(bits)
    })

  it('gives every one of its numbers back', () => {
    const numbers = Array.from({ length: 0x10000 }, (_, bits) => bits).filter((bits) => !Number.isNaN(numberFromHalf(bits)))

    expect(numbers.filter((bits) => halfFromNumber(numberFromHalf(bits)) !== bits)).toEqual([])
    expect(numbers).toHaveLength(0x10000 - 2 * 0x3ff)
    expect(numberFromHalf(halfFromNumber(NaN))).toBeNaN()
  })

  it('rounds to the nearest, ties to even, and overflows to infinity', () => {
    expect(numberFromHalf(halfFromNumber(2049))).toBe(2048)
    expect(numberFromHalf(halfFromNumber(2051))).toBe(2052)
    expect(numberFromHalf(halfFromNumber(65519.9))).toBe(65504)
    expect(numberFromHalf(halfFromNumber(65520))).toBe(Infinity)
  })
})
