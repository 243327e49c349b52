import type { ArtifactDescriptor, ArtifactReader } from '../artifact-reader.js'
import { digestOf } from '../blobs.js'
import { RegistryError } from '../errors.js'
import { fetchDocument } from '../fetch.js'
import { quote } from '../names.js'
import { BUNDLE_BYTES_MAX, BUNDLE_MEDIA_TYPE } from '../signing/bundle.js'
import { parseReferrer, SIGNATURES_MAX } from '../signing/store.js'
import { MANIFEST_BYTES_MAX } from './artifact.js'

/**
 * The signature bundles that a place keeps about a manifest; what else is about it (attestations, scans) is left there.
 * @throws RegistryError DIGEST_MISMATCH for a signature whose bytes are not what its digest says; SOURCE_INVALID
 */
export async function readBundles (reader: ArtifactReader, subject: string): Promise<Buffer[]> {
  const bundles: Buffer[] = []
  for (const descriptor of (await reader.referrers(subject)).filter(mayBeSignature).slice(0, SIGNATURES_MAX)) {
    const bundle = await readBundle(reader, descriptor.digest, subject)
    if (bundle !== null) bundles.push(bundle)
  }
  return bundles
}

/** Other tools leave the type out, so that only the manifest tells. */
function mayBeSignature ({ artifactType }: ArtifactDescriptor): boolean {
  return artifactType === undefined || artifactType === BUNDLE_MEDIA_TYPE
}

async function readBundle (reader: ArtifactReader, digest: string, subject: string): Promise<Buffer | null> {
  const bytes = await reader.manifest(digest)
  if (bytes.length > MANIFEST_BYTES_MAX || digestOf(bytes) !== digest) {
    throw new RegistryError('DIGEST_MISMATCH', `signature ${digest} of ${quote(reader.label)} does not match its digest`)
  }
  const referrer = parseReferrer(bytes)
  const [layer] = referrer?.layers ?? []
  if (referrer?.subject.digest !== subject || layer === undefined) return null
  return await fetchDocument(reader, { label: 'a signature', digest: layer.digest, sizeBytes: layer.size }, BUNDLE_BYTES_MAX)
}
