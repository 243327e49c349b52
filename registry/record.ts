import type { KeyObject } from 'node:crypto'
import type { AliasStore } from './aliases.js'
import type { AuditStore } from './audit.js'
import type { Connection } from './database.js'
import type { DatasetDocument } from './datasets/document.js'
import { RegistryError } from './errors.js'
import type { Layer } from './manifest.js'
import { quote } from './names.js'
import { versions } from './schema.js'
import type { Serving } from './serving.js'
import { signLayers } from './signing/bundle.js'
import type { SignaturePolicy } from './signing/policies.js'
import type { SignatureReport } from './signing/report.js'
import type { Signing } from './signing/signing.js'
import { refuseRemoved } from './tombstones.js'
import {
  datasetDetailOf, detailOf, findVersion, refuseOtherKind, requireVersion, type DatasetDetail, type VersionDetail,
  type VersionRow
} from './versions.js'

/** What a version is recorded under, and by whom. */
export interface RecordRequest {
  readonly name: string
  readonly version: string
  readonly alias?: string
  /** Makes it champion without proof that it can be served; recorded as such. */
  readonly isForced?: boolean
  readonly actor: string
  readonly reason?: string
  /** Milliseconds; when the version was made, when that was not now. */
  readonly createdAt?: number
  /** A private key to sign the version with. */
  readonly signWith?: KeyObject
  /** Stricter than what holds anyway, or without effect. */
  readonly signaturePolicy?: SignaturePolicy
  /** Domains whose operators were let through though they are not the runtime's own; recorded as such. */
  readonly allowedOperatorDomains?: readonly string[]
}

export interface RecordContext {
  readonly aliases: AliasStore
  readonly audit: AuditStore
  readonly signing: Signing
  readonly now: () => number
}

/** The version as it is about to be recorded. */
interface BuiltVersion {
  readonly digest: string
  readonly manifestBytes: number
  readonly sizeBytes: number
}
export interface Built extends BuiltVersion { readonly serving: Serving }
export interface BuiltDataset extends BuiltVersion { readonly dataset: DatasetDocument }

export interface RecordedDataset { readonly status: 'published' | 'unchanged', readonly detail: DatasetDetail }
export interface Recorded { readonly status: 'published' | 'unchanged', readonly detail: VersionDetail }

/**
 * Signs when asked to, keeps the signatures, and lets the policy decide.
 * @throws RegistryError VERSION_CONFLICT, KIND_MISMATCH, SIGNATURE_REQUIRED, SIGNATURE_INVALID
 */
export async function admit (
  connection: Connection, signing: Signing, request: RecordRequest,
  { built, layers, bundles }: { built: Built | BuiltDataset, layers: readonly Layer[], bundles: readonly Buffer[] }
): Promise<SignatureReport> {
  const { name, version, signWith, signaturePolicy = 'off' } = request
  refuseOtherKind(connection, name, 'serving' in built ? 'model' : 'dataset')
  refuseConflict(findVersion(connection, name, version), built, request)
  const own = signWith === undefined ? [] : [signLayers(name.slice(name.lastIndexOf('/') + 1), layers, signWith)]
  return await signing.admitPublish({
    label: `${name}:${version}`,
    subject: { digest: built.digest, sizeBytes: built.manifestBytes },
    layers,
    bundles: [...bundles, ...own],
    policy: signaturePolicy
  })
}

/** Version, alias and audit: all or nothing, within the caller's transaction. */
export function record (
  connection: Connection, context: RecordContext, request: RecordRequest, built: Built, action = 'version.publish'
): Recorded {
  const status = recordRow(connection, context, request, built, action)
  return { status, detail: detailOf(connection, requireVersion(connection, request.name, request.version)) }
}

/** As `record`, for a dataset. */
export function recordDataset (
  connection: Connection, context: RecordContext, request: RecordRequest, built: BuiltDataset,
  action = 'version.publish'
): RecordedDataset {
  const status = recordRow(connection, context, request, built, action)
  return { status, detail: datasetDetailOf(connection, requireVersion(connection, request.name, request.version)) }
}

/** As `record`, for a version of either kind. */
export function recordEither (
  connection: Connection, context: RecordContext, request: RecordRequest, built: Built | BuiltDataset, action: string
): Recorded | RecordedDataset {
  return 'serving' in built
    ? record(connection, context, request, built, action)
    : recordDataset(connection, context, request, built, action)
}

function recordRow (
  connection: Connection, context: RecordContext, request: RecordRequest, built: Built | BuiltDataset,
  action: string
): Recorded['status'] {
  const { name: model, version, actor } = request
  const reason = request.reason ?? 'published'
  const at = context.now()
  refuseRemoved(connection, model, version)
  refuseOtherKind(connection, model, 'serving' in built ? 'model' : 'dataset')
  const existing = findVersion(connection, model, version)
  refuseConflict(existing, built, request)
  if (existing === null) {
    if (context.aliases.read(connection, model, version) !== null) {
      throw new RegistryError('INVALID_VERSION', `${quote(version)} is an alias of ${quote(model)}, so it cannot be a version`)
    }
    const { createdAt = at, allowedOperatorDomains: allowed = [] } = request
    connection.insert(versions).values({ model, version, createdAt, ...columnsOf(built) }).run()
    context.audit.append({
      at,
      actor,
      action,
      subject: `${model}:${version}`,
      reason,
      details: {
        digest: built.digest,
        sizeBytes: built.sizeBytes,
        ...allowed.length > 0 && { allowedOperatorDomains: allowed }
      }
    }, connection)
  }
  if (request.alias !== undefined) {
    const { alias, isForced = false } = request
    context.aliases.set(connection, { name: model, alias, version, actor, reason, isForced }, at)
  }
  return existing === null ? 'published' : 'unchanged'
}

function columnsOf (built: Built | BuiltDataset): Omit<VersionRow, 'model' | 'version' | 'createdAt'> {
  const { digest, manifestBytes, sizeBytes } = built
  const document = 'serving' in built
    ? { kind: 'model', document: built.serving } as const
    : { kind: 'dataset', document: built.dataset } as const
  return { digest, manifestBytes, sizeBytes, ...document }
}

/** @throws RegistryError VERSION_CONFLICT */
export function refuseConflict (
  existing: VersionRow | null, { digest }: BuiltVersion, { name, version }: RecordRequest
): void {
  if (existing === null || existing.digest === digest) return
  throw new RegistryError('VERSION_CONFLICT',
    `version ${quote(version)} of ${quote(name)} exists with digest ${existing.digest} and is immutable; ` +
    `the new files have digest ${digest}, publish them as another version`)
}
