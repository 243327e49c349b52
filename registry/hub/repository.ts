import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import type { HubClient } from './client.js'
import { parseLicense } from './license.js'
import type { HubReference } from './reference.js'

const COMMIT = /^[0-9a-f]{40}$/

const RevisionSchema = Type.Object({
  sha: Type.String({ pattern: COMMIT.source }),
  cardData: Type.Optional(Type.Unknown())
})

const EntrySchema = Type.Object({
  type: Type.String(),
  path: Type.String(),
  oid: Type.Optional(Type.String()),
  size: Type.Optional(Type.Integer({ minimum: 0 })),
  lfs: Type.Optional(Type.Union([Type.Null(), Type.Object({
    oid: Type.String(), size: Type.Integer({ minimum: 0 })
  })]))
})

/** A repository at one commit, which never changes. */
export interface PinnedRepository {
  readonly id: string
  readonly commit: string
  /** SPDX identifiers; empty when it states none. */
  readonly licenses: readonly string[]
}

/** A file of a repository: large ones are known by their SHA-256, the others by the SHA-1 that git gives them. */
export interface HubFile {
  readonly path: string
  readonly sizeBytes: number
  readonly algorithm: 'sha256' | 'git-sha1'
  readonly hex: string
}

/**
 * Finds the commit that a branch or tag stands for now. What is fetched from then on is of that commit.
 * @throws RegistryError SOURCE_* of `HubClient.document`
 */
export async function pinRevision (client: HubClient, { id, revision }: HubReference): Promise<PinnedRepository> {
  const label = `${id}@${revision}`
  const { document } = await client.document(`/api/models/${id}/revision/${encodeURIComponent(revision)}`, label)
  if (!Value.Check(RevisionSchema, document)) throw odd(label, 'does not say which commit it is')
  if (COMMIT.test(revision) && document.sha !== revision) throw odd(label, `is said to be the commit ${document.sha}`)
  return { id, commit: document.sha, licenses: parseLicense(document.cardData) }
}

/**
 * All files of a commit with sizes and digests.
 * @throws RegistryError SOURCE_INVALID for a listing that is malformed, too long, or has a path no git tree can hold
 */
export async function listFiles (client: HubClient, { id, commit }: PinnedRepository): Promise<HubFile[]> {
  const { entriesMax } = client.context.limits
  const label = `${id}@${commit}`
  const files = new Map<string, HubFile>()
  const seen = new Set<string>()
  let entries = 0
  for (let query = '?recursive=true'; ;) {
    const { document, next } = await client.document(`/api/models/${id}/tree/${commit}${query}`, label)
    if (!Array.isArray(document)) throw odd(label, 'is not listed as an array')
    entries += document.length
    if (entries > entriesMax) throw odd(label, `has more than ${entriesMax} entries`)
    for (const entry of document) {
      const file = parseEntry(entry, label)
      if (file === null) continue
      if (files.has(file.path)) throw odd(label, `lists ${quote(file.path)} twice`)
      files.set(file.path, file)
    }
    if (next === null) return [...files.values()]
    if (seen.has(next) || document.length === 0) throw odd(label, 'is listed without an end')
    seen.add(next)
    query = next
  }
}

/** Where a file of a commit is fetched from, relative to the endpoint. */
export function filePath ({ id, commit }: PinnedRepository, path: string): string {
  return `/${id}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`
}

function parseEntry (entry: unknown, label: string): HubFile | null {
  if (!Value.Check(EntrySchema, entry)) throw odd(label, 'is listed in a form that is not known')
  const { path, type, lfs, size, oid = '' } = entry
  if (path.split('/').some((segment) => segment === '' || segment === '.' || segment === '..')) {
    throw odd(label, `lists a path ${quote(path)}, which no git tree can hold`)
  }
  if (type !== 'file') return null
  if (lfs !== undefined && lfs !== null) {
    if (!/^[0-9a-f]{64}$/.test(lfs.oid)) throw odd(label, `gives no SHA-256 of ${quote(path)}`)
    return { path, sizeBytes: lfs.size, algorithm: 'sha256', hex: lfs.oid }
  }
  if (size === undefined || !COMMIT.test(oid)) throw odd(label, `gives no size and digest of ${quote(path)}`)
  return { path, sizeBytes: size, algorithm: 'git-sha1', hex: oid }
}

function odd (label: string, problem: string): RegistryError {
  return new RegistryError('SOURCE_INVALID', `the hub's answer cannot be trusted: ${label} ${problem}`)
}
