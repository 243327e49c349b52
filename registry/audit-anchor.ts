import { sign, verify, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { AuditAnchor } from './audit-chain.js'
import { RegistryError } from './errors.js'
import { canonicalJson } from './manifest.js'
import { quote } from './names.js'
import { algorithmOf, fingerprintOf, toKeyObject, type PublicKey } from './signing/keys.js'

const FORMAT = 'gauntlet-audit-anchor/v1'
const FILE_BYTES_MAX = 64 * 1024

/** The head of the audit trail at some time, to be kept where nobody who writes the trail can change it. */
export interface AnchorDocument extends AuditAnchor {
  readonly format: typeof FORMAT
  /** Milliseconds since the epoch. */
  readonly takenAt: number
  /** ECDSA over the canonical JSON of the rest, with the hash of the key's curve. */
  readonly signature?: { readonly key: string, readonly value: string }
}

/** An anchor as a document, signed when there is a key. @throws RegistryError KEY_INVALID */
export function writeAnchor ({ id, hash }: AuditAnchor, takenAt: number, key: KeyObject | null): AnchorDocument {
  const anchor = { format: FORMAT, id, hash, takenAt } as const
  if (key === null) return anchor
  const value = sign(algorithmOf(key).hash, Buffer.from(canonicalJson(anchor)), key).toString('base64')
  return { ...anchor, signature: { key: fingerprintOf(key), value } }
}

/**
 * Reads what `writeAnchor` gave; with a key its signature must be that key's.
 * @throws RegistryError SOURCE_NOT_FOUND, SOURCE_INVALID, SIGNATURE_INVALID
 */
export function readAnchor (path: string, key: PublicKey | null): AnchorDocument {
  const { signature, ...anchor } = parse(path)
  if (key === null) return anchor
  const isSigned = signature !== undefined && verify(
    algorithmOf(toKeyObject(key)).hash, Buffer.from(canonicalJson(anchor)), toKeyObject(key), Buffer.from(signature.value, 'base64'))
  if (!isSigned) {
    throw new RegistryError('SIGNATURE_INVALID', `${quote(path)} is not signed by the key ${key.fingerprint}`)
  }
  return { ...anchor, signature }
}

function parse (path: string): AnchorDocument {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new RegistryError('SOURCE_NOT_FOUND', `cannot read the anchor ${quote(path)}: ${(error as Error).message}`, { cause: error })
  }
  const invalid = (): RegistryError => new RegistryError('SOURCE_INVALID',
    `${quote(path)} is not an anchor: expected an object with format ${FORMAT}, id, hash and takenAt, as audit anchor prints it`)
  if (text.length > FILE_BYTES_MAX) throw invalid()
  let document: Partial<AnchorDocument> | null
  try {
    document = JSON.parse(text) as Partial<AnchorDocument> | null
  } catch {
    throw invalid()
  }
  const { format, id, hash, takenAt, signature } = document ?? {}
  const isWhole = format === FORMAT && Number.isSafeInteger(id) && typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash) &&
    typeof takenAt === 'number' && (signature === undefined || (typeof signature?.key === 'string' && typeof signature.value === 'string'))
  if (!isWhole) throw invalid()
  return { format, id: id!, hash, takenAt, ...signature === undefined ? {} : { signature } }
}
