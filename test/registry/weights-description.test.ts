import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { describeWeights } from '../../registry/formats/onnx-weights.js'
import type { Registry } from '../../registry/registry.js'
import { mlp } from '../../scripts/support/onnx-builder.js'
import { TABULAR } from '../support/registry-fake-model.js'
import { folderOf, openRegistry } from '../support/registry-fixtures.js'

const inspect = async () => TABULAR

function configOf (dataDir: string, registry: Registry, version: string): { config: Record<string, unknown> } {
  const document = (digest: string) => JSON.parse(readFileSync(join(dataDir, 'registry', 'blobs', 'sha256', digest.slice(7)), 'utf8'))
  return document(document(registry.show('m', version).digest).config.digest)
}

describe('the weights of a model', () => {
  it.each([[0, '0'], [999, '999'], [1_000, '1K'], [66_900_000, '66.9M'], [999_999, '1M'], [1_240_000_000, '1.24B'], [7e12, '7T']])(
    'of %i elements are described as %s', (parameterCount, paramSize) => {
      expect(describeWeights({ parameterCount, precisions: [] })).toEqual({ paramSize })
    })

  it('are told by precision, the most frequent first, without shapes and axes', () => {
    const precisions = [{ precision: 'int8', parameterCount: 900 }, { precision: 'float32', parameterCount: 96 }, { precision: 'int64', parameterCount: 4 }]
    expect(describeWeights({ parameterCount: 1_000, precisions })).toEqual({ paramSize: '1K', precision: 'int8,float32' })
  })

  it('stand in the config of a published version, and of one that is derived from it', async () => {
    const { registry, dataDir } = openRegistry()
    const path = folderOf({ 'model.onnx': Buffer.from(mlp({ sizes: [4, 8, 3], seed: 1 })) })
    await registry.publish({ path, name: 'm', version: '1', actor: 'ann' }, inspect)
    const { serving } = registry.show('m', '1')
    await registry.derive({ name: 'm', version: '2', from: '1', actor: 'ann', serving: { ...serving, metrics: { accuracy: 1 } } })

    const { config } = configOf(dataDir, registry, '1')
    expect(config).toMatchObject({ format: 'onnx', paramSize: String(4 * 8 + 8 + 8 * 3 + 3), precision: 'float32' })
    expect(configOf(dataDir, registry, '2').config).toEqual(config)
  })
})
