import { RegistryError } from './errors.js'
import { quote } from './names.js'
import { checkServing, type Serving, type ServingDraft } from './serving.js'
import { refuseFaults } from './serving/faults.js'
import { fits } from './serving/tensors.js'

const BATCH_MAX_DEFAULT = 32

interface InspectedSpec { readonly name: string, readonly datatype: string, readonly shape: readonly number[] }

/** What running the model once tells about it. */
export interface Inspection {
  readonly task: Serving['task']
  readonly inputs: readonly InspectedSpec[]
  readonly outputs: readonly InspectedSpec[]
  readonly labels: readonly string[] | null
  readonly pooling?: 'mean' | 'cls' | 'none'
  readonly normalize?: boolean
  readonly batchable: boolean
}

export interface InspectionSource {
  readonly directory: string
  readonly modelFile: string
  readonly task?: Serving['task']
}

/** Reads inputs and outputs from the model itself; handed in by the composition, which can run models. */
export type Inspect = (source: InspectionSource) => Promise<Inspection>

/**
 * The full serving.json: the user's fields where given, the model's own otherwise. What both state must agree.
 * Pure. @throws RegistryError SERVING_INVALID
 */
export function completeServing (draft: ServingDraft, modelFile: string, inspection: Inspection): Serving {
  const isBatchable = draft.batching?.batchable ?? inspection.batchable
  refuseFaults([
    ...specFaults('inputs', draft.inputs, inspection.inputs),
    ...specFaults('outputs', draft.outputs, inspection.outputs),
    ...(isBatchable && !inspection.batchable
      ? ['/batching/batchable must be false: the model has no free batch dimension']
      : [])
  ])
  const labels = draft.labels ?? inspection.labels
  const pooling = draft.pooling ?? inspection.pooling
  const normalize = draft.normalize ?? inspection.normalize
  const serving = {
    schemaVersion: 1,
    task: draft.task ?? inspection.task,
    runtime: 'onnx',
    modelFile,
    inputs: draft.inputs ?? inspection.inputs.map(plainSpec),
    outputs: draft.outputs ?? inspection.outputs.map(plainSpec),
    ...(labels === null ? {} : { labels: [...labels] }),
    ...(pooling === undefined ? {} : { pooling }),
    ...(normalize === undefined ? {} : { normalize }),
    batching: {
      batchable: isBatchable,
      maxBatch: draft.batching?.maxBatch ?? BATCH_MAX_DEFAULT,
      maxDelayMs: draft.batching?.maxDelayMs ?? 0
    },
    examples: draft.examples ?? []
  }
  checkServing(serving)
  return serving
}

/** The task of a publish request and of the user's serving.json must not contradict each other. */
export function agreedTask (requested: Serving['task'] | undefined, draft: ServingDraft): Serving['task'] | undefined {
  if (requested !== undefined && draft.task !== undefined && requested !== draft.task) {
    throw new RegistryError('SERVING_INVALID',
      `serving.json: /task is ${draft.task} but the task asked for is ${requested}; change one of them`)
  }
  return requested ?? draft.task
}

/** A user may narrow a free dimension, nothing else. */
function specFaults (kind: string, stated: ServingDraft['inputs'], found: readonly InspectedSpec[]): string[] {
  if (stated === undefined) return []
  const faults = stated.flatMap((spec, index) => {
    const actual = found.find(({ name }) => name === spec.name)
    if (actual === undefined) return [`/${kind}/${index}/name ${quote(spec.name)} is not in the model's ${kind}`]
    if (actual.datatype !== spec.datatype) return [`/${kind}/${index}/datatype must be ${actual.datatype}`]
    return fits(spec.shape, actual.shape) ? [] : [`/${kind}/${index}/shape must fit [${actual.shape.join()}]`]
  })
  const missing = found.filter(({ name }) => !stated.some((spec) => spec.name === name))
  return [...faults, ...missing.map(({ name }) => `/${kind} lacks ${quote(name)}`)]
}

function plainSpec ({ name, datatype, shape }: InspectedSpec): { name: string, datatype: string, shape: number[] } {
  return { name, datatype, shape: [...shape] }
}
