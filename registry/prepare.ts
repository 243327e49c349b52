import { join } from 'node:path'
import { RegistryError } from './errors.js'
import { checkModelFiles } from './formats/check.js'
import { describeWeights, type WeightsDescription } from './formats/onnx-weights.js'
import { allowingDomains, type ModelFileLimits } from './formats/limits.js'
import {
  completeServing, explainServing, type Inferred, type Inspect, type Inspection, type InspectionSource
} from './inspection.js'
import type { Layer } from './manifest.js'
import { quote } from './names.js'
import type { TransferProgress } from './progress.js'
import type { Prove } from './running.js'
import type { Serving } from './serving.js'
import { layerDrafts, type DraftLayer } from './serving/drafts.js'
import { partSignature } from './signing/source.js'
import { findModelFile, scanSource, SERVING_FILE, type SourceFile, type SourceLimits, type SourceSelection } from './source.js'
import { copyFiles, readDraft, writeFiles, type GeneratedFile } from './staging.js'

/** A source, and what is stated about it. */
export interface PrepareRequest extends SourceSelection {
  readonly path: string
  /** What the source is called in messages; its path unless told. */
  readonly label?: string
  /** Stated of serving.json, what wins first; the folder's own serving.json comes behind them. */
  readonly drafts?: readonly DraftLayer[]
  readonly task?: Serving['task']
  /** Operator domains that are allowed beside those of the runtime, those of the limits and those the model defines. */
  readonly allowedOperatorDomains?: readonly string[]
  /** Files that are made for the version and belong to no source. */
  readonly files?: readonly GeneratedFile[]
  readonly progress?: TransferProgress
}

/** A source as it would be published: copied, run once, and its serving.json completed. */
export interface Prepared {
  readonly folder: string
  readonly layers: readonly Layer[]
  readonly serving: Serving
  /** What the model's weights amount to; null for what is no ONNX file. */
  readonly weights: WeightsDescription | null
  /** Every field of serving.json with where its value comes from. */
  readonly inferred: readonly Inferred[]
  /** What the user's own serving.json in the folder says; empty without one. */
  readonly own: DraftLayer['draft']
}

/** The files of a source that become layers, its signature apart. */
export interface Scanned {
  readonly files: SourceFile[]
  readonly modelFile: string | undefined
  readonly omitted: readonly string[]
  readonly signature: SourceFile | null
}

/** What is to be published. @throws RegistryError SOURCE_NOT_FOUND, SOURCE_INVALID */
export async function scanRequest (request: PrepareRequest, limits: SourceLimits): Promise<Scanned> {
  const { path, label = path, drafts = [] } = request
  const modelFile = request.modelFile ?? layerDrafts(drafts).draft.modelFile
  const selection = modelFile === undefined ? request : { ...request, modelFile }
  const scanned = await scanSource(path, limits, selection, label)
  return { ...scanned, ...partSignature(scanned.files) }
}

/**
 * Copies what was scanned into `stage`, checks the copy, runs it once and completes its serving.json.
 * @param onCopied called when all files were copied and the user's serving.json read
 * @throws RegistryError SOURCE_INVALID, SERVING_INVALID
 */
export async function prepare (
  request: PrepareRequest, scanned: Scanned, inspect: Inspect,
  { stage, modelFiles, onCopied }: { stage: string, modelFiles: ModelFileLimits, onCopied: () => void }
): Promise<Prepared> {
  const { label = request.path, progress } = request
  const folder = join(stage, 'files')
  const copied = await copyFiles(scanned.files, folder, label, progress)
  const files = copied.map((layer) => ({ ...layer, location: join(folder, layer.path) }))
  const { onnx } = await checkModelFiles(files, allowingDomains(modelFiles, request.allowedOperatorDomains))
  const own = await readDraft(folder, scanned.files)
  const stated = layerDrafts([...draftsOf(request), { from: SERVING_FILE, draft: own }])
  const { draft } = stated
  const modelFile = findModelFile(label, scanned, draft.modelFile)
  const made = await writeFiles(request.files ?? [], folder, copied)
  onCopied()
  const inspection = await runInspect(inspect, label, { directory: folder, modelFile }, draft.task)
  const serving = completeServing(draft, modelFile, inspection)
  const inferred = explainServing(serving, stated, inspection)
  const header = onnx.get(modelFile)
  const weights = header === undefined ? null : describeWeights(header)
  return { folder, layers: [...copied, ...made], serving, weights, inferred, own }
}

/** What the request states of serving.json, what wins first. */
export function draftsOf ({ task, drafts = [] }: PrepareRequest): DraftLayer[] {
  return [...task === undefined ? [] : [{ from: '--task', draft: { task } }], ...drafts]
}

/** Runs the golden examples. @throws RegistryError GOLDEN_FAILED */
export async function proveExamples (
  prove: Prove, { folder, serving }: Prepared, { name, version }: { readonly name: string, readonly version: string }
): Promise<void> {
  try {
    await prove({ name, version, directory: folder, serving })
  } catch (error) {
    throw new RegistryError('GOLDEN_FAILED',
      `${name}:${version} does not pass its golden examples: ${(error as Error).message}`, { cause: error })
  }
}

async function runInspect (
  inspect: Inspect, path: string, source: InspectionSource, task: Serving['task'] | undefined
): Promise<Inspection> {
  try {
    return await inspect(task === undefined ? source : { ...source, task })
  } catch (error) {
    throw new RegistryError('SOURCE_INVALID',
      `cannot run the model ${source.modelFile} of ${quote(path)}: ${(error as Error).message}`, { cause: error })
  }
}
