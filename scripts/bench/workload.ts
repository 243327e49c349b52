import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspectModel } from '../../models/inspect.js'
import { Registry } from '../../registry/registry.js'
import { mlp } from '../support/onnx-builder.js'
import { seededRandom } from '../support/random.js'

/** A perceptron and what is asked of it. */
export interface Workload { readonly name: string, readonly sizes: readonly number[], readonly goal: number }

export const WORKLOADS: readonly Workload[] = [
  { name: '4 -> 16 -> 3', sizes: [4, 16, 3], goal: 1.6 },
  { name: '784 -> 512 -> 10', sizes: [784, 512, 10], goal: 1.3 },
  { name: '2048 -> 4096 -> 100', sizes: [2_048, 4_096, 100], goal: 4.5 }
]

const SESSIONS = 1_000

/** Writes the model file of a workload. */
export async function writeModel (directory: string, sizes: readonly number[], seed: number): Promise<string> {
  await mkdir(directory, { recursive: true })
  const path = join(directory, `${sizes.join('-')}-${seed}.onnx`)
  await writeFile(path, mlp({ sizes, seed }))
  return path
}

/** Publishes model files as versions 1, 2, … of `mlp`; the first is champion. */
export async function publish (dataDir: string, paths: readonly string[]): Promise<void> {
  const registry = Registry.open({ dataDir, now: Date.now })
  try {
    for (const [index, path] of paths.entries()) {
      const alias = index === 0 ? { alias: 'champion' } : {}
      await registry.publish({ path, name: 'mlp', version: String(index + 1), actor: 'bench', ...alias }, inspectModel)
    }
  } finally {
    registry.close()
  }
}

/** The requests of a workload as bytes on the wire, each of another session. */
export function requests (host: string, width: number): (i: number) => Buffer {
  const random = seededRandom(7)
  const data = Array.from({ length: width }, () => Math.round(random() * 1e4) / 1e4)
  const body = JSON.stringify({ inputs: [{ name: 'input', datatype: 'FP32', shape: [1, width], data }] })
  const prepared = Array.from({ length: SESSIONS }, (_, i) => Buffer.from([
    'POST /v2/models/mlp/infer HTTP/1.1', `host: ${host}`, 'content-type: application/json', `x-session-id: session-${i}`,
    `content-length: ${Buffer.byteLength(body)}`, '', body
  ].join('\r\n')))
  return (i) => prepared[i % SESSIONS]!
}
