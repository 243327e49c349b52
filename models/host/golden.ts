import type { GoldenExample } from '../host-spec.js'
import { numberFromHalf, tensorFromJson } from '../json-tensor.js'
import type { Tensor } from '../tensor.js'
import type { Runner } from './onnx.js'

/**
 * Runs the golden examples one after the other.
 * @throws Error naming the first example and output that differ, with what was expected and what came
 */
export async function checkExamples (runner: Runner, examples: readonly GoldenExample[]): Promise<void> {
  for (const [index, example] of examples.entries()) {
    const expected = example.outputs.map(tensorFromJson)
    const outputs = await runner.run(example.inputs.map(tensorFromJson), expected.map((output) => output.name))
    expected.forEach((tensor, at) => {
      const difference = findDifference(tensor, outputs[at] as Tensor, example.tolerance)
      if (difference !== null) throw new Error(`golden example ${index}, output "${tensor.name}": ${difference}`)
    })
  }
}

/** A sentence about the first difference, or null. Floats may differ by `tolerance` * max(1, |expected|). */
export function findDifference (expected: Tensor, got: Tensor, tolerance: number): string | null {
  if (expected.datatype !== got.datatype) return `expected ${expected.datatype}, got ${got.datatype}`
  if (expected.shape.join() !== got.shape.join()) {
    return `expected shape [${expected.shape.join(', ')}], got [${got.shape.join(', ')}]`
  }
  for (let index = 0; index < expected.data.length; index++) {
    const [wanted, came] = [valueAt(expected, index), valueAt(got, index)]
    const isEqual = isFloat(expected)
      ? isNear(wanted as number, came as number, tolerance)
      : wanted === came
    if (!isEqual) return `element ${index}: expected ${String(wanted)}, got ${String(came)} (tolerance ${tolerance})`
  }
  return null
}

/** An element as a number, bigint or string; half-precision bits become their number. */
export function valueAt (tensor: Tensor, index: number): number | bigint | string {
  const value = tensor.data[index] as number | bigint | string
  return tensor.datatype === 'FP16' ? numberFromHalf(value as number) : value
}

/** Whether elements are real numbers, for which "equal" needs a tolerance. */
export function isFloat (tensor: Tensor): boolean {
  return tensor.datatype === 'FP16' || tensor.datatype === 'FP32' || tensor.datatype === 'FP64'
}

function isNear (wanted: number, came: number, tolerance: number): boolean {
  if (Object.is(wanted, came) || wanted === came) return true
  return Math.abs(wanted - came) <= tolerance * Math.max(1, Math.abs(wanted))
}
