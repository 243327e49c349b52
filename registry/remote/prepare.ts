import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { RegistryError } from '../errors.js'
import { summaryOf, type Inferred } from '../inspection.js'
import type { Prepared } from '../prepare.js'
import { checkServing, type RemoteDescriptor, type RemoteServing, type ServingDraft } from '../serving.js'
import type { Backend } from '../serving/backend.js'
import { layerDrafts, type DraftLayer } from '../serving/drafts.js'
import { refuseFaults } from '../serving/faults.js'
import { fits, type TensorSpec } from '../serving/tensors.js'

type StatedSpec = Omit<TensorSpec, 'shape'> & { readonly shape: readonly number[] }

/** What a server says of a model that it runs. */
export interface RemoteSignature { readonly inputs: readonly StatedSpec[], readonly outputs: readonly StatedSpec[] }

/** Asks the server what the model takes and gives; handed in by the composition, which may open what is allowed. */
export type InspectRemote = (backend: Backend) => Promise<RemoteSignature>

/** A model that another server runs, instead of files. */
export interface RemoteSource { readonly descriptor: RemoteDescriptor, readonly inspect: InspectRemote }

const TIMEOUT_MS = 10_000
const CONCURRENCY = 16
/** Of no effect on what is run elsewhere, so they are refused. */
const LOCAL = ['modelFile', 'pooling', 'normalize', 'maxTokens', 'batching'] as const

/**
 * A model elsewhere as it would be published: no files but its serving.json. Its inputs and outputs are those stated,
 * where both are, else what its server says; what both say must agree.
 * @throws RegistryError SERVING_INVALID, SOURCE_UNAVAILABLE
 */
export async function prepareRemote (
  { descriptor, inspect }: RemoteSource, drafts: readonly DraftLayer[],
  { label, stage }: { readonly label: string, readonly stage: string }
): Promise<Prepared> {
  const folder = join(stage, 'files')
  await mkdir(folder)
  const { backend, ...stated } = descriptor
  const { runtime: _runtime, ...own } = stated
  const { draft, from } = layerDrafts([...drafts, { from: label, draft: own as ServingDraft }])
  refuseFaults(LOCAL.filter((field) => draft[field] !== undefined)
    .map((field) => `/${field} is for models that are run here`), 'the remote model')
  const { timeoutMs = TIMEOUT_MS, concurrency = CONCURRENCY } = backend
  const complete = { ...backend, timeoutMs, concurrency }
  const isStated = draft.inputs !== undefined && draft.outputs !== undefined
  const found = isStated ? null : await ask(inspect, complete)
  const serving = completeRemote(draft, complete, found)
  return { folder, layers: [], weights: null, serving, inferred: explain(serving, from, label), own: {} }
}

/** The full serving.json. Pure. @throws RegistryError SERVING_INVALID */
function completeRemote (draft: ServingDraft, backend: Backend, found: RemoteSignature | null): RemoteServing {
  if (found !== null) {
    const faults = [...specFaults('inputs', draft.inputs, found), ...specFaults('outputs', draft.outputs, found)]
    refuseFaults(faults, 'the remote model')
  }
  const { $schema: _schema, ...stated } = draft
  const serving: unknown = {
    ...stated,
    schemaVersion: 1,
    task: draft.task ?? 'tensor',
    runtime: 'remote',
    backend,
    inputs: draft.inputs ?? found?.inputs,
    outputs: draft.outputs ?? found?.outputs,
    // The server there joins requests as it sees fit.
    batching: { batchable: false, maxBatch: 1, maxDelayMs: 0 },
    examples: draft.examples ?? []
  }
  checkServing(serving)
  return serving as RemoteServing
}

async function ask (inspect: InspectRemote, backend: Backend): Promise<RemoteSignature> {
  try {
    return await inspect(backend)
  } catch (error) {
    throw new RegistryError('SOURCE_UNAVAILABLE',
      `cannot ask what the model takes and gives: ${(error as Error).message}; state inputs and outputs to publish without`,
      { cause: error })
  }
}

function specFaults (kind: 'inputs' | 'outputs', stated: ServingDraft['inputs'], found: RemoteSignature): string[] {
  return (stated ?? []).flatMap((spec, index) => {
    const actual = found[kind].find(({ name }) => name === spec.name)
    if (actual === undefined) return [`/${kind}/${index}/name is not among the ${kind} that the server states`]
    if (actual.datatype !== spec.datatype) return [`/${kind}/${index}/datatype must be ${actual.datatype}`]
    return fits(spec.shape, actual.shape) ? [] : [`/${kind}/${index}/shape must fit [${actual.shape.join()}]`]
  })
}

function explain (serving: RemoteServing, from: ReadonlyMap<string, string>, label: string): Inferred[] {
  const { schemaVersion: _version, runtime: _runtime, batching: _batching, ...fields } = serving
  const originOf = (field: string): string =>
    field === 'backend' ? label : from.get(field) ?? (field === 'inputs' || field === 'outputs' ? 'the server' : 'default')
  return Object.entries(fields)
    .map(([field, value]) => ({ field, value: summaryOf(field, value), from: originOf(field) }))
}
