import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { RegistryError } from '../errors.js'
import type { Layer } from '../manifest.js'
import { quote } from '../names.js'
import type { SourceFile } from '../source.js'
import { BUNDLE_BYTES_MAX, parseBundle } from './bundle.js'
import { filesFault, invalid } from './statement.js'

/** A signature in a source folder: kept beside the version, never a file of it. */
const SIGNATURE_FILE = 'model.sig'

/** Parts a source into what becomes layers and the signature it brings, if any. */
export function partSignature (files: readonly SourceFile[]): { files: SourceFile[], signature: SourceFile | null } {
  return {
    files: files.filter(({ path }) => path !== SIGNATURE_FILE),
    signature: files.find(({ path }) => path === SIGNATURE_FILE) ?? null
  }
}

/**
 * The bundle of a source folder, which must be about the very files of the folder.
 * @throws RegistryError SIGNATURE_INVALID, SOURCE_INVALID
 */
export async function readSourceSignature (file: SourceFile, layers: readonly Layer[]): Promise<Buffer> {
  const { location, sizeBytes } = file
  if (sizeBytes > BUNDLE_BYTES_MAX) throw invalid(`${SIGNATURE_FILE} is larger than ${BUNDLE_BYTES_MAX} bytes`)
  const bytes = await readBounded(location)
  const fault = filesFault(parseBundle(bytes).statement, layers)
  if (fault !== null) throw invalid(`${SIGNATURE_FILE} is not about this folder: ${fault}`)
  return bytes
}

async function readBounded (location: string): Promise<Buffer> {
  try {
    const file = await open(location, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const chunk = Buffer.alloc(BUNDLE_BYTES_MAX + 1)
      const { bytesRead } = await file.read(chunk, 0, chunk.length, 0)
      return Buffer.from(chunk.subarray(0, bytesRead))
    } finally {
      await file.close()
    }
  } catch (error) {
    throw new RegistryError('SOURCE_INVALID', `cannot read ${quote(location)}: ${(error as Error).message}`, { cause: error })
  }
}
