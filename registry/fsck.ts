import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from './database.js'
import { RegistryError } from './errors.js'
import {
  databaseFindings, found, isSettled, orphanFindings, rowFindings, type Finding, type FindingKind
} from './findings.js'
import { listBlobs, lookAt, type BlobFile } from './layout-blobs.js'
import { deriveIndex, foreignEntries, referenceOf } from './layout-index.js'
import type { Layout } from './layout.js'
import { Reachability, type Reach, type Root } from './reachability.js'
import { Rehasher } from './rehash.js'
import type { StorageLock } from './storage-lock.js'
import type { TemporaryDirectories } from './temporary.js'
import { keptVersions, type VersionRow } from './versions.js'

/** A publish that has committed writes index.json within moments. */
const INDEX_ATTEMPTS = 5
const INDEX_PAUSE_MS = 100

export interface FsckReport {
  readonly ok: boolean
  readonly blobs: number
  readonly bytes: number
  readonly durationMs: number
  /** Blobs that nothing needs: no damage, and what a collection would free in time. */
  readonly unneeded: { readonly blobs: number, readonly bytes: number }
  readonly findings: readonly Finding[]
}

export interface FsckOptions {
  /** Rewrites index.json and removes abandoned temporaries: both derive from the rest. */
  readonly repair?: boolean
  /** Moves blobs whose bytes are wrong to `corrupt/`. */
  readonly quarantine?: boolean
  /** Blobs are not read: whether they are there, of their size, is enough. */
  readonly isShallow?: boolean
  /** Told after each blob. */
  readonly onProgress?: (bytesDone: number, bytesTotal: number) => void
}

export interface FsckContext {
  readonly dataDir: string
  readonly database: Database
  readonly layout: Layout
  readonly temporary: TemporaryDirectories
  readonly storage: StorageLock
  readonly now: () => number
  /** Writes index.json from the database. */
  readonly writeIndex: () => void
}

/**
 * Compares everything in the data directory with what it should be: bytes with digests, references with blobs, rows
 * with manifests, index.json with rows. Reads each blob once. Nothing is changed unless asked for, and nothing is
 * deleted but abandoned temporaries. Others may publish meanwhile. O(bytes) time, O(blobs) memory.
 */
export async function fsck (context: FsckContext, options: FsckOptions = {}): Promise<FsckReport> {
  const startedAt = context.now()
  const damage = databaseFindings(context.database)
  const isReadable = damage.length === 0
  const rows = isReadable ? keptVersions(context.database) : []
  const { blobs, strangers } = listBlobs(context.layout)
  const bad: Bad = options.isShallow === true ? new Map() : await rehashAll(blobs, options.onProgress ?? (() => {}))
  const reach = new Reachability(context.layout).walk(rootsOf(context, rows, isReadable), blobs)
  const findings = [
    ...damage,
    ...await quarantined(context, badFindings(bad, reach), bad, options.quarantine === true),
    ...referenceFindings(context, blobs, bad, reach),
    ...rows.flatMap((row) => rowFindings(context.layout, row)),
    ...isReadable ? orphanFindings(context.database) : [],
    ...strangers.map((path) => found('stranger', `registry/${path}`, 'is no blob and has no business here')),
    ...isReadable ? await indexFindings(context, options.repair === true) : [],
    ...temporaryFindings(context, options.repair === true)
  ]
  const unneeded = blobs.filter(({ digest }) => !reach.needed.has(digest))
  return {
    ok: findings.every(isSettled),
    blobs: blobs.length,
    bytes: bytesOf(blobs),
    durationMs: context.now() - startedAt,
    unneeded: { blobs: unneeded.length, bytes: bytesOf(unneeded) },
    findings
  }
}

/** @throws RegistryError DIGEST_MISMATCH, BLOB_MISSING or LAYOUT_CORRUPT when something is still wrong */
export function refuseFindings ({ findings }: FsckReport): void {
  const open = findings.filter((finding) => !isSettled(finding))
  if (open.length === 0) return
  const kinds = new Set(open.map(({ kind }) => kind))
  const code = kinds.has('blob-corrupt') ? 'DIGEST_MISMATCH' : kinds.has('blob-missing') ? 'BLOB_MISSING' : 'LAYOUT_CORRUPT'
  throw new RegistryError(code, `the registry is damaged, findings not settled: ${open.length} (${[...kinds].join(', ')})`)
}

