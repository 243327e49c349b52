import { join } from 'node:path'
import type { HostSpec } from '../host-spec.js'
import { createData, elementCount, type Tensor, type TensorSpec } from '../tensor.js'
import { checkExamples } from './golden.js'
import { OnnxRunner, type Runner } from './onnx.js'

/** A model that is ready to answer, and what was odd on the way. */
export interface LoadedModel {
  readonly runner: Runner
  readonly warnings: string[]
}

/**
 * Loads a version, warms it up with one row and with a full batch, and checks its golden examples.
 * @throws Error when it cannot be loaded or an example fails
 */
export async function loadModel (spec: HostSpec, threads: number): Promise<LoadedModel> {
  const runner = await createRunner(spec, threads)
  const warnings: string[] = []
  const { batchable, maxBatch } = spec.batching
  for (const rows of batchable && maxBatch > 1 ? [1, maxBatch] : [1]) {
    try {
      await runner.run(warmUpInputs(runner.inputs, rows), null)
    } catch (error) {
      // Zeros of the smallest shape are not a valid input of every model; the examples are.
      warnings.push(`the warm-up with ${rows} row(s) failed: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  await checkExamples(runner, spec.examples)
  return { runner, warnings }
}

async function createRunner (spec: HostSpec, threads: number): Promise<Runner> {
  if (spec.task === 'tensor') return OnnxRunner.load(join(spec.directory, spec.modelFile), threads)
  // Imported only where there is text: the tokenizer library is large.
  const { batchable } = spec.batching
  if (spec.task === 'token-embedding') {
    const { TokenRunner } = await import('./token-runner.js')
    return TokenRunner.load({ ...spec, batchable }, threads)
  }
  const { TextRunner } = await import('./pipelines.js')
  return TextRunner.load({ ...spec, task: spec.task, batchable }, threads)
}

/** Zeros (or short texts), the first dimension `rows` where it is free and 1 in every other free place. */
function warmUpInputs (specs: readonly TensorSpec[], rows: number): Tensor[] {
  return specs.map(({ name, datatype, shape }) => {
    const sizes = shape.map((size, axis) => size !== -1 ? size : axis === 0 ? rows : 1)
    const data = createData(datatype, elementCount(sizes))
    if (Array.isArray(data)) data.fill('warm up')
    return { name, datatype, shape: sizes, data }
  })
}
