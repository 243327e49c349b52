import type { Serving } from './serving.js'
import type { JsonTensor } from './serving/tensors.js'

/** A version as real files, with what says how it is run. */
export interface RunnableModel {
  readonly name: string
  readonly version: string
  readonly directory: string
  readonly serving: Serving
}

/**
 * Loads a version as before it gets traffic, runs its golden examples and lets it go; gives what was odd on the way.
 * Handed in by the composition, which can run models; throws when the version cannot be served.
 */
export type Prove = (model: RunnableModel) => Promise<string[]>

/** The inputs of a request of the Open Inference Protocol; throws naming the wrong field. */
export type ParseRequest = (body: Buffer) => Promise<JsonTensor[]>

/** Answers inputs with all outputs, one request after the other, whatever the golden examples say. */
export type RunModel = (model: RunnableModel, requests: ReadonlyArray<readonly JsonTensor[]>) => Promise<JsonTensor[][]>
