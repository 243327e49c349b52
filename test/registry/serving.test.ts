import { describe, expect, it } from 'vitest'
import { completeServing } from '../../registry/inspection.js'
import { compareSignatures } from '../../registry/serving/compare.js'
import { parseServing, parseServingDraft, type OnnxServing, type Serving } from '../../registry/serving.js'
import { TABULAR } from '../support/registry-fake-model.js'

const SERVING = completeServing({}, 'model.onnx', TABULAR)

function messageOf (act: () => unknown): string {
  try {
    act()
  } catch (error) {
    expect(error).toMatchObject({ code: 'SERVING_INVALID' })
    return (error as Error).message
  }
  throw new Error('nothing was thrown')
}

describe('serving.json', () => {
  it('is filled from the model where the user said nothing', () => {
    expect(SERVING).toEqual({
      schemaVersion: 1,
      task: 'tensor',
      runtime: 'onnx',
      modelFile: 'model.onnx',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 3] }],
      batching: { batchable: true, maxBatch: 32, maxDelayMs: 0 },
      examples: []
    })
    expect(parseServing(JSON.stringify(SERVING))).toEqual(SERVING)
  })

  it('keeps what the user said', () => {
    const example = {
      inputs: [{ name: 'x', datatype: 'FP32' as const, shape: [1, 4], data: [1, 2, 3, 4] }],
      outputs: [{ name: 'y', datatype: 'FP32' as const, shape: [1, 3], data: [0, 0, 1] }],
      tolerance: 0.01
    }
    const draft = parseServingDraft(JSON.stringify({
      labels: ['a', 'b', 'c'], pooling: 'cls', normalize: false, batching: { maxDelayMs: 2 }, examples: [example]
    }))

    const serving = completeServing(draft, 'model.onnx', { ...TABULAR, task: 'feature-extraction', pooling: 'mean', normalize: true, labels: ['x'] })

    expect(serving).toMatchObject({
      labels: ['a', 'b', 'c'],
      pooling: 'cls',
      normalize: false,
      batching: { batchable: true, maxBatch: 32, maxDelayMs: 2 },
      examples: [example]
    })
  })

  it('names each wrong path, all at once', () => {
    const message = messageOf(() => parseServingDraft(JSON.stringify({
      task: 'chat', extra: 1, batching: { maxBatch: 0, size: 1 }, examples: [{ inputs: [{ name: 'x', datatype: 'F32', shape: [1], data: [null] }], tolerance: -1 }]
    })))

    for (const part of [
      '/task must be one of tensor, text-classification, feature-extraction', '/extra is not a known field',
      '/batching/size is not a known field', '/batching/maxBatch must be >= 1', '/examples/0/inputs/0/datatype must be one of BOOL',
      '/examples/0/inputs/0/data/0', '/examples/0/outputs is missing', '/examples/0/tolerance must be >= 0'
    ]) expect(message).toContain(part)
  })

  it('refuses what is not JSON', () => {
    expect(messageOf(() => parseServingDraft('{'))).toMatch(/^serving\.json is not JSON: /)
    expect(messageOf(() => parseServing('[]'))).toBe('serving.json: the document must be object')
  })

  it('refuses examples that do not fit the model', () => {
    const draft = parseServingDraft(JSON.stringify({
      examples: [{
        inputs: [{ name: 'z', datatype: 'FP32', shape: [1], data: [1] }],
        outputs: [{ name: 'y', datatype: 'INT64', shape: [1, 4], data: [1] }],
        tolerance: 0
      }]
    }))
    expect(messageOf(() => completeServing(draft, 'model.onnx', TABULAR))).toBe(
      'serving.json: /examples/0/inputs/0/name "z" is not an input of the model; ' +
      '/examples/0/outputs/0/datatype must be FP32; /examples/0/outputs/0/shape must fit [-1,3]; ' +
      '/examples/0/outputs/0/data must have 4 elements, as its shape says, and has 1; ' +
      '/examples/0/inputs lacks the input "x"')
  })

  it('may narrow a free dimension of the model and nothing else', () => {
    const stating = (shape: number[], datatype = 'FP32', name = 'x') => () => completeServing(
      parseServingDraft(JSON.stringify({ inputs: [{ name, datatype, shape }] })), 'model.onnx', TABULAR)

    expect(stating([8, 4])().inputs).toEqual([{ name: 'x', datatype: 'FP32', shape: [8, 4] }])
    expect(messageOf(stating([-1, 5]))).toContain('/inputs/0/shape must fit [-1,4]')
    expect(messageOf(stating([-1, -1]))).toContain('/inputs/0/shape must fit [-1,4]')
    expect(messageOf(stating([-1, 4], 'FP64'))).toContain('/inputs/0/datatype must be FP32')
    expect(messageOf(stating([-1, 4], 'FP32', 'q'))).toBe('serving.json: /inputs/0/name "q" is not in the model\'s inputs; /inputs lacks "x"')
  })

  it('may not claim batching that the model cannot do, but may forgo it', () => {
    const claim = parseServingDraft('{"batching":{"batchable":true}}')
    expect(messageOf(() => completeServing(claim, 'model.onnx', { ...TABULAR, batchable: false }))).toContain('/batching/batchable must be false')
    const forgo = parseServingDraft('{"batching":{"batchable":false}}')
    expect(completeServing(forgo, 'model.onnx', TABULAR).batching.batchable).toBe(false)
  })
})

describe('comparing signatures', () => {
  const changed = (change: Partial<OnnxServing>): Serving => ({ ...SERVING, ...change })

  it('finds no difference between a serving and itself, or another batching, order or example', () => {
    const two: Serving = changed({ inputs: [...SERVING.inputs, { name: 'w', datatype: 'INT64', shape: [1] }] })
    expect(compareSignatures(SERVING, SERVING)).toEqual([])
    expect(compareSignatures(two, { ...two, inputs: [...two.inputs].reverse() })).toEqual([])
    expect(compareSignatures(SERVING, changed({ batching: { batchable: false, maxBatch: 1, maxDelayMs: 5 } }))).toEqual([])
  })

  it.each<[string, Partial<OnnxServing>, string]>([
    ['task', { task: 'text-classification' }, 'the task is tensor for the champion and text-classification for the challenger'],
    ['width', { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 5] }] }, 'input "x" has shape [-1,4] for the champion and [-1,5] for the challenger'],
    ['rank', { outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }] }, 'output "y" has shape [-1,3] for the champion and [-1] for the challenger'],
    ['datatype', { outputs: [{ name: 'y', datatype: 'FP64', shape: [-1, 3] }] }, 'output "y" is FP32 for the champion and FP64 for the challenger'],
    ['labels', { labels: ['a', 'b'] }, 'the labels are none for the champion and "a", "b" for the challenger']
  ])('tells another %s', (_what, change, sentence) => {
    expect(compareSignatures(SERVING, changed(change))).toEqual([sentence])
  })

  it('tells missing and added tensors', () => {
    const renamed = changed({ inputs: [{ name: 'q', datatype: 'FP32', shape: [-1, 4] }] })
    expect(compareSignatures(SERVING, renamed)).toEqual(['the challenger has no input "x"', 'the champion has no input "q"'])
  })

  it('tells labels in another order, and bounds what it lists', () => {
    const labels = Array.from({ length: 12 }, (_, index) => `l${index}`)
    const [sentence] = compareSignatures(changed({ labels }), changed({ labels: [...labels].reverse() }))
    expect(sentence).toContain('"l7" and 4 more for the champion')
  })
})
