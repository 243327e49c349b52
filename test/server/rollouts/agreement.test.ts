import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Tensor } from '../../../models/tensor.js'
import { agreementOf, type AgreementMethod } from '../../../server/rollouts/agreement.js'

const reals = (data: number[], shape = [data.length], name = 'y'): Tensor => ({ name, datatype: 'FP32', shape, data: Float32Array.from(data) })
const texts = (...data: string[]): Tensor => ({ name: 'text', datatype: 'BYTES', shape: [data.length], data })
const agree = (a: Tensor, b: Tensor, method?: AgreementMethod, tolerance = 0.001) => agreementOf([a], [b], { tolerance, ...method === undefined ? {} : { method } })

describe('agreementOf', () => {
  it('compares by the kind of output unless told how', () => {
    expect(agree(texts('yes', 'no', 'a', 'b'), texts('yes', 'no', 'A', 'b'))).toBe(0.75)
    expect(agree(reals([1, 100, 0]), reals([1.0005, 100.05, 0.5]))).toBeCloseTo(2 / 3)
    expect(agree(reals([0.1, 0.9, 0.8, 0.2], [2, 2]), reals([0.4, 0.6, 0.3, 0.7], [2, 2]))).toBe(0.5)
  })

  it('takes cosines of rows, at least 0, and two empty vectors for equal', () => {
    expect(agree(reals([1, 0, 0, 1], [2, 2]), reals([2, 0, 0, -1], [2, 2]), 'cosine')).toBe(0.5)
    expect(agree(reals([0, 0], [1, 2]), reals([0, 0], [1, 2]), 'cosine')).toBe(1)
    expect(agree(reals([0, 0], [1, 2]), reals([1, 0], [1, 2]), 'cosine')).toBe(0)
  })

  it('reads half precision as the numbers it stands for', () => {
    const half = (...data: number[]): Tensor => ({ name: 'y', datatype: 'FP16', shape: [data.length], data: Uint16Array.from(data) })

    expect(agree(half(0x3c00, 0x4000), half(0x3c01, 0x4200), 'close', 0.01)).toBe(0.5)
  })

  it('is 0 for an output of another form, and null without one to compare', () => {
    expect(agree(reals([1, 2]), reals([1, 2], [1, 2]))).toBe(0)
    expect(agree(reals([1]), texts('1'))).toBe(0)
    expect(agreementOf([reals([1])], [], { tolerance: 0 })).toBe(0)
    expect(agreementOf([reals([1])], [reals([1])], { output: 'z', tolerance: 0 })).toBeNull()
    expect(agreementOf([], [], { tolerance: 0 })).toBeNull()
  })

  it('is 1 of an answer with itself, within 0 and 1 of any other, and never NaN', () => {
    const row = fc.array(fc.float(), { minLength: 4, maxLength: 4 })
    const method = fc.constantFrom<AgreementMethod>('exact', 'close', 'argmax', 'cosine')
    fc.assert(fc.property(row, row, method, (a, b, how) => {
      const score = agree(reals(a, [2, 2]), reals(b, [2, 2]), how)
      expect(score).toBeGreaterThanOrEqual(0)
      expect(score).toBeLessThanOrEqual(1)
      const isOrdinary = a.every((value) => Number.isFinite(value) && Math.abs(value) < 1e15 && (value === 0 || Math.abs(value) > 1e-15))
      if (isOrdinary) expect(agree(reals(a, [2, 2]), reals(a, [2, 2]), how)).toBeCloseTo(1, 6)
    }))
  })
})
