import { RegistryError } from './errors.js'
import type { Layout } from './layout.js'
import { parseManifest } from './manifest.js'

export interface VerifiedBlob {
  readonly digest: string
  /** The file's path in the version; `(manifest)` and `(config)` for the two documents. */
  readonly path: string
  readonly sizeBytes: number
  readonly ok: boolean
  readonly code?: 'BLOB_MISSING' | 'DIGEST_MISMATCH'
  readonly problem?: string
}

export interface Verification { readonly ok: boolean, readonly digest: string, readonly blobs: VerifiedBlob[] }

/** Re-hashes every blob of a version. Damage is reported, not thrown. O(bytes). */
export async function verifyVersion (layout: Layout, digest: string, manifestBytes: number): Promise<Verification> {
  const blobs: VerifiedBlob[] = []
  const check = async (blob: string, path: string, sizeBytes: number) => {
    const result = await layout.check(blob, path)
    blobs.push({ digest: blob, path, sizeBytes, ...result })
    return result.ok
  }
  if (await check(digest, '(manifest)', manifestBytes)) {
    const manifest = parseManifest(await layout.readDocument(digest, '(manifest)'), digest)
    await check(manifest.config.digest, '(config)', manifest.config.sizeBytes)
    for (const layer of manifest.layers) await check(layer.digest, layer.path, layer.sizeBytes)
  }
  return { ok: blobs.every((blob) => blob.ok), digest, blobs }
}

/** @throws RegistryError BLOB_MISSING or DIGEST_MISMATCH when a verification failed */
export function refuseDamage (reference: string, { blobs }: Verification): void {
  const damaged = blobs.filter((blob) => !blob.ok)
  if (damaged.length === 0) return
  const isMissing = damaged.every((blob) => blob.code === 'BLOB_MISSING')
  throw new RegistryError(isMissing ? 'BLOB_MISSING' : 'DIGEST_MISMATCH',
    `${reference} failed verification: ${damaged.map((blob) => blob.problem).join('; ')}`)
}
