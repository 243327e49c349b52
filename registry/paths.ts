import { quote } from './names.js'

const SEGMENT_BYTES_MAX = 255
const PATH_BYTES_MAX = 1024
const SEGMENTS_MAX = 32
// eslint-disable-next-line no-control-regex -- control characters are exactly what is refused
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

const WEIGHT = /\.(onnx|onnx_data|safetensors|bin|data)$|\.onnx_data_\d+$/i
const DOCUMENT = /^(readme|license|licence|notice|changelog)(\..*)?$|\.md$/i

/** Why a path may not name a layer; null when it may. Relative, `/` only, NFC, no tricks (reference: c8). */
export function pathFault (path: string): string | null {
  if (path === '') return 'is empty'
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) return `is longer than ${PATH_BYTES_MAX} bytes`
  if (CONTROL.test(path)) return 'has a control character'
  if (path.includes('\uFFFD') || /\p{Surrogate}/u.test(path)) return 'is not valid UTF-8'
  if (path.includes('\\')) return 'has a backslash'
  if (path.startsWith('/')) return 'is absolute'
  if (/^[A-Za-z]:/.test(path)) return 'begins with a drive letter'
  if (path.startsWith('~')) return 'begins with ~'
  if (path.normalize('NFC') !== path) return 'is not in Unicode normal form C'
  const segments = path.split('/')
  if (segments.length > SEGMENTS_MAX) return `is deeper than ${SEGMENTS_MAX} segments`
  for (const segment of segments) {
    if (segment === '') return 'has an empty segment'
    if (segment === '.' || segment === '..') return `has a ${segment} segment`
    if (/[. ]$/.test(segment)) return 'has a segment that ends in a dot or space'
    if (Buffer.byteLength(segment) > SEGMENT_BYTES_MAX) return `has a segment longer than ${SEGMENT_BYTES_MAX} bytes`
  }
  return null
}

/**
 * Why a set of layer paths may not be laid out as files on any common file system; null when it may:
 * each path is legal, and no two differ only in case or are a file and a folder of the same name.
 */
export function pathsFault (paths: readonly string[]): string | null {
  const spelling = new Map<string, string>()
  const files = new Set<string>()
  for (const path of paths) {
    const fault = pathFault(path)
    if (fault !== null) return `path ${quote(path)} ${fault}`
    if (files.has(path)) return `path ${quote(path)} occurs twice`
    files.add(path)
    for (const prefix of prefixes(path)) {
      const folded = prefix.toUpperCase().toLowerCase().normalize('NFC')
      const known = spelling.get(folded)
      if (known === prefix) break
      if (known !== undefined) {
        return `paths ${quote(known)} and ${quote(prefix)} differ only in upper and lower case`
      }
      spelling.set(folded, prefix)
    }
  }
  const folders = new Set(paths.map(parentOf))
  for (const folder of [...folders].flatMap((path) => [...prefixes(path)])) {
    if (files.has(folder)) return `path ${quote(folder)} is both a file and a folder`
  }
  return null
}

/** The ModelPack media type of every layer of a dataset. */
export const DATASET_MEDIA_TYPE = 'application/vnd.cncf.model.dataset.v1.raw'

/** The ModelPack media type of a layer, by the kind of file. */
export function mediaTypeOf (path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const family = DOCUMENT.test(name) ? 'doc' : WEIGHT.test(name) ? 'weight' : 'weight.config'
  return `application/vnd.cncf.model.${family}.v1.raw`
}

/** `a/b/c` gives `a/b/c`, `a/b`, `a`. */
function * prefixes (path: string): Generator<string> {
  for (let prefix = path; prefix !== ''; prefix = parentOf(prefix)) yield prefix
}

function parentOf (path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}
