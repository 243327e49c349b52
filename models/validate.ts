import { ModelsError } from './errors.js'
import { elementCount, type Tensor, type TensorSpec } from './tensor.js'

/**
 * Checks a request's tensors against what the model takes: every input once, none unknown, datatype and shape as
 * declared (-1 fits any size), as many elements as the shape says.
 * @throws ModelsError INVALID_INPUT naming the input and what was expected
 */
export function validateInputs (inputs: readonly Tensor[], spec: readonly TensorSpec[]): void {
  for (const [index, input] of inputs.entries()) {
    const expected = spec.find((candidate) => candidate.name === input.name)
    if (expected === undefined) {
      throw invalid(`unknown input "${input.name}", expected ${spec.map((each) => `"${each.name}"`).join(', ')}`)
    }
    if (inputs.findIndex((other) => other.name === input.name) !== index) {
      throw invalid(`input "${input.name}" is given twice`)
    }
    checkTensor(input, expected)
  }
  if (inputs.length === spec.length) return
  const missing = spec.find((expected) => !inputs.some((input) => input.name === expected.name))
  if (missing !== undefined) {
    throw invalid(`input "${missing.name}" is missing, expected ${missing.datatype} ${shapeText(missing.shape)}`)
  }
}

function checkTensor (input: Tensor, expected: TensorSpec): void {
  if (input.datatype !== expected.datatype) {
    throw invalid(`input "${input.name}" has datatype ${input.datatype}, expected ${expected.datatype}`)
  }
  const isFitting = input.shape.length === expected.shape.length &&
    input.shape.every((size, axis) => isSize(size) && (expected.shape[axis] === -1 || expected.shape[axis] === size))
  if (!isFitting) {
    throw invalid(`input "${input.name}" has shape ${shapeText(input.shape)}, expected ${shapeText(expected.shape)}`)
  }
  const count = elementCount(input.shape)
  if (input.data.length !== count) {
    throw invalid(`input "${input.name}" has ${input.data.length} elements, its shape ${shapeText(input.shape)} needs ${count}`)
  }
}

function isSize (size: number): boolean {
  return Number.isSafeInteger(size) && size >= 0
}

function shapeText (shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}

function invalid (message: string): ModelsError {
  return new ModelsError('INVALID_INPUT', message)
}