function bytesOf (blobs: readonly BlobFile[]): number {
  return blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

function rootsOf ({ database, layout }: FsckContext, rows: readonly VersionRow[], isReadable: boolean): Root[] {
  const foreign = isReadable ? foreignEntries(database, layout.readIndex()) : []
  return [
    ...rows.map(({ model, version, digest }) => ({ digest, label: `${model}:${version}`, isManifest: true })),
    ...foreign.map((entry) => ({
      digest: entry.digest, label: `index.json ${referenceOf(entry) ?? '(no name)'}`, isManifest: false
    }))
  ]
}

type Bad = Map<string, { readonly file: BlobFile, readonly kind: FindingKind, readonly problem: string }>

async function rehashAll (blobs: readonly BlobFile[], onProgress: (done: number, total: number) => void): Promise<Bad> {
  const bad: Bad = new Map()
  const rehasher = new Rehasher()
  const total = bytesOf(blobs)
  let done = 0
  for (const file of blobs) {
    const { digest, path, isRegular, sizeBytes } = file
    try {
      const actual = isRegular ? await rehasher.digestOf(path) : 'something that is no regular file'
      if (actual !== digest) bad.set(digest, { file, kind: 'blob-corrupt', problem: `hashes to ${actual}` })
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT') bad.set(digest, { file, kind: 'blob-unreadable', problem: message })
    }
    done += sizeBytes
    onProgress(done, total)
  }
  return bad
}

function badFindings (bad: Bad, { needed }: Reach): Finding[] {
  return [...bad].map(([digest, { kind, problem }]) => found(kind, digest, problem, needed.get(digest)?.labels))
}

/** Moves what is corrupt aside, unless somebody has mended it since it was read. */
async function quarantined (
  context: FsckContext, findings: readonly Finding[], bad: Bad, isAsked: boolean
): Promise<Finding[]> {
  if (!isAsked || findings.length === 0) return [...findings]
  const folder = join(context.dataDir, 'corrupt')
  mkdirSync(folder, { recursive: true })
  const moved = await context.storage.exclude(async () => findings.map((known) => {
    const before = bad.get(known.subject)?.file
    const present = lookAt(context.layout, known.subject)
    if (known.kind !== 'blob-corrupt' || before === undefined || present === null) return known
    if (present.inode !== before.inode || present.modifiedAt !== before.modifiedAt) {
      return { ...known, outcome: 'repaired' as const, problem: `${known.problem}; it has been published anew since` }
    }
    renameSync(present.path, join(folder, `${basename(present.path)}.${context.now()}`))
    return { ...known, outcome: 'quarantined' as const }
  }))
  await context.layout.sync()
  return moved
}

/** What is needed and absent, or of another size than is stated. */
function referenceFindings (
  context: FsckContext, blobs: readonly BlobFile[], bad: Bad, { needed }: Reach
): Finding[] {
  const sizes = new Map(blobs.map(({ digest, sizeBytes }) => [digest, sizeBytes]))
  const findings: Finding[] = []
  for (const [digest, { sizes: stated, labels }] of needed) {
    if (bad.has(digest)) continue
    const size = sizes.get(digest) ?? lookAt(context.layout, digest)?.sizeBytes
    if (size === undefined) {
      findings.push(found('blob-missing', digest, 'is needed and not there', labels))
    } else if ([...stated].some((other) => other !== size)) {
      findings.push(found('blob-size', digest, `has ${size} bytes, a manifest says ${[...stated].join(' and ')}`, labels))
    }
  }
  if (findings.length === 0) return findings
  const present = new Set(rootsOf(context, keptVersions(context.database), true).map(({ label }) => label))
  return findings.filter(({ neededBy }) => neededBy.some((label) => present.has(label) || label.startsWith('referrer of')))
}

/** index.json beside what the database says it should be. */
async function indexFindings (context: FsckContext, isRepaired: boolean): Promise<Finding[]> {
  const { database, layout } = context
  const isStale = () => {
    const present = layout.readIndex()
    return deriveIndex(database, present) !== present
  }
  for (let attempt = 1; isStale(); attempt++) {
    if (attempt < INDEX_ATTEMPTS) {
      await sleep(INDEX_PAUSE_MS)
      continue
    }
    const stale = found('index-stale', 'registry/index.json', 'does not say what the database says')
    if (!isRepaired) return [stale]
    context.writeIndex()
    return [{ ...stale, outcome: 'repaired' }]
  }
  return []
}

function temporaryFindings ({ dataDir, temporary, now }: FsckContext, isRepaired: boolean): Finding[] {
  return temporary.abandoned(now()).map((path) => {
    if (isRepaired) rmSync(path, { recursive: true, force: true })
    const leftover = found('temporary-abandoned', relative(dataDir, path), 'was left behind by a process that is gone')
    return isRepaired ? { ...leftover, outcome: 'repaired' } : leftover
  })
}
