import { readFileSync } from 'node:fs'
import { attempt, inTransaction, type Connection } from './database.js'
import { parseDataset } from './datasets/document.js'
import { DATASET_FILE } from './datasets/words.js'
import { RegistryError } from './errors.js'
import { listBlobs, lookAt } from './layout-blobs.js'
import { createdAtOf, descriptorsOf, referenceOf } from './layout-index.js'
import type { Layout } from './layout.js'
import type { Materialised } from './materialise.js'
import { parseManifest, annotationsOf } from './manifest.js'
import { CHAMPION, checkAlias, checkName, checkVersion } from './names.js'
import { proveFit } from './proof.js'
import type { PublishContext } from './publish.js'
import { recordEither, type Built, type BuiltDataset } from './record.js'
import type { Prove } from './running.js'
import { versions } from './schema.js'
import { parseServing } from './serving.js'
import { SERVING_FILE } from './source.js'
import { findVersion } from './versions.js'

const MANIFEST_BYTES_MAX = 4 * 1024 ** 2

export interface ReindexRequest {
  readonly actor: string
  readonly reason: string
  readonly isDryRun?: boolean
  /** Also looks for manifests that index.json does not name; done anyway when neither it nor the database has any. */
  readonly fromBlobs?: boolean
  /** Loads what shall become champion. Without it that is left to when it is loaded to answer. */
  readonly prove?: Prove
  /** Makes champions without proof; recorded as such. */
  readonly isForced?: boolean
}

interface ReindexContext extends PublishContext {
  /** A stored manifest as files. */
  readonly materialise: (digest: string, label: string) => Promise<Pick<Materialised, 'directory' | 'release'>>
}

interface Named { readonly name: string, readonly version: string }
interface Left { readonly subject: string, readonly problem: string }

export interface ReindexReport {
  readonly versions: ReadonlyArray<Named & { readonly digest: string }>
  readonly aliases: ReadonlyArray<Named & { readonly alias: string }>
  /** Listed anew in index.json. */
  readonly signatures: number
  /** Versions that were known already. */
  readonly unchanged: number
  /** What differs from what is known, or was removed: nothing was done about it. */
  readonly conflicts: readonly Left[]
  /** What is no version, or lacks blobs. */
  readonly skipped: readonly Left[]
  /** Whether manifests were looked for among the blobs, so that versions removed before may be among them. */
  readonly isFromBlobs: boolean
}

/** A manifest of the layout, the names that index.json gives it, and when. */
interface Candidate { readonly digest: string, readonly names: readonly string[], readonly createdAt: number | null }

/** What a manifest is to be called, or why it is not. */
interface Plan {
  readonly name: string
  readonly version?: string
  readonly aliases?: readonly string[]
  readonly problem?: string
}

interface Found extends Candidate {
  readonly built: Built | BuiltDataset
  readonly title: string | undefined
  readonly stated: string | undefined
}

interface Planned extends Plan { readonly each: Found }

/**
 * Makes rows of what the layout has and the database does not: after the database was lost, or when another tool has
 * copied an artifact into the layout. Rows that are there are never changed, and what was removed does not come back.
 * A champion is loaded first, as anybody might have written index.json; one that fails is a version, not champion.
 * One transaction; index.json follows. O(entries), and O(blobs) for signatures.
 */
export async function reindex (context: ReindexContext, request: ReindexRequest): Promise<ReindexReport> {
  return await context.storage.share(async () => await reindexHolding(context, request))
}

