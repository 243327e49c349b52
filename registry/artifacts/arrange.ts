import { mkdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import { pathsFault } from '../paths.js'

const SHOWN_MAX = 5

/** Where the model is among the files of an artifact: the folder it is served from, and its path in it. */
export interface Placement {
  /** Relative, without a slash at its end; empty for the top. */
  readonly root: string
  readonly modelFile?: string
}

/**
 * Tells where the model is: at the top when it is called as a model is called, else where the packager says, else where
 * the only `.onnx` file is. Pure.
 * @param stated the file or folder that the packager names
 * @throws RegistryError SOURCE_INVALID when there is no model, or more than one
 */
export function placeModel (paths: readonly string[], label: string, stated?: string): Placement {
  const place = stated?.replace(/^(\.\/)+|^\.$/, '').replace(/\/+$/, '') ?? ''
  const below = paths.filter((path) => place === '' || path === place || path.startsWith(`${place}/`))
  const models = below.filter((path) => path.endsWith('.onnx'))
  const [only] = models
  if (only === undefined) {
    throw new RegistryError('SOURCE_INVALID',
      `${quote(label)} has no .onnx file${place === '' ? '' : ` at ${quote(place)}`}; it has ${
        paths.slice(0, SHOWN_MAX).map(quote).join(', ')}${paths.length > SHOWN_MAX ? ` and ${paths.length - SHOWN_MAX} more` : ''}`)
  }
  if (place !== '' && !models.includes(place)) return { root: place }
  if (place === '' && models.some((path) => /^(onnx\/)?model[^/]*\.onnx$/.test(path))) return { root: '' }
  if (models.length > 1) {
    throw new RegistryError('SOURCE_INVALID',
      `${quote(label)} has several models: ${models.slice(0, SHOWN_MAX).map(quote).join(', ')}; say which one is meant`)
  }
  const folder = only.slice(0, Math.max(0, only.lastIndexOf('/')))
  const root = folder.replace(/(^|\/)onnx$/, '')
  return { root, modelFile: root === '' ? only : only.slice(root.length + 1) }
}

/**
 * Moves files so that `root` becomes the top of a fresh folder; what lies beside it keeps its path.
 * @throws RegistryError SOURCE_INVALID when two files would be at one path
 */
export async function arrangeFiles (paths: readonly string[], root: string, from: string, to: string): Promise<void> {
  const isBelow = (path: string) => root !== '' && path.startsWith(`${root}/`)
  const moves = paths.map((path) => [path, isBelow(path) ? path.slice(root.length + 1) : path] as const)
  const fault = pathsFault(moves.map(([, path]) => path))
  if (fault !== null) throw new RegistryError('SOURCE_INVALID', `with ${quote(root)} as its top, ${fault}; leave one out with --exclude`)
  for (const [before, after] of moves) {
    await mkdir(dirname(join(to, after)), { recursive: true })
    await rename(join(from, before), join(to, after))
  }
}
