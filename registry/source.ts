import { constants, lstat, open, readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { RegistryError } from './errors.js'
import { quote } from './names.js'
import { pathsFault, refuseUnsafeFormat } from './paths.js'

const MODEL_FILES = ['model.onnx', 'onnx/model.onnx'] as const
export const SERVING_FILE = 'serving.json'

/** Bounds of what may be published. */
export interface SourceLimits {
  readonly filesMax: number
  readonly totalBytesMax: number
  readonly servingBytesMax: number
}

export const SOURCE_LIMITS: SourceLimits = {
  filesMax: 10_000,
  totalBytesMax: 64 * 1024 ** 3,
  servingBytesMax: 16 * 1024 ** 2
}

/** A file to be published: its path inside the version and where it is now. */
export interface SourceFile { readonly path: string, readonly location: string, readonly sizeBytes: number }

/**
 * The files of a source, sorted by path: one `.onnx` file (as `model.onnx`) or every file of a folder but `.git*`.
 * Nothing is opened but for the first bytes of each file.
 * @throws RegistryError SOURCE_NOT_FOUND, or SOURCE_INVALID naming the file and what is wrong with it
 */
export async function scanSource (path: string, limits: SourceLimits): Promise<SourceFile[]> {
  const root = await rootOf(path)
  const { size, isFile } = await stat(root).then((found) => ({ size: found.size, isFile: found.isFile() }))
  const files = isFile ? [{ path: modelNameOf(path), location: root, sizeBytes: size }] : await walk(root, limits)
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  const fault = pathsFault([...new Set([...files.map((file) => file.path), SERVING_FILE])])
  if (fault !== null) throw new RegistryError('SOURCE_INVALID', `${fault}; rename it`)
  for (const file of files) refuseUnsafeFormat(file.path, await headOf(file.location))
  checkBounds(path, files, limits)
  return files
}

/** The model among the files: what serving.json names, else `model.onnx` or `onnx/model.onnx`. */
export function findModelFile (path: string, files: readonly SourceFile[], stated: string | undefined): string {
  const paths = new Set(files.map((file) => file.path))
  if (stated !== undefined) {
    if (paths.has(stated) && stated.endsWith('.onnx')) return stated
    throw new RegistryError('SERVING_INVALID',
      `serving.json: /modelFile ${quote(stated)} must be an .onnx file in ${quote(path)}`)
  }
  const found = MODEL_FILES.find((candidate) => paths.has(candidate))
  if (found !== undefined) return found
  throw new RegistryError('SOURCE_INVALID', `${quote(path)} has neither ${MODEL_FILES.join(' nor ')}`)
}

async function rootOf (path: string): Promise<string> {
  try {
    const root = await realpath(path)
    const found = await stat(root)
    if (found.isFile() || found.isDirectory()) return root
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw unreadable(path, error)
    throw new RegistryError('SOURCE_NOT_FOUND', `there is no file or folder ${quote(path)}`, { cause: error })
  }
  throw new RegistryError('SOURCE_INVALID', `${quote(path)} must be an .onnx file or a folder`)
}

function modelNameOf (path: string): string {
  if (path.endsWith('.onnx')) return MODEL_FILES[0]
  refuseUnsafeFormat(path, Buffer.alloc(0))
  throw new RegistryError('SOURCE_INVALID', `${quote(path)} must be an .onnx file or a folder that has a model.onnx`)
}

async function walk (root: string, limits: SourceLimits): Promise<SourceFile[]> {
  const files: SourceFile[] = []
  const folders = ['']
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const { name } of await entriesOf(join(root, folder))) {
      if (name.startsWith('.git')) continue
      const path = folder === '' ? name : `${folder}/${name}`
      const location = join(root, path)
      const found = await lstat(location).catch((error: unknown) => { throw unreadable(path, error) })
      if (found.isDirectory()) {
        folders.push(path)
      } else if (found.isFile()) {
        files.push({ path, location, sizeBytes: found.size })
      } else {
        throw new RegistryError('SOURCE_INVALID', found.isSymbolicLink()
          ? `${quote(path)} is a symbolic link, which may point outside the folder, so it is refused; copy the file itself (cp -rL)`
          : `${quote(path)} is neither a regular file nor a folder, so it is refused`)
      }
      if (files.length + folders.length > limits.filesMax) {
        throw new RegistryError('SOURCE_INVALID', `${quote(root)} has more than ${limits.filesMax} files`)
      }
    }
  }
  return files
}

async function entriesOf (folder: string): Promise<Array<{ name: string }>> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    throw unreadable(folder, error)
  }
}

async function headOf (location: string): Promise<Buffer> {
  try {
    const file = await open(location, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    throw unreadable(location, error)
  }
}

function checkBounds (path: string, files: readonly SourceFile[], limits: SourceLimits): void {
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
    throw new RegistryError('SOURCE_INVALID', `${quote(path)} has ${total} bytes, more than the ${limits.totalBytesMax} allowed`)
  }
}

function unreadable (path: string, error: unknown): RegistryError {
  return new RegistryError('SOURCE_INVALID', `cannot read ${quote(path)}: ${(error as Error).message}`, { cause: error })
}