async function reindexHolding (context: ReindexContext, request: ReindexRequest): Promise<ReindexReport> {
  const { layout, database, signing } = context
  const { isDryRun = false } = request
  const small = listBlobs(layout).blobs.filter(({ isRegular, sizeBytes, path }) =>
    isRegular && sizeBytes <= MANIFEST_BYTES_MAX && isObject(path)).map(({ digest }) => digest)
  const listed = candidatesIn(layout.readIndex())
  const isEmpty = listed.length === 0 && database.select().from(versions).limit(1).get() === undefined
  const isFromBlobs = request.fromBlobs === true || isEmpty
  const known = new Set(listed.map(({ digest }) => digest))
  const unlisted = small
    .filter((digest) => !known.has(digest))
    .map((digest) => ({ digest, names: [], createdAt: null }))
  const skipped: Left[] = []
  const found: Found[] = []
  for (const candidate of isFromBlobs ? [...listed, ...unlisted] : listed) {
    const outcome = await readCandidate(layout, candidate)
    if (outcome === null) continue
    if ('problem' in outcome) skipped.push(outcome)
    else found.push(outcome)
  }
  const plans = found.flatMap((each) => namesOf(each).map((plan) => ({ each, ...plan })))
  const unfit = await findUnfitChampions(context, request, plans)
  const work = (connection: Connection) => recordAll(connection, context, request, { plans, unfit })
  const recorded = isDryRun ? attempt(database, work) : inTransaction(database, work)
  const rows = database.select({ digest: versions.digest }).from(versions).all()
  const subjects = new Set(rows.map(({ digest }) => digest))
  for (const { digest } of recorded.versions) subjects.add(digest)
  const signatures = await signing.referrers.relist(small, subjects, isDryRun)
  if (!isDryRun) context.refreshIndex()
  return { ...recorded, signatures, skipped: [...skipped, ...recorded.skipped], isFromBlobs }
}

/** One candidate per manifest, with all its names. */
function candidatesIn (index: string | null): Candidate[] {
  const byDigest = new Map<string, { digest: string, names: string[], createdAt: number | null }>()
  for (const descriptor of descriptorsOf(index)) {
    const name = referenceOf(descriptor)
    if (name === null || !/^sha256:[0-9a-f]{64}$/.test(descriptor.digest)) continue
    const { digest } = descriptor
    const known = byDigest.get(digest) ?? { digest, names: [], createdAt: createdAtOf(descriptor) }
    byDigest.set(descriptor.digest, known)
    known.names.push(name)
  }
  return [...byDigest.values()]
}

/** Null for an unnamed blob that is no version; why not for what index.json names. */
async function readCandidate (layout: Layout, candidate: Candidate): Promise<Found | Left | null> {
  const { digest, names } = candidate
  try {
    const bytes = await layout.readDocument(digest, 'a manifest')
    const { config, layers } = parseManifest(bytes, digest)
    const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0)
    const missing = [config, ...layers].find((blob) => lookAt(layout, blob.digest)?.sizeBytes !== blob.sizeBytes)
    if (missing !== undefined) throw new RegistryError('BLOB_MISSING', `blob ${missing.digest} is missing, or not of its size`)
    const common = { digest, manifestBytes: bytes.length, sizeBytes }
    const text = async (path: string) => {
      const layer = layers.find((each) => each.path === path)
      return layer === undefined ? null : (await layout.readDocument(layer.digest, path)).toString()
    }
    const [serving, dataset] = [await text(SERVING_FILE), await text(DATASET_FILE)]
    if (serving === null && dataset === null) throw new RegistryError('LAYOUT_CORRUPT', `it has neither ${SERVING_FILE} nor ${DATASET_FILE}; import it`)
    const built = serving !== null ? { ...common, serving: parseServing(serving) } : { ...common, dataset: parseDataset(dataset ?? '') }
    const { title, version: stated } = annotationsOf(bytes)
    return { ...candidate, built, title, stated }
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    return names.length === 0 ? null : { subject: `${names.join(' = ')} ${digest}`, problem: error.message }
  }
}

/** Why what would become champion cannot, by the name of the model. What is known to be champion was proven before. */
async function findUnfitChampions (
  { database, aliases, materialise }: ReindexContext, { prove, isForced = false }: ReindexRequest,
  plans: readonly Planned[]
): Promise<Map<string, RegistryError>> {
  const unfit = new Map<string, RegistryError>()
  for (const { each: { digest, built }, name, version, aliases: wanted = [] } of plans) {
    const isWanted = prove !== undefined && version !== undefined && wanted.includes(CHAMPION) && 'serving' in built
    if (!isWanted || isForced || aliases.read(database, name, CHAMPION) !== null) continue
    try {
      const files = async () => ({ ...await materialise(digest, `${name}:${version}`), serving: built.serving })
      await proveFit({ name, version }, files, prove)
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error
      unfit.set(name, error)
    }
  }
  return unfit
}

