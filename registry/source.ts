import { constants, lstat, open, readdir, readFile, realpath, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { chooseVariant, type Dtype } from './dtype.js'
import { RegistryError } from './errors.js'
import { excluding } from './exclude.js'
import { MODEL_FILE_LIMITS, type ModelFileLimits } from './formats/limits.js'
import { HEAD_BYTES, refuseUnsafeFormat } from './formats/unsafe.js'
import { quote } from './names.js'
import { pathsFault } from './paths.js'

const MODEL_FILES = ['model.onnx', 'onnx/model.onnx'] as const
/** What tools keep beside a model for themselves: the history of git, the notes of a download from the hub. */
const FOREIGN = /^(\.git.*|\.cache|\.ipynb_checkpoints|__pycache__|\.DS_Store)$/
export const SERVING_FILE = 'serving.json'

/** Bounds of what may be published. */
export interface SourceLimits {
  readonly filesMax: number
  readonly totalBytesMax: number
  readonly servingBytesMax: number
  /** How many times larger than itself a compressed archive of more than a little may be. */
  readonly compressionRatioMax: number
  /** What is checked of model files before they are run. */
  readonly modelFiles: ModelFileLimits
}

export const SOURCE_LIMITS: SourceLimits = {
  filesMax: 10_000,
  totalBytesMax: 64 * 1024 ** 3,
  servingBytesMax: 16 * 1024 ** 2,
  compressionRatioMax: 200,
  modelFiles: MODEL_FILE_LIMITS
}

/** A file to be published: its path inside the version and where it is now. */
export interface SourceFile { readonly path: string, readonly location: string, readonly sizeBytes: number }

/** Which files of a folder are published. */
export interface SourceSelection {
  readonly dtype?: Dtype
  /** Patterns of files that are left out: see `excluding`. */
  readonly exclude?: readonly string[]
  /** The model, when it is told; else what the folder's serving.json names. */
  readonly modelFile?: string
}

export interface Source {
  /** Sorted by path. */
  readonly files: SourceFile[]
  /** Relative; undefined when the files do not tell. */
  readonly modelFile: string | undefined
  /** What of the folder is not published, but for what tools keep for themselves; folders end in `/`. Sorted. */
  readonly omitted: readonly string[]
}

/**
 * The files of a source: one `.onnx` file (as `model.onnx`) or the files of a folder, of several variants of the model
 * only the chosen one. Nothing is opened but for the first bytes of each file, and serving.json.
 * @param label what the source is called in messages
 * @throws RegistryError SOURCE_NOT_FOUND, or SOURCE_INVALID naming the file and what is wrong with it
 */
export async function scanSource (
  path: string, limits: SourceLimits, selection: SourceSelection = {}, label = path
): Promise<Source> {
  const root = await rootOf(path, label)
  const { size, isFile } = await stat(root).then((found) => ({ size: found.size, isFile: found.isFile() }))
  const { files, modelFile, omitted } = isFile
    ? singleFile({ path: modelNameOf(path), location: root, sizeBytes: size }, selection, label)
    : await scanFolder(root, limits, selection, label)
  const fault = pathsFault([...new Set([...files.map((file) => file.path), SERVING_FILE])])
  if (fault !== null) throw new RegistryError('SOURCE_INVALID', `${fault}; rename it`)
  for (const file of files) refuseUnsafe(file.path, await headOf(file.location), !isFile && modelFile !== undefined)
  checkBounds(label, files, limits)
  return { files, modelFile, omitted }
}

/**
 * The files of a folder, or one file under its own name, whatever they are, but for what runs code.
 * @throws RegistryError SOURCE_NOT_FOUND, or SOURCE_INVALID naming the file and what is wrong with it
 */
export async function scanFiles (
  path: string, limits: SourceLimits, { exclude = [] }: Pick<SourceSelection, 'exclude'>, label = path
): Promise<Pick<Source, 'files' | 'omitted'>> {
  const root = await rootOf(path, label)
  const found = await stat(root)
  const { files, excluded } = found.isFile()
    ? { files: [{ path: basename(path), location: root, sizeBytes: found.size }], excluded: [] }
    : await walk(root, label, limits, excluding(exclude))
  const fault = pathsFault(files.map((file) => file.path))
  if (fault !== null) throw new RegistryError('SOURCE_INVALID', `${fault}; rename it`)
  for (const file of files) refuseUnsafeFormat(file.path, await headOf(file.location))
  checkBounds(label, files, limits)
  return { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), omitted: excluded.sort() }
}

function singleFile (file: SourceFile, { dtype, exclude = [] }: SourceSelection, label: string): Source {
  if (exclude.length === 0 && (dtype === undefined || dtype === 'auto')) {
    return { files: [file], modelFile: file.path, omitted: [] }
  }
  throw new RegistryError('SOURCE_INVALID', `${quote(label)} is a file, so there is nothing to choose by data type or to leave out`)
}

async function scanFolder (
  root: string, limits: SourceLimits, selection: SourceSelection, label: string
): Promise<Source> {
  const { files: found, excluded } = await walk(root, label, limits, excluding(selection.exclude ?? []))
  const serving = found.find(({ path, sizeBytes }) => path === SERVING_FILE && sizeBytes <= limits.servingBytesMax)
  const stated = selection.modelFile ?? (serving === undefined ? undefined : await statedModelFile(serving.location))
  const choice = chooseVariant(label, found.map((file) => file.path), { dtype: selection.dtype, stated })
  const files = found.filter(({ path }) => choice?.omitted.has(path) !== true)
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  return { files, modelFile: choice?.modelFile, omitted: [...excluded, ...choice?.omitted ?? []].sort() }
}

