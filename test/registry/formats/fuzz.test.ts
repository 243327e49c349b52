import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { RegistryError } from '../../../registry/errors.js'
import { checkModelFiles } from '../../../registry/formats/check.js'
import { MODEL_FILE_LIMITS } from '../../../registry/formats/limits.js'
import { FIXTURES } from '../../support/fixtures.js'
import { itSurvivesDamage } from '../../support/fuzzing.js'
import { BUILT_MODELS, gguf, nestedModel, safetensors, zip } from '../../support/model-files.js'
import { temporaryFolder } from '../../support/registry-fixtures.js'

const checkAs = (path: string) => async (bytes: Buffer, folder: string): Promise<unknown> => {
  const location = join(folder, path)
  writeFileSync(location, bytes)
  return await checkModelFiles([{ path, location, sizeBytes: bytes.length }], MODEL_FILE_LIMITS)
}

describe('a model file', () => {
  itSurvivesDamage('of ONNX', 400, onnxModels, checkAs('m.onnx'))
  itSurvivesDamage('of safetensors', 200, () => [safetensors({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, 8)], checkAs('m.safetensors'))
  itSurvivesDamage('of GGUF', 200, () => [gguf([[0, 8], [32, 8]], { dataBytes: 64 })], checkAs('m.gguf'))
  itSurvivesDamage('in a zip archive', 200, () => [zip(['a.csv', 'b/c.txt'])], checkAs('m.zip'))

  it.each<[string, string, () => Buffer]>([
    ['nested graphs', 'm.onnx', () => nestedModel(60)],
    ['nested lists', 'm.safetensors', () => safetensors(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)]
  ])('of %s without end is refused with a reason', async (_what, path, bytes) => {
    await expect(checkAs(path)(bytes(), temporaryFolder())).rejects.toBeInstanceOf(RegistryError)
  })
})

function onnxModels (): Buffer[] {
  const real = FIXTURES === null ? [] : ['iris-logreg', 'iris-rf', 'mnist-12', 'spam-tfidf/exp0001'].map((name) => readFileSync(join(FIXTURES as string, 'models', name, 'model.onnx')))
  return [...Object.values(BUILT_MODELS).map((build) => build()), nestedModel(8), ...real]
}
