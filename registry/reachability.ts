import { readFileSync } from 'node:fs'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { digestOf } from './blobs.js'
import { lookAt, type BlobFile } from './layout-blobs.js'
import type { Layout } from './layout.js'

/** Manifests are bounded by registries too; what is larger is a layer. */
const DOCUMENT_BYTES_MAX = 16 * 1024 ** 2
const REFERRER_BYTES_MAX = 4 * 1024 ** 2
const LABELS_MAX = 10

const SHA256 = /^sha256:[0-9a-f]{64}$/

const DescriptorSchema = Type.Object({ digest: Type.String(), size: Type.Optional(Type.Number()) })

/** Any manifest or index that a tool may have put into the layout, as far as it names other blobs. */
const DocumentSchema = Type.Object({
  config: Type.Optional(DescriptorSchema),
  layers: Type.Optional(Type.Array(DescriptorSchema)),
  blobs: Type.Optional(Type.Array(DescriptorSchema)),
  manifests: Type.Optional(Type.Array(DescriptorSchema)),
  subject: Type.Optional(DescriptorSchema)
})

type Descriptor = Static<typeof DescriptorSchema>

interface Document {
  readonly leaves: readonly Descriptor[]
  readonly documents: readonly Descriptor[]
  readonly subject: string | null
}

/** What must be kept, and for whom: a version or an entry of index.json. */
export interface Root {
  readonly digest: string
  readonly label: string
  /** Whether anything but a manifest is damage. An entry that another tool made may name any blob. */
  readonly isManifest: boolean
}

/** Why what a document names is not known: it is absent, or its bytes are not those of its digest. */
export interface Blind { readonly digest: string, readonly label: string, readonly reason: 'missing' | 'damaged' }

export interface Reach {
  /** Every digest that is needed, with the sizes that descriptors state and (some of) those who need it. */
  readonly needed: ReadonlyMap<string, { readonly sizes: ReadonlySet<number>, readonly labels: readonly string[] }>
  /** Documents that could not be followed, so that what they name is unknown. */
  readonly blind: readonly Blind[]
}

type Needed = Map<string, { sizes: Set<number>, labels: string[] }>

/**
 * Follows manifests and indexes from roots to every blob they need, and on to referrers (signatures) of what is
 * needed. Remembers each document, so that a second walk reads only what is new. Synchronous: it runs under locks.
 */
export class Reachability {
  readonly #layout: Layout
  readonly #documents = new Map<string, Document | null>()

  constructor (layout: Layout) {
    this.#layout = layout
  }

  /** @param others blobs among which to look for referrers. O(documents) */
  walk (roots: readonly Root[], others: readonly BlobFile[]): Reach {
    const needed: Needed = new Map()
    const blind: Blind[] = []
    for (const root of roots) this.#follow(root, needed, blind)
    const referrers = others.filter(({ isRegular, sizeBytes }) => isRegular && sizeBytes <= REFERRER_BYTES_MAX)
    for (let before = -1; before !== needed.size;) {
      before = needed.size
      for (const { digest } of referrers) {
        if (needed.has(digest)) continue
        const subject = this.subjectOf(digest)
        const owner = subject === null ? undefined : needed.get(subject)
        if (owner === undefined) continue
        this.#follow({ digest, label: `referrer of ${owner.labels[0]}`, isManifest: true }, needed, blind)
      }
    }
    return { needed, blind }
  }

  /** The digest that a manifest is about; null for everything else, also for what cannot be read. */
  subjectOf (digest: string): string | null {
    const document = SHA256.test(digest) ? this.#read(digest) : null
    return typeof document === 'string' || document === null ? null : document.subject
  }

  #follow (root: Root, needed: Needed, blind: Blind[]): void {
    const { label } = root
    const upcoming: Descriptor[] = [{ digest: root.digest }]
    const seen = new Set<string>()
    for (let next = upcoming.pop(); next !== undefined; next = upcoming.pop()) {
      if (seen.has(next.digest) || !SHA256.test(next.digest)) continue
      seen.add(next.digest)
      need(needed, next, label)
      const document = this.#read(next.digest)
      if (typeof document === 'string') {
        blind.push({ digest: next.digest, label, reason: document })
      } else if (document === null) {
        if (root.isManifest) blind.push({ digest: next.digest, label, reason: 'damaged' })
      } else {
        for (const leaf of document.leaves) need(needed, leaf, label)
        upcoming.push(...document.documents)
      }
    }
  }

  /** A document, null for a blob that is none, or why it cannot be told. */
  #read (digest: string): Document | null | 'missing' | 'damaged' {
    const known = this.#documents.get(digest)
    if (known !== undefined) return known
    const file = lookAt(this.#layout, digest)
    if (file === null) return 'missing'
    if (!file.isRegular || file.sizeBytes > DOCUMENT_BYTES_MAX) return 'damaged'
    const bytes = readFileSync(file.path)
    if (digestOf(bytes) !== digest) return 'damaged'
    const document = parse(bytes)
    this.#documents.set(digest, document)
    return document
  }
}

function need (needed: Needed, { digest, size }: Descriptor, label: string): void {
  if (!SHA256.test(digest)) return
  const entry = needed.get(digest) ?? { sizes: new Set(), labels: [] }
  needed.set(digest, entry)
  if (size !== undefined) entry.sizes.add(size)
  if (entry.labels.length < LABELS_MAX && entry.labels.at(-1) !== label) entry.labels.push(label)
}

function parse (bytes: Buffer): Document | null {
  if (bytes[0] !== '{'.charCodeAt(0)) return null
  let value: unknown
  try {
    value = JSON.parse(bytes.toString())
  } catch {
    return null
  }
  if (!Value.Check(DocumentSchema, value)) return null
  const { config, layers = [], blobs = [], manifests = [], subject } = value
  const leaves = [...(config === undefined ? [] : [config]), ...layers, ...blobs]
  return { leaves, documents: manifests, subject: subject?.digest ?? null }
}
