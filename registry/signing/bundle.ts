import { sign, verify, type KeyObject } from 'node:crypto'
import { Type } from 'typebox'
import type { Layer } from '../manifest.js'
import { quote } from '../names.js'
import { algorithmOf, fingerprintOf } from './keys.js'
import { buildStatement, checkShape, invalid, parseJson, parseStatement, type Statement } from './statement.js'

/** OpenSSF Model Signing 1.0: a sigstore bundle around a DSSE envelope around an in-toto statement. */
export const BUNDLE_MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json'
/** Read whole, so it is bounded; a statement over 20,000 files fits. */
export const BUNDLE_BYTES_MAX = 8 * 1024 ** 2
const PAYLOAD_TYPE = 'application/vnd.in-toto+json'
const SIGNATURE_LENGTH_MAX = 256
/** Verification material of signatures that are not by a plain key. */
const CERTIFICATE_MEMBERS = ['certificate', 'x509CertificateChain'] as const

/** A bundle whose form is right; whether its signature is, `verifyBundle` tells. */
export interface Bundle {
  /** The signer's key, by its own account. */
  readonly fingerprint: string
  readonly payload: Buffer
  readonly signature: Buffer
  readonly statement: Statement
}

const BundleSchema = Type.Object({
  mediaType: Type.Literal(BUNDLE_MEDIA_TYPE),
  verificationMaterial: Type.Object({
    publicKey: Type.Object({ hint: Type.String({ pattern: '^[0-9a-f]{64}$' }) })
  }),
  dsseEnvelope: Type.Object({
    payload: Type.String({ minLength: 1 }),
    payloadType: Type.Literal(PAYLOAD_TYPE),
    signatures: Type.Array(Type.Object({
      sig: Type.String({ minLength: 1, maxLength: SIGNATURE_LENGTH_MAX }),
      keyid: Type.Optional(Type.Union([Type.Literal(''), Type.Null()]))
    }), { minItems: 1, maxItems: 1 })
  })
})

/** What DSSE signs: the type and the payload, each behind its length in bytes. Pure. */
export function preAuthenticationEncoding (type: string, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `), payload])
}

/** Signs the files of a version. @throws RegistryError KEY_INVALID */
export function signLayers (subject: string, layers: readonly Layer[], privateKey: KeyObject): Buffer {
  const { hash } = algorithmOf(privateKey)
  const payload = buildStatement(subject, layers)
  const signature = sign(hash, preAuthenticationEncoding(PAYLOAD_TYPE, payload), { key: privateKey, dsaEncoding: 'der' })
  return Buffer.from(JSON.stringify({
    mediaType: BUNDLE_MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint: fingerprintOf(privateKey) }, tlogEntries: [] },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: PAYLOAD_TYPE,
      signatures: [{ sig: signature.toString('base64'), keyid: '' }]
    }
  }))
}

/** Reads a bundle that may come from anywhere; no key is asked yet. @throws RegistryError SIGNATURE_INVALID */
export function parseBundle (bytes: Buffer): Bundle {
  if (bytes.length > BUNDLE_BYTES_MAX) throw invalid(`the bundle is larger than ${BUNDLE_BYTES_MAX} bytes`)
  const document = parseJson(bytes, 'the bundle')
  refuseOtherMethods(document)
  const { verificationMaterial, dsseEnvelope } = checkShape(BundleSchema, document, 'the bundle')
  const payload = decodeBase64(dsseEnvelope.payload, 'payload')
  return {
    fingerprint: verificationMaterial.publicKey.hint,
    payload,
    signature: decodeBase64(dsseEnvelope.signatures[0]?.sig ?? '', 'signature'),
    statement: parseStatement(payload)
  }
}

/** Whether this very key signed the bundle. The hash follows from the key alone: nothing in the bundle chooses it. */
export function verifyBundle (bundle: Bundle, publicKey: KeyObject): boolean {
  if (fingerprintOf(publicKey) !== bundle.fingerprint) return false
  const { hash } = algorithmOf(publicKey)
  const signed = preAuthenticationEncoding(PAYLOAD_TYPE, bundle.payload)
  return verify(hash, signed, { key: publicKey, dsaEncoding: 'der' }, bundle.signature)
}

/** Certificates need a root of trust, and keyless signatures a transparency log, which this registry does not ask. */
function refuseOtherMethods (document: unknown): void {
  const material = (document as { verificationMaterial?: unknown } | null)?.verificationMaterial
  if (typeof material !== 'object' || material === null) return
  const found = CERTIFICATE_MEMBERS.find((member) => Object.hasOwn(material, member))
  if (found !== undefined) {
    throw invalid(`the bundle is signed by ${found === 'certificate' ? 'a keyless identity' : 'a certificate'} ` +
      `(${found}), which this registry cannot verify; sign the model with a key`)
  }
  const publicKey = (material as { publicKey?: unknown }).publicKey
  if (typeof publicKey === 'object' && publicKey !== null && Object.hasOwn(publicKey, 'rawBytes')) {
    throw invalid('the bundle carries its own key (rawBytes), as early versions of the format did, instead of naming it ' +
      '(hint); sign the model anew')
  }
}

function decodeBase64 (text: string, member: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') === text) return bytes
  throw invalid(`the ${member} of the bundle is not base64: ${quote(text)}`)
}
