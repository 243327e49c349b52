import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { digestOf } from '../blobs.js'
import { RegistryError } from '../errors.js'
import type { Layout } from '../layout.js'
import { canonicalJson, MANIFEST_MEDIA_TYPE } from '../manifest.js'
import type { TemporaryDirectories } from '../temporary.js'
import { BUNDLE_MEDIA_TYPE } from './bundle.js'
import { parseJson } from './statement.js'

const EMPTY_MEDIA_TYPE = 'application/vnd.oci.empty.v1+json'
const EMPTY = Buffer.from('{}')
/** Where to look for whose signature an entry of index.json is; what its manifest says is what counts. */
const SUBJECT = 'io.gauntlet.subject'
/** Entries of other tools, which do not say whose they are, that are read to find out. */
const UNKNOWN_MAX = 1_000
export const SIGNATURES_MAX = 100

/** A manifest that a signature is, or would be, about. */
export interface Subject { readonly digest: string, readonly sizeBytes: number }

/** A stored bundle, or why it cannot be read. */
export type StoredBundle =
  | { readonly digest: string, readonly bytes: Buffer }
  | { readonly digest: string, readonly problem: string }

interface Entry {
  readonly mediaType?: string
  readonly digest: string
  readonly size?: number
  readonly artifactType?: unknown
  readonly annotations?: Readonly<Record<string, unknown>> | null
}

const Descriptor = Type.Object({
  mediaType: Type.String(), digest: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }), size: Type.Integer({ minimum: 0 })
})
const ReferrerSchema = Type.Object({
  config: Type.Optional(Descriptor),
  artifactType: Type.Optional(Type.String()),
  layers: Type.Array(Descriptor, { minItems: 1, maxItems: 1 }),
  subject: Descriptor
})

/** The manifest of a signature: which bundle, and about which manifest. */
export type Referrer = Static<typeof ReferrerSchema>

/** The manifest of a signature. */
export interface SignatureManifest {
  readonly digest: string
  readonly sizeBytes: number
  readonly blobs: ReadonlyArray<{ readonly digest: string, readonly sizeBytes: number }>
}

export interface ReferrerStoreContext {
  readonly layout: Layout
  readonly temporary: TemporaryDirectories
  /** Replaces index.json by what `amend` makes of it; throws when that fails. */
  readonly amendIndex: (amend: (present: string | null) => string) => void
}

/**
 * Signatures as OCI referrers: small manifests beside the models', each with one bundle and the manifest it is about
 * as its `subject`. They are listed in index.json without a name, so they stay there when it is derived anew.
 */
export class ReferrerStore {
  readonly #context: ReferrerStoreContext
  /** Which manifest an unlabelled entry is about, null for what is no signature; digests never change their meaning. */
  readonly #subjects = new Map<string, string | null>()

  constructor (context: ReferrerStoreContext) {
    this.#context = context
  }

  /** Stores a bundle durably; once this has returned it is found. The same bundle again changes nothing. */
  async add (bundle: Buffer, subject: Subject): Promise<void> {
    const { layout, temporary } = this.#context
    const manifest = Buffer.from(canonicalJson({
      schemaVersion: 2,
      mediaType: MANIFEST_MEDIA_TYPE,
      artifactType: BUNDLE_MEDIA_TYPE,
      config: { mediaType: EMPTY_MEDIA_TYPE, digest: digestOf(EMPTY), size: EMPTY.length },
      layers: [{ mediaType: BUNDLE_MEDIA_TYPE, digest: digestOf(bundle), size: bundle.length }],
      subject: { mediaType: MANIFEST_MEDIA_TYPE, digest: subject.digest, size: subject.sizeBytes }
    }))
    await temporary.use(async (directory) => {
      await layout.put(EMPTY, directory)
      await layout.put(bundle, directory)
      await layout.sync()
      await layout.put(manifest, directory)
      await layout.sync()
    })
    const entry = entryOf(digestOf(manifest), manifest.length, subject.digest)
    this.#context.amendIndex((present) => withEntry(present, entry))
  }

