import { FIXTURES } from './fixtures.js'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HostSpec } from '../../models/host-spec.js'
import type { PoolOptions } from '../../models/pool.js'
import type { Tensor, TensorSpec } from '../../models/tensor.js'
import { buildModel, type ModelSpec } from '../../scripts/support/onnx-builder.js'

/** A folder of models that is removed again. */
export function modelFolder (): { path: string, write: (name: string, bytes: Uint8Array) => string, remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'models-test-'))
  return {
    path,
    write (name, bytes) {
      const directory = join(path, name)
      mkdirSync(directory, { recursive: true })
      writeFileSync(join(directory, 'model.onnx'), bytes)
      return directory
    },
    remove: () => rmSync(path, { recursive: true, force: true })
  }
}

/** y = 2x + 1 over rows of `width` numbers. */
export function doublingModel (width: number): Uint8Array {
  return buildModel({
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['n', width] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['n', width] }],
    nodes: [
      { op: 'Mul', inputs: ['x', 'two'], outputs: ['twice'] },
      { op: 'Add', inputs: ['twice', 'one'], outputs: ['y'] }
    ],
    initializers: [
      { name: 'two', datatype: 'FP32', shape: [1], data: [2] },
      { name: 'one', datatype: 'FP32', shape: [1], data: [1] }
    ]
  })
}

/** Looks indices up in a table of 0.5, 1.5, 2.5 …; an index past its end makes the run fail. */
export function lookupModel (size = 3): Uint8Array {
  return buildModel({
    inputs: [{ name: 'index', datatype: 'INT64', shape: ['n', 1] }],
    outputs: [{ name: 'found', datatype: 'FP64', shape: ['n', 1] }],
    nodes: [{ op: 'Gather', inputs: ['table', 'index'], outputs: ['found'] }],
    initializers: [{ name: 'table', datatype: 'FP64', shape: [size], data: Array.from({ length: size }, (_, at) => at + 0.5) }]
  })
}

/** Adds the rows of a batch up: one row comes out, however many go in. */
export function summingModel (): Uint8Array {
  return buildModel({
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['n', 2] }],
    outputs: [{ name: 'sum', datatype: 'FP32', shape: ['m', 2] }],
    nodes: [{ op: 'ReduceSum', inputs: ['x', 'axes'], outputs: ['sum'], attributes: { keepdims: 1 } }],
    initializers: [{ name: 'axes', datatype: 'INT64', shape: [1], data: [0] }]
  })
}

/** Subtracts the mean over the batch: as many rows come out as go in, but they depend on each other. */
export function batchNormalisingModel (): Uint8Array {
  return buildModel({
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['n', 2] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['n', 2] }],
    nodes: [
      { op: 'ReduceMean', inputs: ['x'], outputs: ['mean'], attributes: { axes: [0], keepdims: 1 } },
      { op: 'Sub', inputs: ['x', 'mean'], outputs: ['y'] }
    ],
    initializers: []
  })
}

/** Counts to `turns` one by one: as slow as one likes. */
export function countingModel (): Uint8Array {
  const body: ModelSpec = {
    inputs: [
      { name: 'turn', datatype: 'INT64', shape: [] },
      { name: 'goOn', datatype: 'BOOL', shape: [] },
      { name: 'before', datatype: 'INT64', shape: [1] }
    ],
    outputs: [{ name: 'goOnOut', datatype: 'BOOL', shape: [] }, { name: 'after', datatype: 'INT64', shape: [1] }],
    nodes: [
      { op: 'Identity', inputs: ['goOn'], outputs: ['goOnOut'] },
      { op: 'Add', inputs: ['before', 'one'], outputs: ['after'] }
    ],
    initializers: [{ name: 'one', datatype: 'INT64', shape: [1], data: [1] }]
  }
  return buildModel({
    inputs: [{ name: 'turns', datatype: 'INT64', shape: [1] }],
    outputs: [{ name: 'count', datatype: 'INT64', shape: [1] }],
    nodes: [
      { op: 'Squeeze', inputs: ['turns'], outputs: ['limit'] },
      { op: 'Loop', inputs: ['limit', 'yes', 'zero'], outputs: ['count'], attributes: { body: { graph: body } } }
    ],
    initializers: [
      { name: 'yes', datatype: 'BOOL', shape: [], data: [1] },
      { name: 'zero', datatype: 'INT64', shape: [1], data: [0] }
    ]
  })
}

/** A tensor version in `directory`. */
export function tensorSpec (
  directory: string, inputs: TensorSpec[], outputs: TensorSpec[], overrides: Partial<HostSpec> = {}
): HostSpec {
  return {
    name: 'model',
    version: '1',
    directory,
    modelFile: 'model.onnx',
    task: 'tensor',
    inputs,
    outputs,
    batching: { batchable: true, maxBatch: 8, maxDelayMs: 0 },
    examples: [],
    ...overrides
  }
}

/** Rows of FP32 numbers. */
export function rows (name: string, values: readonly (readonly number[])[]): Tensor {
  return { name, datatype: 'FP32', shape: [values.length, values[0]?.length ?? 0], data: Float32Array.from(values.flat()) }
}

/** Options for a pool of real hosts; what it logs can be read back. */
export function poolOptions (overrides: Partial<PoolOptions> = {}): PoolOptions & { logged: string[] } {
  const logged: string[] = []
  return {
    queueMax: 1000,
    loadTimeoutMs: 20_000,
    hangTimeoutMs: 20_000,
    restartBackoffMs: { first: 10, max: 100 },
    restartsMax: 2,
    threads: 1,
    now: () => performance.now(),
    log: (level, message) => logged.push(`${level}: ${message}`),
    logged,
    ...overrides
  }
}

/** The title of a test that needs them; says so when they are absent. */
export function withFixtures (title: string): string {
  return FIXTURES === null ? `${title} (skipped: set GAUNTLET_FIXTURES)` : title
}
