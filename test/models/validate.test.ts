import { describe, expect, it } from 'vitest'
import type { Tensor, TensorSpec } from '../../models/tensor.js'
import { validateInputs } from '../../models/validate.js'

const spec: TensorSpec[] = [
  { name: 'x', datatype: 'FP32', shape: [-1, 2] },
  { name: 'ids', datatype: 'INT64', shape: [-1] }
]
const x: Tensor = { name: 'x', datatype: 'FP32', shape: [3, 2], data: new Float32Array(6) }
const ids: Tensor = { name: 'ids', datatype: 'INT64', shape: [3], data: new BigInt64Array(3) }

describe('validateInputs', () => {
  it('accepts inputs in any order and any size where the model leaves it free', () => {
    expect(() => validateInputs([ids, x], spec)).not.toThrow()
  })

  it.each<[string, Tensor[], string]>([
    ['a missing input', [x], 'input "ids" is missing, expected INT64 [-1]'],
    ['an unknown input', [x, ids, { ...x, name: 'z' }], 'unknown input "z", expected "x", "ids"'],
    ['an input given twice', [x, x], 'input "x" is given twice'],
    ['another datatype', [{ ...x, datatype: 'FP64' }, ids], 'input "x" has datatype FP64, expected FP32'],
    ['another width', [{ ...x, shape: [2, 3] }, ids], 'input "x" has shape [2, 3], expected [-1, 2]'],
    ['another rank', [{ ...x, shape: [6] }, ids], 'input "x" has shape [6], expected [-1, 2]'],
    ['a size that is none', [{ ...x, shape: [-3, 2] }, ids], 'input "x" has shape [-3, 2], expected [-1, 2]'],
    ['too few elements', [{ ...x, data: new Float32Array(5) }, ids], 'input "x" has 5 elements, its shape [3, 2] needs 6']
  ])('refuses %s', (_, inputs, message) => {
    expect(() => validateInputs(inputs, spec)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT', message }) as Error)
  })
})
