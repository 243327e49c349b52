import {
  createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject
} from 'node:crypto'
import { closeSync, existsSync, fchmodSync, fsyncSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'

const KEY_BYTES_MAX = 64 * 1024

/** The curves of the format, by the names that OpenSSL gives them, each with its only hash. */
const CURVES: Readonly<Record<string, { readonly name: Curve, readonly hash: string }>> = {
  prime256v1: { name: 'P-256', hash: 'sha256' },
  secp384r1: { name: 'P-384', hash: 'sha384' },
  secp521r1: { name: 'P-521', hash: 'sha512' }
}

export const CURVE_NAMES = ['P-256', 'P-384', 'P-521'] as const
export type Curve = typeof CURVE_NAMES[number]

/** A public key, known by its fingerprint. */
export interface PublicKey { readonly fingerprint: string, readonly curve: Curve, readonly pem: string }

/**
 * SHA-256 of the key's PEM text as OpenSSL prints it (`BEGIN PUBLIC KEY`, lines of 64, a newline at the end), as hex
 * digits: the `hint` of a bundle. A private key has the fingerprint of its public one.
 */
export function fingerprintOf (key: KeyObject): string {
  return createHash('sha256').update(pemOf(key)).digest('hex')
}

/** Curve and hash of a key. @throws RegistryError KEY_INVALID when it is of another kind */
export function algorithmOf (key: KeyObject): { readonly curve: Curve, readonly hash: string } {
  const openssl = key.asymmetricKeyDetails?.namedCurve ?? ''
  const found = key.asymmetricKeyType === 'ec' && Object.hasOwn(CURVES, openssl) ? CURVES[openssl] : undefined
  if (found !== undefined) return { curve: found.name, hash: found.hash }
  const kind = `${key.asymmetricKeyType ?? 'unknown'} ${openssl}`.trim()
  throw new RegistryError('KEY_INVALID', `a key of the kind ${kind} cannot sign models; use ${CURVE_NAMES.join(', ')}`)
}

/** @throws RegistryError KEY_INVALID */
export function describePublicKey (key: KeyObject): PublicKey {
  return { fingerprint: fingerprintOf(key), curve: algorithmOf(key).curve, pem: pemOf(key) }
}

/**
 * Reads a PKCS#8 private key; never asks for a passphrase, and never puts the key into a message.
 * @throws RegistryError SOURCE_NOT_FOUND, or KEY_INVALID saying what is wrong with it
 */
export function loadPrivateKey (path: string, passphrase?: string): KeyObject {
  const pem = readKeyFile(path)
  const isEncrypted = pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----')
  if (!isEncrypted && !pem.includes('-----BEGIN PRIVATE KEY-----')) {
    const isOther = /-----BEGIN (?:\w+ )*PRIVATE KEY-----/.test(pem)
    throw keyInvalid(`${quote(path)} is not a private key in PKCS#8 PEM form${
      isOther ? '; turn it into one with: openssl pkcs8 -topk8 -in OLD -out NEW' : ''}`)
  }
  if (isEncrypted && passphrase === undefined) {
    throw keyInvalid(`${quote(path)} is encrypted; name the environment variable with its passphrase (--passphrase-env)`)
  }
  const key = parseKey(() => createPrivateKey({
    key: pem, format: 'pem', ...(passphrase === undefined ? {} : { passphrase })
  }), isEncrypted ? `${quote(path)} cannot be decrypted with this passphrase` : `${quote(path)} cannot be read as a key`)
  algorithmOf(key)
  return key
}

/** Reads a public key in PEM form. @throws RegistryError SOURCE_NOT_FOUND, KEY_INVALID */
export function loadPublicKey (path: string): PublicKey {
  const pem = readKeyFile(path)
  if (pem.includes('PRIVATE KEY-----')) throw keyInvalid(`${quote(path)} is a private key; give its public key`)
  return parsePublicKey(pem, quote(path))
}

/** @throws RegistryError KEY_INVALID */
export function parsePublicKey (pem: string, label: string): PublicKey {
  if (!pem.includes('-----BEGIN PUBLIC KEY-----')) throw keyInvalid(`${label} is not a public key in PEM form`)
  return describePublicKey(parseKey(() => createPublicKey({ key: pem, format: 'pem' }), `${label} cannot be read as a key`))
}

/** The key object behind a public key's text. */
export function toKeyObject ({ pem }: PublicKey): KeyObject {
  return createPublicKey(pem)
}

/**
 * Makes a key pair: the private key at `path`, readable by its owner alone, the public one at `path` and `.pub`.
 * Neither file may exist.
 * @throws RegistryError KEY_CONFLICT
 */
export function generateKeyFiles (path: string, curve: Curve, passphrase?: string): PublicKey {
  const publicPath = `${path}.pub`
  refuseKeyFiles(path)
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve })
  const pem = privateKey.export({
    type: 'pkcs8', format: 'pem', ...(passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase })
  })
  writeNew(path, pem.toString(), 0o600)
  try {
    writeNew(publicPath, pemOf(publicKey), 0o644)
  } catch (error) {
    rmSync(path)
    throw error
  }
  return describePublicKey(publicKey)
}

/** Refuses to make a key pair where there is one, or no folder. @throws RegistryError KEY_CONFLICT, SOURCE_INVALID */
export function refuseKeyFiles (path: string): void {
  for (const file of [path, `${path}.pub`]) {
    if (existsSync(file)) throw new RegistryError('KEY_CONFLICT', `${quote(file)} exists and is not overwritten`)
  }
  const folder = dirname(path)
  if (!existsSync(folder)) throw new RegistryError('SOURCE_INVALID', `cannot write ${quote(path)}: there is no folder ${quote(folder)}`)
}

function pemOf (key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  return publicKey.export({ type: 'spki', format: 'pem' }).toString()
}

/** OpenSSL's own messages say little; ours says what was tried. */
function parseKey (parse: () => KeyObject, message: string): KeyObject {
  try {
    return parse()
  } catch (error) {
    throw new RegistryError('KEY_INVALID', message, { cause: error })
  }
}

function readKeyFile (path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) throw new RegistryError('SOURCE_NOT_FOUND', `there is no key file ${quote(path)}`)
  if (!found.isFile() || found.size > KEY_BYTES_MAX) throw keyInvalid(`${quote(path)} is not a key file`)
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new RegistryError('KEY_INVALID', `cannot read the key ${quote(path)}: ${(error as Error).message}`, { cause: error })
  }
}

function writeNew (path: string, text: string, mode: number): void {
  try {
    const file = openSync(path, 'wx', mode)
    try {
      fchmodSync(file, mode)
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST'
    const message = isThere ? `${quote(path)} exists and is not overwritten` : `cannot write ${quote(path)}: ${(error as Error).message}`
    throw new RegistryError(isThere ? 'KEY_CONFLICT' : 'SOURCE_INVALID', message, { cause: error })
  }
}

function keyInvalid (message: string): RegistryError {
  return new RegistryError('KEY_INVALID', message)
}