function recordAll (
  connection: Connection, context: PublishContext, request: ReindexRequest,
  { plans, unfit }: { plans: readonly Planned[], unfit: ReadonlyMap<string, RegistryError> }
) {
  const made: Array<Named & { digest: string }> = []
  const aliases: Array<Named & { alias: string }> = []
  const conflicts: Left[] = []
  const skipped: Left[] = []
  let unchanged = 0
  const trying = (subject: string, work: () => void) => {
    try {
      work()
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error
      conflicts.push({ subject, problem: error.message })
    }
  }
  for (const { each, name, version, problem } of plans) {
    if (problem !== undefined) skipped.push({ subject: `${name} ${each.digest}`, problem })
    else if (version !== undefined) {
      trying(`${name}:${version}`, () => {
        const isNew = recordOne(connection, context, request, { each, name, version })
        if (isNew) made.push({ name, version, digest: each.digest })
        else unchanged++
      })
    }
  }
  for (const { each, name, version, aliases: wanted = [] } of plans) {
    if (version === undefined || findVersion(connection, name, version)?.digest !== each.digest) continue
    for (const alias of wanted) {
      const present = context.aliases.read(connection, name, alias)
      if (present === version) continue
      if (present !== null) conflicts.push({ subject: `${name}@${alias}`, problem: `points to ${present}, index.json says ${version}` })
      else {
        trying(`${name}@${alias}`, () => {
          const problem = alias === CHAMPION ? unfit.get(name) : undefined
          if (problem !== undefined) throw problem
          const { actor, reason, isForced = false } = request
          context.aliases.set(connection, { name, alias, version, actor, reason, isForced }, context.now())
          aliases.push({ name, alias, version })
        })
      }
    }
  }
  return { versions: made, aliases, unchanged, conflicts, skipped }
}

/** True when it was not known before. Its age is what index.json says, so that versions keep their order. */
function recordOne (
  connection: Connection, context: PublishContext, { actor, reason }: ReindexRequest,
  { each: { built, createdAt }, name, version }: { each: Found } & Named
): boolean {
  checkName(name)
  checkVersion(version)
  const isPast = createdAt !== null && createdAt < context.now()
  const request = { name, version, actor, reason, ...isPast ? { createdAt } : {} }
  const { status } = recordEither(connection, context, request, built, 'version.reindex')
  return status !== 'unchanged'
}

/**
 * What a manifest is called: a tag that its own annotation states, or that cannot be an alias, is a version; any other
 * is an alias of it. Without such a tag the annotation is the version, or else the tag. Pure.
 */
function namesOf ({ names, title, stated }: Found): Plan[] {
  if (names.length === 0) {
    return title === undefined || stated === undefined ? [] : [{ name: title, version: stated }]
  }
  const byName = new Map<string, string[]>()
  for (const full of names) {
    const colon = full.lastIndexOf(':')
    const name = colon < 0 ? title ?? '' : full.slice(0, colon)
    byName.set(name, [...byName.get(name) ?? [], full.slice(colon + 1)])
  }
  return [...byName].flatMap(([name, tags]): Plan[] => {
    if (name === '') return [{ name: tags.join(), problem: 'neither index.json nor its manifest says of which model it is; import it with a name' }]
    const own = tags.filter((tag) => tag === stated || !isAlias(tag))
    const others = tags.filter((tag) => !own.includes(tag))
    const [only] = others
    const list = own.length > 0 ? own : stated !== undefined ? [stated] : only === undefined ? [] : [only]
    const target = list.includes(stated ?? '') ? stated : list[0]
    return list.map((version) => ({
      name, version, ...version === target ? { aliases: others.filter((tag) => tag !== version) } : {}
    }))
  })
}

function isAlias (tag: string): boolean {
  try {
    checkAlias(tag)
    return true
  } catch {
    return false
  }
}

function isObject (path: string): boolean {
  try {
    return readFileSync(path)[0] === '{'.charCodeAt(0)
  } catch {
    return false
  }
}
