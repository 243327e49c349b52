import { RegistryError } from './errors.js'
import type { Serving } from './serving.js'
import type { Example, JsonTensor } from './serving/tensors.js'

/** How one output of one golden example was answered. */
export interface OutputDifference {
  readonly example: number
  readonly output: string
  /** The largest difference of a real number as a share of max(1, |expected|); null where it is not of numbers. */
  readonly largest: number | null
  readonly tolerance: number
  readonly ok: boolean
}

/**
 * What a model answered beside what its golden examples expect: real numbers may differ by tolerance * max(1,
 * |expected|), all else must be equal. O(elements). Pure.
 */
export function compareExamples (examples: readonly Example[], answers: readonly JsonTensor[][]): OutputDifference[] {
  return examples.flatMap(({ outputs, tolerance }, example) => outputs.map((expected) => {
    const got = answers[example]?.find(({ name }) => name === expected.name)
    const isAlike = got?.datatype === expected.datatype && got.shape.join() === expected.shape.join()
    const largest = isAlike && expected.datatype.startsWith('FP') ? largestDifference(expected, got) : null
    const isEqual = largest === null
      ? JSON.stringify(got?.data) === JSON.stringify(expected.data)
      : largest <= tolerance
    const ok = isAlike && isEqual
    return { example, output: expected.name, largest, tolerance, ok }
  }))
}

function largestDifference (expected: JsonTensor, got: JsonTensor): number {
  let largest = 0
  expected.data.forEach((value, index) => {
    const [wanted, came] = [Number(value), Number(got.data[index])]
    if (wanted === came) return
    const difference = Math.abs(wanted - came) / Math.max(1, Math.abs(wanted))
    largest = Math.max(largest, Number.isNaN(difference) ? Infinity : difference)
  })
  return largest
}

/** A golden example of what a model answered. @throws RegistryError SERVING_INVALID for what JSON cannot hold */
export function exampleOf (inputs: readonly JsonTensor[], outputs: readonly JsonTensor[], tolerance: number): Example {
  const endless = outputs.find(({ data }) => data.some((value) => typeof value === 'number' && !Number.isFinite(value)))
  if (endless !== undefined) {
    throw new RegistryError('SERVING_INVALID',
      `the output "${endless.name}" is not finite for this input, so nothing can be compared with it; choose another input`)
  }
  return { inputs: [...inputs], outputs: [...outputs], tolerance }
}

/**
 * The inputs in a text: a request of the Open Inference Protocol, or for a text task a JSON list of texts, a JSON text,
 * or one text per line.
 * @throws RegistryError SERVING_INVALID
 */
export async function inputsOf (
  content: string, { task, inputs }: Serving, parseRequest: (body: Buffer) => Promise<JsonTensor[]>
): Promise<JsonTensor[]> {
  const trimmed = content.trim()
  if (/^\{/.test(trimmed)) return await parseRequest(Buffer.from(content))
  if (task === 'tensor') {
    throw new RegistryError('SERVING_INVALID', 'the input of a tensor model must be a request: {"inputs":[{"name", "datatype", "shape", "data"}]}')
  }
  const texts = /^[["]/.test(trimmed) ? textsOf(trimmed) : content.split(/\r?\n/).filter((line) => line !== '')
  if (texts.length === 0) throw new RegistryError('SERVING_INVALID', 'there is no text in the input')
  return [{ name: inputs[0]!.name, datatype: 'BYTES', shape: [texts.length], data: texts }]
}

function textsOf (json: string): string[] {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    throw new RegistryError('SERVING_INVALID', `the input is not JSON: ${(error as Error).message}`, { cause: error })
  }
  const texts: unknown[] = Array.isArray(value) ? value : [value]
  if (texts.every((text) => typeof text === 'string')) return texts
  throw new RegistryError('SERVING_INVALID', 'the input must be a text or a list of texts')
}