  /** Every signature of a manifest, in the order of index.json; at most a hundred. */
  async list (subject: string): Promise<StoredBundle[]> {
    let text: string | null
    try {
      text = this.#context.layout.readIndex()
    } catch (error) {
      return [{ digest: subject, problem: `index.json cannot be read: ${(error as Error).message}` }]
    }
    const found: StoredBundle[] = []
    let unknown = 0
    for (const { digest, artifactType, annotations } of entriesOf(text)) {
      if (artifactType !== undefined && artifactType !== BUNDLE_MEDIA_TYPE) continue
      const stated = annotations?.[SUBJECT]
      if (stated !== undefined && stated !== subject) continue
      if (stated === undefined && !await this.#isAbout(digest, subject, () => unknown++ < UNKNOWN_MAX)) continue
      const stored = await this.#read(digest, subject)
      if (stored !== null) found.push(stored)
      if (found.length === SIGNATURES_MAX) break
    }
    return found
  }

  /** The manifests of the signatures that `list` can read, with the blobs that each names. */
  async manifests (subject: string): Promise<SignatureManifest[]> {
    const found: SignatureManifest[] = []
    for (const stored of await this.list(subject)) {
      if ('problem' in stored) continue
      const bytes = await this.#context.layout.readDocument(stored.digest, 'the manifest of a signature')
      const { config, layers = [] } = parseReferrer(bytes) ?? {}
      const blobs = [...config === undefined ? [] : [config], ...layers]
      found.push({
        digest: stored.digest,
        sizeBytes: bytes.length,
        blobs: blobs.map(({ digest, size }) => ({ digest, sizeBytes: size }))
      })
    }
    return found
  }

  /** Lists signatures whose blobs are there but which index.json does not name; how many that were. */
  async relist (candidates: readonly string[], subjects: ReadonlySet<string>, isDryRun: boolean): Promise<number> {
    const present = new Set(entriesOf(this.#context.layout.readIndex()).map(({ digest }) => digest))
    const missing: Entry[] = []
    for (const digest of candidates) {
      const referrer = present.has(digest) ? null : await this.#referrer(digest).catch(() => null)
      if (referrer === null || !subjects.has(referrer.subject.digest)) continue
      const { length } = await this.#context.layout.readDocument(digest, 'the manifest of a signature')
      missing.push(entryOf(digest, length, referrer.subject.digest))
    }
    if (missing.length > 0 && !isDryRun) {
      this.#context.amendIndex((text) => missing.reduce<string | null>(withEntry, text) ?? '')
    }
    return missing.length
  }

  async #isAbout (digest: string, subject: string, mayRead: () => boolean): Promise<boolean> {
    let known = this.#subjects.get(digest)
    if (known === undefined) {
      if (!mayRead()) return false
      known = (await this.#referrer(digest).catch(() => null))?.subject.digest ?? null
      this.#subjects.set(digest, known)
    }
    return known === subject
  }

  /** Null for a manifest that is about something else, whatever index.json said. */
  async #read (digest: string, subject: string): Promise<StoredBundle | null> {
    try {
      const referrer = await this.#referrer(digest)
      const [layer] = referrer?.layers ?? []
      if (referrer?.subject.digest !== subject || layer === undefined) return null
      return { digest, bytes: await this.#context.layout.readDocument(layer.digest, 'a signature') }
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error
      return { digest, problem: error.message }
    }
  }

  async #referrer (digest: string): Promise<Referrer | null> {
    return parseReferrer(await this.#context.layout.readDocument(digest, 'the manifest of a signature'))
  }
}

/** A manifest that is a signature; null for any other. @throws RegistryError SIGNATURE_INVALID when it is not JSON */
export function parseReferrer (bytes: Buffer): Referrer | null {
  const document = parseJson(bytes, 'the manifest of a signature')
  if (!Value.Check(ReferrerSchema, document)) return null
  const isBundle = document.artifactType === BUNDLE_MEDIA_TYPE || document.layers[0]?.mediaType === BUNDLE_MEDIA_TYPE
  return isBundle ? document : null
}

/** How index.json names a signature. */
export function entryOf (digest: string, sizeBytes: number, subject: string): Entry {
  return {
    mediaType: MANIFEST_MEDIA_TYPE,
    artifactType: BUNDLE_MEDIA_TYPE,
    digest,
    size: sizeBytes,
    annotations: { [SUBJECT]: subject }
  }
}

/** The index with one entry more, unless it has it already. */
function withEntry (present: string | null, entry: Entry): string {
  const entries = entriesOf(present)
  const isThere = entries.some(({ digest }) => digest === entry.digest)
  return JSON.stringify({ manifests: isThere ? entries : [...entries, entry] })
}

/** What anybody may have written into index.json, as far as it has the form of entries. */
function entriesOf (text: string | null): Entry[] {
  if (text === null) return []
  try {
    const { manifests } = JSON.parse(text) as { manifests?: unknown }
    return Array.isArray(manifests) ? manifests.filter(isEntry) : []
  } catch {
    return []
  }
}

function isEntry (value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null) return false
  return /^sha256:[0-9a-f]{64}$/.test(String((value as { digest?: unknown }).digest))
}
