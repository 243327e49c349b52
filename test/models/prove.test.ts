import { afterAll, describe, expect, it } from 'vitest'
import type * as Prove from '../../models/prove.js'
import type * as Run from '../../models/run.js'
import type { GoldenExample } from '../../models/host-spec.js'
import { importCompiled } from '../support/compiled.js'
import type { TensorSpec } from '../../models/tensor.js'
import { countingModel, doublingModel, lookupModel, modelFolder, rows, tensorSpec } from '../support/models-hosts.js'

const folder = modelFolder()
afterAll(() => folder.remove())

const { proveModel } = await importCompiled<typeof Prove>('models/prove.js')
const { runModel } = await importCompiled<typeof Run>('models/run.js')

const X: TensorSpec[] = [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }]
const Y: TensorSpec[] = [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }]
const exampleOf = (answer: number): GoldenExample => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: [3, answer] }],
  tolerance: 1e-4
})

describe('proving that a version can be served', () => {
  it('loads it and runs its golden examples', async () => {
    const directory = folder.write('good', doublingModel(2))
    await expect(proveModel(tensorSpec(directory, X, Y, { examples: [exampleOf(5)] }))).resolves.toEqual([])
  })

  it('refuses one whose golden example differs, naming example, output and both numbers', async () => {
    const directory = folder.write('other', doublingModel(2))
    await expect(proveModel(tensorSpec(directory, X, Y, { examples: [exampleOf(5), exampleOf(6)] }))).rejects.toMatchObject({
      code: 'LOAD_FAILED',
      message: 'golden example 1, output "y": element 1: expected 6, got 5 (tolerance 0.0001)'
    })
  })

  it('refuses one that is no model', async () => {
    const directory = folder.write('text', Buffer.from('no model'))
    await expect(proveModel(tensorSpec(directory, X, Y))).rejects.toMatchObject({ code: 'LOAD_FAILED' })
  })
})

describe('running a version once', () => {
  it('answers one request after the other, whatever its golden examples say', async () => {
    const directory = folder.write('run', doublingModel(2))
    const answers = await runModel(tensorSpec(directory, X, Y, { examples: [exampleOf(6)] }), [
      { inputs: [rows('x', [[1, 2]])] }, { inputs: [rows('x', [[0, -1], [4, 5]])], outputs: ['y'] }
    ])
    expect(answers.map(([output]) => [...output!.data as Float32Array])).toEqual([[3, 5], [1, -1, 9, 11]])
  })

  it('says what the model said of an input that it refuses', async () => {
    const spec = tensorSpec(folder.write('lookup', lookupModel(2)), [{ name: 'index', datatype: 'INT64', shape: [-1, 1] }], Y)
    const index = { name: 'index', datatype: 'INT64', shape: [1, 1], data: BigInt64Array.of(7n) } as const
    await expect(runModel(spec, [{ inputs: [index] }])).rejects.toMatchObject({ code: 'INFERENCE_FAILED', message: expect.stringMatching(/index|bounds/i) as string })
  })

  it('ends a host that takes too long', async () => {
    const spec = tensorSpec(folder.write('slow', countingModel()), [{ name: 'turns', datatype: 'INT64', shape: [1] }], Y)
    const turns = { name: 'turns', datatype: 'INT64', shape: [1], data: BigInt64Array.of(10n ** 15n) } as const
    await expect(runModel(spec, [{ inputs: [turns] }], 3000)).rejects.toMatchObject({ code: 'LOAD_FAILED', message: 'running the model took longer than 3000 ms' })
  })
})
