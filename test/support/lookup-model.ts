import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildModel } from '../../scripts/support/onnx-builder.js'

/**
 * A model whose answers tell which version ran: INT64 `index` [batch] to FP32 `value` [batch] = table[index].
 * An index beyond the table fails when it is run, not when it is loaded: a fault on demand.
 */
export function lookupModel (table: readonly number[]): Uint8Array {
  return buildModel({
    inputs: [{ name: 'index', datatype: 'INT64', shape: ['batch'] }],
    outputs: [{ name: 'value', datatype: 'FP32', shape: ['batch'] }],
    nodes: [{ op: 'Gather', inputs: ['table', 'index'], outputs: ['value'] }],
    initializers: [{ name: 'table', datatype: 'FP32', shape: [table.length], data: Float32Array.from(table) }]
  })
}

/** Writes a lookup model file whose version `scale` answers index i with i x scale. `rows` under 10 makes a version that fails on some requests. */
export function writeLookup (directory: string, name: string, scale: number, rows = 10): string {
  mkdirSync(directory, { recursive: true })
  const path = join(directory, `${name}.onnx`)
  writeFileSync(path, lookupModel(Array.from({ length: rows }, (_, i) => i * scale)))
  return path
}
