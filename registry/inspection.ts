import { quote } from './names.js'
import { checkServing, type OnnxServing, type Serving, type ServingDraft } from './serving.js'
import type { StatedDraft } from './serving/drafts.js'
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
  /** From which file, or how, each of the fields above was found; absent where nobody says. */
  readonly origins?: Readonly<Record<string, string>>
}

export interface InspectionSource {
  readonly directory: string
  readonly modelFile: string
  readonly task?: Serving['task']
}

/** Reads inputs and outputs from the model itself; handed in by the composition, which can run models. */
export type Inspect = (source: InspectionSource) => Promise<Inspection>

/** A field of a serving.json that is there, and where its value comes from. */
export interface Inferred { readonly field: string, readonly value: unknown, readonly from: string }

/**
 * The full serving.json: the user's fields where given, the model's own otherwise. What both state must agree.
 * Pure. @throws RegistryError SERVING_INVALID
 */
export function completeServing (draft: ServingDraft, modelFile: string, inspection: Inspection): OnnxServing {
  const isBatchable = draft.batching?.batchable ?? inspection.batchable
  const task = draft.task ?? inspection.task
  refuseFaults([
    ...specFaults('inputs', draft.inputs, inspection.inputs),
    ...specFaults('outputs', draft.outputs, inspection.outputs),
    ...labelFaults(draft.labels, task, inspection.outputs),
    ...settingFaults(draft, task),
    ...(isBatchable && !inspection.batchable
      ? ['/batching/batchable must be false: the model has no free batch dimension']
      : [])
  ])
  const labels = draft.labels ?? inspection.labels
  const pooling = draft.pooling ?? inspection.pooling
  const normalize = draft.normalize ?? inspection.normalize
  const { maxTokens, stateSchema, acceptsState, metrics, lineage, baseline } = draft
  const serving = {
    schemaVersion: 1,
    task,
    runtime: 'onnx',
    modelFile,
    inputs: draft.inputs ?? inspection.inputs.map(plainSpec),
    outputs: draft.outputs ?? inspection.outputs.map(plainSpec),
    ...(labels === null ? {} : { labels: [...labels] }),
    ...withoutAbsent({ pooling, normalize, maxTokens, stateSchema, acceptsState, metrics, lineage, baseline }),
    batching: {
      batchable: isBatchable,
      maxBatch: draft.batching?.maxBatch ?? BATCH_MAX_DEFAULT,
      maxDelayMs: draft.batching?.maxDelayMs ?? 0
    },
    examples: draft.examples ?? []
  }
  checkServing(serving)
  return serving as OnnxServing
}

/** Every field of a completed serving.json with where its value comes from; long values by their size. Pure. */
export function explainServing (serving: OnnxServing, stated: StatedDraft, inspection: Inspection): Inferred[] {
  const { batching, ...fields } = serving
  const found = inspection.origins ?? {}
  const originOf = (field: string): string =>
    stated.from.get(field) ?? found[field] ?? (field in inspection ? 'the model' : 'default')
  const rows = Object.entries(fields)
    .filter(([field]) => field !== 'schemaVersion' && field !== 'runtime' && field !== 'modelFile')
    .map(([field, value]) => ({ field, value: summaryOf(field, value), from: originOf(field) }))
  return [
    { field: 'modelFile', value: serving.modelFile, from: stated.from.get('modelFile') ?? 'the files' },
    ...rows,
    {
      field: 'batching.batchable',
      value: batching.batchable,
      from: stated.from.get('batching.batchable') ?? found['batchable'] ?? 'tried'
    },
    ...(['maxBatch', 'maxDelayMs'] as const).map((part) =>
      ({ field: `batching.${part}`, value: batching[part], from: stated.from.get(`batching.${part}`) ?? 'default' }))
  ]
}

/** A value as people want to see it: of examples their number, of a baseline its columns. */
export function summaryOf (field: string, value: unknown): unknown {
  if (field === 'examples') return (value as unknown[]).length
  if (field !== 'baseline') return value
  const { rows, columns } = value as NonNullable<Serving['baseline']>
  return { rows, columns: Object.keys(columns) }
}

function withoutAbsent (fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** Of a classifier the number of scores is known. */
function labelFaults (
  labels: ServingDraft['labels'], task: Serving['task'], outputs: readonly InspectedSpec[]
): string[] {
  const width = outputs.find(({ name }) => name === 'scores')?.shape[1]
  if (labels === undefined || task !== 'text-classification' || width === undefined || width === labels.length) return []
  return [`/labels must have ${width} entries, as many as the model gives scores, and has ${labels.length}`]
}

/** Settings that the task would not apply mislead, so they are refused. */
function settingFaults ({ pooling, normalize, maxTokens }: ServingDraft, task: Serving['task']): string[] {
  const isEmbedding = task === 'feature-extraction'
  return [
    ...(pooling !== undefined && !isEmbedding ? [`/pooling is for the task feature-extraction, this one is ${task}`] : []),
    ...(normalize !== undefined && !isEmbedding ? [`/normalize is for the task feature-extraction, this one is ${task}`] : []),
    ...(maxTokens !== undefined && task === 'tensor' ? ['/maxTokens is for text tasks, this one is tensor'] : [])
  ]
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
