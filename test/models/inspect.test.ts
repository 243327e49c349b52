import { cpSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type * as Inspect from '../../models/inspect.js'
import type * as Pool from '../../models/pool.js'
import { writeEncoder } from '../../scripts/support/encoder-model.js'
import { importCompiled } from '../support/compiled.js'
import { FIXTURES } from '../support/fixtures.js'
import { batchNormalisingModel, countingModel, doublingModel, lookupModel, modelFolder, poolOptions, rows, summingModel, tensorSpec, withFixtures } from '../support/models-hosts.js'

const folder = modelFolder()
afterAll(() => folder.remove())

const { inspectModel } = await importCompiled<typeof Inspect>('models/inspect.js')
const { ModelPool } = await importCompiled<typeof Pool>('models/pool.js')

function inspectBytes (name: string, bytes: Uint8Array): ReturnType<typeof inspectModel> {
  return inspectModel({ directory: folder.write(name, bytes), modelFile: 'model.onnx' })
}

describe('inspectModel', () => {
  it('reads names, datatypes and shapes from the model itself', async () => {
    await expect(inspectBytes('doubling', doublingModel(2))).resolves.toEqual({
      task: 'tensor',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
      labels: null,
      batchable: true,
      origins: {
        task: 'no tokenizer.json', inputs: 'model.onnx graph', outputs: 'model.onnx graph', labels: 'config.json id2label', batchable: 'tried'
      }
    })
  })

  it('finds a model that looks indices up batchable, though its table is small', async () => {
    await expect(inspectBytes('lookup', lookupModel(4))).resolves.toMatchObject({ batchable: true })
  })

  it.each<[string, Uint8Array]>([
    ['mixes its rows', batchNormalisingModel()],
    ['gives one row for many', summingModel()],
    ['has no free first dimension', countingModel()]
  ])('finds a model that %s not batchable', async (what, bytes) => {
    await expect(inspectBytes(what.replaceAll(' ', '-'), bytes)).resolves.toMatchObject({ batchable: false })
  })

  it('fails with the host\'s message on a file that is no model', async () => {
    await expect(inspectBytes('broken', Buffer.from('no model'))).rejects.toMatchObject({
      code: 'LOAD_FAILED',
      message: expect.stringContaining('model.onnx failed') as string
    })
  })

  it('fails when it takes too long', async () => {
    const directory = folder.write('late', doublingModel(2))

    await expect(inspectModel({ directory, modelFile: 'model.onnx' }, 1)).rejects.toMatchObject({
      code: 'LOAD_FAILED',
      message: 'inspecting the model took longer than 1 ms'
    })
  })

  it('tells the task of a variant below onnx/ from the files above it, and runs it so', async () => {
    const directory = join(folder.path, 'variant')
    await writeEncoder(directory, { words: ['good', 'bad'], width: 4, seed: 1 })
    renameSync(join(directory, 'onnx', 'model.onnx'), join(directory, 'onnx', 'model_quantized.onnx'))

    await expect(inspectModel({ directory, modelFile: 'onnx/model_quantized.onnx' })).resolves.toMatchObject({
      task: 'feature-extraction',
      inputs: [{ name: 'text', datatype: 'BYTES', shape: [-1] }],
      outputs: [{ name: 'embedding', datatype: 'FP32', shape: [-1, 4] }],
      pooling: 'mean'
    })
  })

  it('refuses to leave a module of sentence-transformers out', async () => {
    const directory = join(folder.path, 'dense')
    await writeEncoder(directory, { words: ['good', 'bad'], width: 4, seed: 1 })
    const modules = ['Transformer', 'Pooling', 'Dense'].map((name) => ({ type: `sentence_transformers.models.${name}` }))
    writeFileSync(join(directory, 'modules.json'), JSON.stringify(modules))

    await expect(inspectModel({ directory, modelFile: 'onnx/model.onnx' })).rejects.toMatchObject({
      code: 'LOAD_FAILED', message: expect.stringContaining('modules.json asks for sentence_transformers.models.Dense after pooling') as string
    })
  })

  it('refuses a text task without a tokenizer', async () => {
    const directory = folder.write('textless', doublingModel(2))

    await expect(inspectModel({ directory, modelFile: 'model.onnx', task: 'feature-extraction' })).rejects.toMatchObject({
      code: 'LOAD_FAILED',
      message: 'task feature-extraction needs a tokenizer.json beside the model'
    })
  })
})

describe.skipIf(FIXTURES === null)(withFixtures('published models'), () => {
  const models = join(FIXTURES ?? '', 'models')

  it('a random forest with a ZipMap: the map is left out, the label is answered', async () => {
    const directory = join(models, 'iris-rf')
    const inspection = await inspectModel({ directory, modelFile: 'model.onnx' })
    const pool = new ModelPool(poolOptions())
    const model = pool.ensure(tensorSpec(directory, inspection.inputs, inspection.outputs))

    // Rows 1, 51 and 101 of Fisher's iris: one of each species.
    const [label] = await model.infer(
      [rows('float_input', [[5.1, 3.5, 1.4, 0.2], [7, 3.2, 4.7, 1.4], [6.3, 3.3, 6, 2.5]])],
      { deadlineAt: performance.now() + 20_000, retryOnCrash: false }
    )
    await pool.close()

    expect(inspection).toMatchObject({ outputs: [{ name: 'output_label', datatype: 'INT64', shape: [-1] }], batchable: true })
    expect(label).toEqual({ name: 'output_label', datatype: 'INT64', shape: [3], data: BigInt64Array.of(0n, 1n, 2n) })
  })

  it('a spam filter of strings', async () => {
    const directory = folder.write('spam', new Uint8Array(0))
    cpSync(join(models, 'spam-tfidf/current/model.patched.onnx'), join(directory, 'model.onnx'))
    const inspection = await inspectModel({ directory, modelFile: 'model.onnx' })
    const pool = new ModelPool(poolOptions())
    const model = pool.ensure(tensorSpec(directory, inspection.inputs, inspection.outputs))
    const texts = ['WINNER!! You have won a £1000 cash prize, call 09061701461 now to claim', 'See you at lunch then?']

    const answers = await Promise.all(texts.map((text) => model.infer(
      [{ name: 'input', datatype: 'BYTES', shape: [1, 1], data: [text] }],
      { deadlineAt: performance.now() + 20_000, outputs: ['probabilities'], retryOnCrash: false }
    )))
    await pool.close()

    expect(inspection.inputs).toEqual([{ name: 'input', datatype: 'BYTES', shape: [-1, 1] }])
    const [spam, ham] = answers.map(([output]) => output?.data[1] as number)
    expect(spam).toBeGreaterThan(0.5)
    expect(ham).toBeLessThan(0.5)
  })

  it('a text classifier: texts in, labels out', async () => {
    const inspection = await inspectModel({ directory: join(models, 'trained-banking77-bow'), modelFile: 'onnx/model.onnx' })

    expect(inspection).toMatchObject({
      task: 'text-classification',
      inputs: [{ name: 'text', datatype: 'BYTES', shape: [-1] }],
      outputs: [{ name: 'label', datatype: 'BYTES', shape: [-1] }, { name: 'score', datatype: 'FP32', shape: [-1] }, { name: 'scores', datatype: 'FP32', shape: [-1, 77] }],
      batchable: true
    })
    expect(inspection.labels?.slice(0, 2)).toEqual(['Refund_not_showing_up', 'activate_my_card'])
  })

  it('a sentence encoder: texts in, embeddings out', async () => {
    const inspection = await inspectModel({ directory: join(models, 'trained-sts-encoder'), modelFile: 'onnx/model.onnx' })

    expect(inspection).toMatchObject({
      task: 'feature-extraction',
      outputs: [{ name: 'embedding', datatype: 'FP32', shape: [-1, 128] }],
      labels: null,
      pooling: 'mean',
      normalize: true,
      batchable: true
    })
  })
})
