import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { OnnxRunner } from '../../../models/host/onnx.js'
import { describeOnnx } from '../../../registry/formats/onnx.js'
import { FIXTURES } from '../../support/fixtures.js'
import { BUILT_MODELS, writeModelFiles } from '../../support/model-files.js'
import { temporaryFolder } from '../../support/registry-fixtures.js'

/** What the runtime serves: tensors, free dimensions without their names. */
async function expectAgreement (location: string): Promise<void> {
  const header = await describeOnnx(location)
  const { inputs, outputs } = await OnnxRunner.load(location, 1)
  const plain = (values: typeof header.inputs) => values
    .filter(({ kind }) => kind === 'tensor')
    .map(({ name, datatype, shape }) => ({ name, datatype, shape: shape?.map((length) => typeof length === 'string' ? -1 : length) }))
  expect({ inputs: plain(header.inputs), outputs: plain(header.outputs) }).toEqual({ inputs, outputs })
}

describe('the header of an ONNX file says the same as the runtime', () => {
  it.each(Object.keys(BUILT_MODELS))('of a model that is built: %s', async (name) => {
    const [file] = writeModelFiles(temporaryFolder(), { 'model.onnx': BUILT_MODELS[name]!() })
    await expectAgreement(file!.location)
  })

  it.skipIf(FIXTURES === null).each(realModels())('of a model from elsewhere: %s', async (path) => {
    await expectAgreement(join(FIXTURES ?? '', 'models', path))
  })
})

/** A model that has a patched twin needs a locale which is not on every machine, so that the runtime does not load it. */
function realModels (): string[] {
  if (FIXTURES === null) return ['none']
  const paths = readdirSync(join(FIXTURES, 'models'), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.onnx')).sort()
  return paths.filter((path) => !paths.includes(path.replace(/\.onnx$/, '.patched.onnx')))
}
