import { RegistryError } from './errors.js'
import { quote } from './names.js'

const PATTERN_LENGTH_MAX = 256

/**
 * A test whether a path is left out: `*` stands for any part of a name, `?` for one character, `**` for any folders.
 * A pattern without `/` is about names at any depth; one that fits a folder is about all that is in it.
 * O(pattern * path) time.
 * @throws RegistryError SOURCE_INVALID for a pattern that is empty, too long, absolute or leaves the folder
 */
export function excluding (patterns: readonly string[]): (path: string) => boolean {
  const parsed = patterns.map(parsePattern)
  return (path) => parsed.some((pattern) => fits(pattern, path.split('/'), '**', nameFits))
}

function parsePattern (pattern: string): readonly string[] {
  const plain = pattern.replace(/^\.\//, '').replace(/\/$/, '')
  const segments = plain.split('/')
  if (plain.length > PATTERN_LENGTH_MAX || segments.some((segment) => segment === '' || segment === '..')) {
    throw new RegistryError('SOURCE_INVALID',
      `the pattern ${quote(pattern)} must be 1 to ${PATTERN_LENGTH_MAX} characters and relative to the folder, for example "*.bin" or "openvino"`)
  }
  return [...segments.length === 1 ? ['**'] : [], ...segments, '**']
}

function nameFits (pattern: string, name: string): boolean {
  return fits([...pattern], [...name], '*', (wanted, character) => wanted === '?' || wanted === character)
}

/** Whether items fit a pattern in which `many` is any number of them; only the last `many` is ever tried anew. */
function fits (
  pattern: readonly string[], items: readonly string[], many: string, fitsOne: (wanted: string, item: string) => boolean
): boolean {
  let at = 0
  let item = 0
  let retryAt = -1
  let retryItem = 0
  while (item < items.length) {
    const wanted = pattern[at]
    if (wanted === many) {
      retryAt = at++
      retryItem = item
    } else if (wanted !== undefined && fitsOne(wanted, items[item] as string)) {
      at++
      item++
    } else if (retryAt >= 0) {
      at = retryAt + 1
      item = ++retryItem
    } else {
      return false
    }
  }
  return pattern.slice(at).every((rest) => rest === many)
}
