import { posix } from 'node:path'
import { chooseVariant, ownerOf, type Dtype } from '../dtype.js'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import { pathFault, pathsFault } from '../paths.js'
import type { SourceLimits } from '../source.js'
import type { HubFile } from './repository.js'

/** What a model needs beside its graph: its configuration, its tokenizer, what says how texts are pooled, documents. */
const BESIDE = new RegExp(`^(?:${[
  'config[^/]*\\.json',
  '(?:generation|preprocessor|processor)_config\\.json',
  'serving\\.json',
  'tokenizer[^/]*\\.(?:json|model|txt)',
  '(?:special_tokens_map|added_tokens)\\.json',
  'vocab[^/]*\\.(?:json|txt)',
  'merges\\.txt',
  '(?:modules|sentence_bert_config)\\.json',
  '1_Pooling/config\\.json',
  '(?:readme|license|licence|notice)(?:\\.md|\\.txt)?'
].join('|')})$`, 'i')

interface Wish {
  readonly dtype?: Dtype | undefined
  /** The model as serving.json names it. */
  readonly stated?: string | undefined
  readonly isExcluded: (path: string) => boolean
}

export interface NeededFiles {
  readonly files: readonly HubFile[]
  readonly modelFile: string
  /** Other variants of the model. Sorted. */
  readonly omitted: readonly string[]
}

/**
 * The files of a repository that a version is made of. Pure.
 * @throws RegistryError SOURCE_INVALID when there is no model among them, or they are too many, too large, or clash
 */
export function chooseFiles (label: string, all: readonly HubFile[], wish: Wish, limits: SourceLimits): NeededFiles {
  const present = all.filter(({ path }) => !wish.isExcluded(path))
  const choice = chooseVariant(label, present.map(({ path }) => path), wish)
  if (choice === null) throw noModel(label, all, wish)
  const { modelFile, omitted } = choice
  const isNeeded = (path: string): boolean => path === modelFile || ownerOf(path) === modelFile || BESIDE.test(path)
  const files = present.filter(({ path }) => isNeeded(path))
  const fault = pathsFault(files.map(({ path }) => path))
  if (fault !== null) throw new RegistryError('SOURCE_INVALID', `${quote(label)}: ${fault}`)
  checkBounds(label, files, limits)
  return { files, modelFile, omitted: [...omitted].sort() }
}

/**
 * The files of a repository that the model's own header names as its weights, and that its name did not tell. What is
 * not there, or lies outside, is left to the check of the whole. Pure.
 * @throws RegistryError SOURCE_INVALID as `chooseFiles`
 */
export function namedWeights (
  { files, modelFile }: NeededFiles, present: readonly HubFile[], locations: readonly string[],
  { label, limits }: { label: string, limits: SourceLimits }
): HubFile[] {
  const known = new Set(files.map(({ path }) => path))
  const wanted = new Set(locations.filter((location) => pathFault(location) === null)
    .map((location) => posix.join(posix.dirname(modelFile), location)))
  const found = present.filter(({ path }) => wanted.has(path) && !known.has(path))
  const all = [...files, ...found]
  const fault = pathsFault(all.map(({ path }) => path))
  if (fault !== null) throw new RegistryError('SOURCE_INVALID', `${quote(label)}: ${fault}`)
  checkBounds(label, all, limits)
  return found
}

function noModel (label: string, all: readonly HubFile[], { stated }: Wish): RegistryError {
  const wanted = stated === undefined ? 'model.onnx or onnx/model.onnx' : quote(stated)
  const others = all.filter(({ path }) => path.endsWith('.onnx')).map(({ path }) => quote(path)).slice(0, 8)
  return new RegistryError('SOURCE_INVALID', `${quote(label)} has no ${wanted}; ` + (others.length > 0
    ? `it has ${others.join(', ')}`
    : 'export the model to ONNX first, for example with optimum-cli export onnx'))
}

function checkBounds (label: string, files: readonly HubFile[], limits: SourceLimits): void {
  const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  if (total > limits.totalBytesMax) {
    throw new RegistryError('SOURCE_INVALID', `${quote(label)} has ${total} bytes, more than the ${limits.totalBytesMax} allowed`)
  }
  if (files.length > limits.filesMax) {
    throw new RegistryError('SOURCE_INVALID', `${quote(label)} has more than ${limits.filesMax} files`)
  }
}