/** The model among the files: what serving.json names, else what the scan chose. */
export function findModelFile (label: string, { files, modelFile }: Source, stated: string | undefined): string {
  if (stated !== undefined) {
    if (files.some(({ path }) => path === stated) && stated.endsWith('.onnx')) return stated
    throw new RegistryError('SERVING_INVALID',
      `serving.json: /modelFile ${quote(stated)} must be an .onnx file in ${quote(label)}`)
  }
  if (modelFile !== undefined) return modelFile
  throw new RegistryError('SOURCE_INVALID', `${quote(label)} has neither ${MODEL_FILES.join(' nor ')}`)
}

/** What a serving.json calls the model; whatever is wrong with that file is found when it is parsed. */
export async function statedModelFile (servingFile: string): Promise<string | undefined> {
  try {
    const document: unknown = JSON.parse(await readFile(servingFile, 'utf8'))
    const stated = (document as { modelFile?: unknown } | null)?.modelFile
    return typeof stated === 'string' ? stated : undefined
  } catch {
    return undefined
  }
}

/** A folder that has a model beside the refused file can be published without that file, so the message says how. */
function refuseUnsafe (path: string, head: Buffer, hasModel: boolean): void {
  try {
    refuseUnsafeFormat(path, head)
  } catch (error) {
    if (!hasModel || !(error instanceof RegistryError)) throw error
    throw new RegistryError(error.code, `${error.message}; to publish the rest, add --exclude ${quote(path)}`, { cause: error })
  }
}

async function rootOf (path: string, label: string): Promise<string> {
  try {
    const root = await realpath(path)
    const found = await stat(root)
    if (found.isFile() || found.isDirectory()) return root
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw unreadable(label, error)
    throw new RegistryError('SOURCE_NOT_FOUND', `there is no file or folder ${quote(label)}`, { cause: error })
  }
  throw new RegistryError('SOURCE_INVALID', `${quote(label)} must be a file or a folder`)
}

function modelNameOf (path: string): string {
  if (path.endsWith('.onnx')) return MODEL_FILES[0]
  refuseUnsafeFormat(path, Buffer.alloc(0))
  throw new RegistryError('SOURCE_INVALID', `${quote(path)} must be an .onnx file or a folder that has a model.onnx; ` +
    'rows and documents are published with --kind dataset')
}

async function walk (
  root: string, label: string, limits: SourceLimits, isExcluded: (path: string) => boolean
): Promise<{ files: SourceFile[], excluded: string[] }> {
  const files: SourceFile[] = []
  const excluded: string[] = []
  const folders = ['']
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const { name } of await entriesOf(join(root, folder))) {
      if (FOREIGN.test(name)) continue
      const path = folder === '' ? name : `${folder}/${name}`
      const location = join(root, path)
      const found = await lstat(location).catch((error: unknown) => { throw unreadable(path, error) })
      if (isExcluded(path)) excluded.push(found.isDirectory() ? `${path}/` : path)
      else if (found.isDirectory()) folders.push(path)
      else if (found.isFile()) files.push({ path, location, sizeBytes: found.size })
      else throw notRegular(path, found.isSymbolicLink())
      if (files.length + folders.length + excluded.length > limits.filesMax) {
        throw new RegistryError('SOURCE_INVALID', `${quote(label)} has more than ${limits.filesMax} files`)
      }
    }
  }
  return { files, excluded }
}

function notRegular (path: string, isSymbolicLink: boolean): RegistryError {
  return new RegistryError('SOURCE_INVALID', isSymbolicLink
    ? `${quote(path)} is a symbolic link, which may point outside the folder, so it is refused; copy the file itself (cp -rL)`
    : `${quote(path)} is neither a regular file nor a folder, so it is refused`)
}

async function entriesOf (folder: string): Promise<Array<{ name: string }>> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    throw unreadable(folder, error)
  }
}

/** The first bytes of a file, by which formats are told. */
async function headOf (location: string): Promise<Buffer> {
  try {
    const file = await open(location, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    throw unreadable(location, error)
  }
}

function checkBounds (label: string, files: readonly SourceFile[], limits: SourceLimits): void {
  let total = 0
  for (const file of files) {
    total += file.sizeBytes
    if (file.path.endsWith('.onnx') && file.sizeBytes === 0) {
      throw new RegistryError('SOURCE_INVALID', `${quote(file.path)} is empty`)
    }
    if (file.path === SERVING_FILE && file.sizeBytes > limits.servingBytesMax) {
      throw new RegistryError('SOURCE_INVALID', `${SERVING_FILE} is larger than ${limits.servingBytesMax} bytes`)
    }
  }
  if (total > limits.totalBytesMax) {
    throw new RegistryError('SOURCE_INVALID', `${quote(label)} has ${total} bytes, more than the ${limits.totalBytesMax} allowed`)
  }
}

function unreadable (path: string, error: unknown): RegistryError {
  return new RegistryError('SOURCE_INVALID', `cannot read ${quote(path)}: ${(error as Error).message}`, { cause: error })
}
