import type { FileCursor } from './cursor.js'
import type { OnnxLimits } from './limits.js'

/** How a count is called, and which limit holds for it. */
const COUNTED = {
  nodes: ['nodes', 'nodesMax'],
  tensors: ['tensors', 'tensorsMax'],
  initializers: ['initializers', 'tensorsMax'],
  attributes: ['attributes', 'attributesMax'],
  subgraphs: ['sub-graphs', 'subgraphsMax'],
  functions: ['functions', 'functionsMax'],
  values: ['inputs and outputs', 'valuesMax'],
  opsetImports: ['operator set imports', 'opsetImportsMax'],
  metadata: ['entries of metadata', 'metadataMax']
} as const satisfies Record<string, readonly [string, keyof OnnxLimits]>

export type CountName = keyof typeof COUNTED

/** Counts what a model has, and refuses it as soon as a limit is passed. */
export class OnnxCounts {
  readonly cursor: FileCursor
  readonly limits: OnnxLimits
  readonly #counts = new Map<CountName, number>()
  #keptBytes = 0

  constructor (cursor: FileCursor, limits: OnnxLimits) {
    this.cursor = cursor
    this.limits = limits
  }

  of (name: CountName): number {
    return this.#counts.get(name) ?? 0
  }

  /** @throws RegistryError SOURCE_INVALID */
  add (name: CountName): void {
    const count = this.of(name) + 1
    const [words, limit] = COUNTED[name]
    if (count > this.limits[limit]) throw this.cursor.fault(`it has more than ${this.limits[limit]} ${words}`)
    this.#counts.set(name, count)
  }

  /** Notes bytes of a text that stays in memory. @throws RegistryError SOURCE_INVALID */
  keep (bytes: number): void {
    this.#keptBytes += bytes
    if (this.#keptBytes > this.limits.keptBytesMax) {
      throw this.cursor.fault(`its names and metadata take more than ${this.limits.keptBytesMax} bytes`)
    }
  }
}
