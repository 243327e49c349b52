import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { mkdir, readFile, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { digestOf, hashFile, hexOf, syncDirectory, writeDurably } from './blobs.js'
import { RegistryError } from './errors.js'
import { quote } from './names.js'

export const LAYOUT_FILE = '{"imageLayoutVersion":"1.0.0"}'
/** Manifests and configs are read whole, so they are bounded; 10,000 layers fit. */
const DOCUMENT_BYTES_MAX = 16 * 1024 ** 2

/** Why a blob cannot be trusted, or that it can. */
export type BlobCheck =
  | { readonly ok: true }
  | { readonly ok: false, readonly code: 'BLOB_MISSING' | 'DIGEST_MISMATCH', readonly problem: string }

/** The OCI image layout on disk: nothing but `oci-layout`, `index.json` and blobs named after their digests. */
export class Layout {
  readonly #blobs: string

  private constructor (readonly root: string) {
    this.#blobs = join(root, 'blobs', 'sha256')
  }

  /** Opens a layout, creating an empty one. @throws RegistryError LAYOUT_CORRUPT for another layout version */
  static open (root: string, temporaryDirectory: string): Layout {
    const layout = new Layout(root)
    if (mkdirSync(layout.#blobs, { recursive: true }) !== undefined) {
      for (const path of [dirname(layout.#blobs), root, dirname(root)]) syncDirectoryNow(path)
    }
    const marker = join(root, 'oci-layout')
    if (existsSync(marker)) checkMarker(marker)
    else replaceFile(marker, LAYOUT_FILE, temporaryDirectory)
    return layout
  }

  /** A layout to read from, as it is. */
  static at (root: string): Layout {
    return new Layout(root)
  }

  /** Where the blob with this digest is, or would be. */
  blobPath (digest: string): string {
    return join(this.#blobs, hexOf(digest))
  }

  /**
   * Moves a durable, read-only file whose digest was computed while it was written to its place. A blob that is
   * there already is replaced by the same bytes, which also mends one that was damaged.
   */
  async adopt (file: string, digest: string): Promise<void> {
    await rename(file, this.blobPath(digest))
  }

  /** Stores a small document as a blob. */
  async put (bytes: Buffer, temporaryDirectory: string): Promise<string> {
    const digest = digestOf(bytes)
    const file = join(temporaryDirectory, hexOf(digest))
    await mkdir(temporaryDirectory, { recursive: true })
    await writeDurably(file, bytes)
    await this.adopt(file, digest)
    return digest
  }

  /** Makes all blobs moved so far durable. */
  async sync (): Promise<void> {
    await syncDirectory(this.#blobs)
  }

  /** A document's bytes, verified. @throws RegistryError BLOB_MISSING, DIGEST_MISMATCH */
  async readDocument (digest: string, label: string): Promise<Buffer> {
    const path = this.blobPath(digest)
    try {
      const { size } = await stat(path)
      if (size > DOCUMENT_BYTES_MAX) {
        throw new RegistryError('DIGEST_MISMATCH', `blob ${digest} (${label}) is larger than ${DOCUMENT_BYTES_MAX} bytes`)
      }
      const bytes = await readFile(path)
      if (digestOf(bytes) === digest) return bytes
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      throw new RegistryError('BLOB_MISSING', `blob ${digest} (${label}) is missing`, { cause: error })
    }
    throw new RegistryError('DIGEST_MISMATCH', `blob ${digest} (${label}) does not match its digest`)
  }

  /** Re-hashes one blob. */
  async check (digest: string, label: string): Promise<BlobCheck> {
    return await checkFile(this.blobPath(digest), digest, label)
  }

  /** index.json as it is; null when it is absent. */
  readIndex (): string | null {
    return existsSync(this.indexPath) ? readFileSync(this.indexPath, 'utf8') : null
  }

  writeIndex (text: string, temporaryDirectory: string): void {
    replaceFile(this.indexPath, text, temporaryDirectory)
  }

  get indexPath (): string {
    return join(this.root, 'index.json')
  }
}

/** Compares a file's bytes with the digest it should have. */
export async function checkFile (path: string, digest: string, label: string): Promise<BlobCheck> {
  try {
    const found = await hashFile(path)
    if (found.digest === digest) return { ok: true }
    const problem = `blob ${digest} (${label}) does not match its digest: the bytes hash to ${found.digest}`
    return { ok: false, code: 'DIGEST_MISMATCH', problem }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      return { ok: false, code: 'BLOB_MISSING', problem: `blob ${digest} (${label}) is missing` }
    }
    const problem = `blob ${digest} (${label}) cannot be read: ${(error as Error).message}`
    return { ok: false, code: 'DIGEST_MISMATCH', problem }
  }
}

function checkMarker (path: string): void {
  const text = readFileSync(path, 'utf8')
  if (/"imageLayoutVersion"\s*:\s*"1\.\d+\.\d+"/.test(text)) return
  throw new RegistryError('LAYOUT_CORRUPT', `${quote(path)} must state imageLayoutVersion 1.0.0`)
}

/** Replaces a file at once and durably: readers see the old or the new bytes, never a part. */
export function replaceFile (path: string, text: string, temporaryDirectory: string): void {
  const temporary = join(temporaryDirectory, `${path.slice(dirname(path).length + 1)}.new`)
  mkdirSync(temporaryDirectory, { recursive: true })
  const file = openSync(temporary, 'w', 0o644)
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
  syncDirectoryNow(dirname(path))
}

function syncDirectoryNow (path: string): void {
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}
