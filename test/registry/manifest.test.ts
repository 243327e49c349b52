import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../registry/blobs.js'
import { completeServing } from '../../registry/inspection.js'
import { buildManifest, canonicalJson, parseManifest, type Layer, type ManifestSource } from '../../registry/manifest.js'
import { TABULAR } from '../support/registry-fake-model.js'

const SERVING = completeServing({}, 'model.onnx', TABULAR)
const digest = (text: string) => digestOf(text)
const layer = (path: string): Layer => ({ path, digest: digest(path), sizeBytes: path.length })
const source = (change: Partial<ManifestSource> = {}): ManifestSource => ({
  name: 'm', version: '1', serving: SERVING, layers: [layer('model.onnx'), layer('serving.json'), layer('README.md')], ...change
})

describe('the manifest', () => {
  it('is a ModelPack manifest with one raw layer per file, sorted by path', () => {
    const { manifest, config } = buildManifest(source())

    expect(JSON.parse(manifest.toString())).toEqual({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactType: 'application/vnd.cncf.model.manifest.v1+json',
      config: { mediaType: 'application/vnd.cncf.model.config.v1+json', digest: digestOf(config), size: config.length },
      layers: [
        { mediaType: 'application/vnd.cncf.model.doc.v1.raw', digest: digest('README.md'), size: 9, annotations: { 'org.cncf.model.filepath': 'README.md' } },
        { mediaType: 'application/vnd.cncf.model.weight.v1.raw', digest: digest('model.onnx'), size: 10, annotations: { 'org.cncf.model.filepath': 'model.onnx' } },
        { mediaType: 'application/vnd.cncf.model.weight.config.v1.raw', digest: digest('serving.json'), size: 12, annotations: { 'org.cncf.model.filepath': 'serving.json' } }
      ],
      annotations: { 'org.opencontainers.image.title': 'm', 'org.opencontainers.image.version': '1', 'io.gauntlet.task': 'tensor' }
    })
  })

  it('has a config with nothing but fields of the closed ModelPack schema', () => {
    const config = JSON.parse(buildManifest(source({ sourceDateEpoch: 86_400 })).config.toString())

    expect(config).toEqual({
      descriptor: { name: 'm', version: '1', createdAt: '1970-01-02T00:00:00.000Z' },
      config: { format: 'onnx', capabilities: { inputTypes: ['other'], outputTypes: ['other'] } },
      modelfs: { type: 'layers', diffIds: [digest('README.md'), digest('model.onnx'), digest('serving.json')] }
    })
  })

  it.each([['text-classification', 'other'], ['feature-extraction', 'embedding']] as const)('says what a %s model takes and gives', (task, output) => {
    const { config } = buildManifest(source({ serving: { ...SERVING, task } }))
    expect(JSON.parse(config.toString()).config.capabilities).toEqual({ inputTypes: ['text'], outputTypes: [output] })
  })

  it('is the same bytes for the same inputs in any order', () => {
    const paths = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 8 })
    fc.assert(fc.property(paths, fc.integer(), (list, turn) => {
      const layers = list.map(layer)
      const shift = Math.abs(turn) % layers.length
      const turned = [...layers.slice(shift), ...layers.slice(0, shift)]
      const serving = Object.fromEntries(Object.entries(SERVING).reverse()) as typeof SERVING
      expect(buildManifest(source({ layers: turned, serving })).manifest).toEqual(buildManifest(source({ layers })).manifest)
    }))
  })

  it('is read back as it was built', () => {
    const { manifest, config } = buildManifest(source())
    expect(parseManifest(manifest, digestOf(manifest))).toEqual({
      config: { digest: digestOf(config), sizeBytes: config.length },
      layers: [layer('README.md'), layer('model.onnx'), layer('serving.json')]
    })
  })

  it('is read without mediaType and artifactType, which other tools leave out', () => {
    const { mediaType: _m, artifactType: _a, ...rest } = JSON.parse(buildManifest(source()).manifest.toString())
    expect(parseManifest(Buffer.from(JSON.stringify(rest)), 'sha256:x').layers).toHaveLength(3)
  })

  it.each([
    ['not JSON', '{'], ['another schema', '{"schemaVersion":1}'],
    ['a path that leaves the folder', buildManifest(source({ layers: [layer('../x')] })).manifest.toString()],
    ['a digest that is none', buildManifest(source({ layers: [{ ...layer('a'), digest: 'sha256:../../x' }] })).manifest.toString()]
  ])('with %s is refused', (_what, text) => {
    expect(() => parseManifest(Buffer.from(text), 'sha256:x')).toThrow(expect.objectContaining({ code: 'LAYOUT_CORRUPT' }))
  })
})

describe('canonical JSON', () => {
  it('means the same as the value', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
    }))
  })

  it('does not depend on the order of keys', () => {
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.integer()), (value) => {
      expect(canonicalJson(Object.fromEntries(Object.entries(value).reverse()))).toBe(canonicalJson(value))
    }))
  })
})
