import { readFileSync } from 'node:fs'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { withLock } from '../database.js'
import { RegistryError } from '../errors.js'
import { replaceFile } from '../layout.js'
import { quote } from '../names.js'
import { didYouMean } from '../nearest.js'
import type { TemporaryDirectories } from '../temporary.js'
import { parsePublicKey, type PublicKey } from './keys.js'
import type { SignaturePolicy } from './policies.js'

const LOCK_TIMEOUT_MS = 5_000
const KEYS_MAX = 1_000
const PREFIX_LENGTH_MIN = 8
const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/

const TrustSchema = Type.Object({
  schemaVersion: Type.Literal(1),
  policy: Type.Union([Type.Literal('off'), Type.Literal('warn'), Type.Literal('require')]),
  keys: Type.Array(Type.Object({
    fingerprint: Type.String(),
    name: Type.String({ pattern: KEY_NAME.source }),
    publicKey: Type.String(),
    status: Type.Union([Type.Literal('trusted'), Type.Literal('revoked')]),
    at: Type.Integer({ minimum: 0 })
  }), { maxItems: KEYS_MAX })
})

/** A key that somebody decided about. */
export interface KnownKey extends PublicKey {
  readonly name: string
  /** A revoked key stays listed, so that nobody trusts it again by mistake. */
  readonly status: 'trusted' | 'revoked'
  /** When its status was set, ms. */
  readonly at: number
}

export interface Trust { readonly policy: SignaturePolicy, readonly keys: readonly KnownKey[] }

/** Whose signatures count in one data directory, and whether one is needed: a file that is read anew every time. */
export class TrustStore {
  readonly #path: string
  readonly #temporary: TemporaryDirectories
  readonly #lock: string

  constructor (path: string, temporary: TemporaryDirectories, lock: string) {
    this.#path = path
    this.#temporary = temporary
    this.#lock = lock
  }

  /** @throws RegistryError LAYOUT_CORRUPT when the file is not as it was written: trust is never guessed */
  read (): Trust {
    const text = this.#text()
    return text === null ? { policy: 'off', keys: [] } : parseTrust(text, this.#path)
  }

  /** Adds a key, or renames it. @throws RegistryError KEY_CONFLICT for a name in use or a key that was revoked */
  trust (
    key: PublicKey, decision: { name: string, at: number, isReinstated?: boolean, isDryRun?: boolean }
  ): void {
    const { name, at, isReinstated = false, isDryRun = false } = decision
    if (!KEY_NAME.test(name)) {
      throw new RegistryError('KEY_INVALID',
        `the name of a key ${quote(name)} must be 1 to 64 letters, digits, . _ @ + or -, beginning with a letter or digit`)
    }
    this.#update(({ policy, keys }) => {
      const known = keys.find(({ fingerprint }) => fingerprint === key.fingerprint)
      if (known?.status === 'revoked' && !isReinstated) {
        throw new RegistryError('KEY_CONFLICT',
          `the key ${quote(known.name)} was revoked; make a new one, or reinstate this one (--reinstate)`)
      }
      const others = keys.filter(({ fingerprint }) => fingerprint !== key.fingerprint)
      if (others.some((other) => other.name === name)) {
        throw new RegistryError('KEY_CONFLICT', `another key is named ${quote(name)}; choose another name`)
      }
      if (others.length >= KEYS_MAX) throw new RegistryError('KEY_CONFLICT', `there are ${KEYS_MAX} keys already`)
      return { policy, keys: [...others, { ...key, name, status: 'trusted', at }] }
    }, isDryRun)
  }

  /**
   * Ends a key: every signature by it is invalid from now on, whenever it was made.
   * @throws RegistryError KEY_NOT_FOUND
   */
  revoke (wanted: string, at: number, isDryRun = false): KnownKey {
    const { fingerprint } = this.find(wanted)
    this.#update(({ policy, keys }) => ({
      policy,
      keys: keys.map((key) => key.fingerprint === fingerprint && key.status === 'trusted'
        ? { ...key, status: 'revoked', at }
        : key)
    }), isDryRun)
    return this.find(fingerprint)
  }

  /** Says what becomes of versions without a valid signature. */
  setPolicy (policy: SignaturePolicy, isDryRun = false): void {
    this.#update(({ keys }) => ({ policy, keys }), isDryRun)
  }

  /** A key by its name, its fingerprint, or at least eight digits of it. @throws RegistryError KEY_NOT_FOUND */
  find (wanted: string): KnownKey {
    const { keys } = this.read()
    const named = keys.filter(({ name, fingerprint }) => name === wanted || fingerprint === wanted)
    const found = named.length > 0 || wanted.length < PREFIX_LENGTH_MIN
      ? named
      : keys.filter(({ fingerprint }) => fingerprint.startsWith(wanted))
    const [key] = found
    if (key !== undefined && found.length === 1) return key
    const hint = found.length === 0 ? didYouMean(wanted, keys.map(({ name }) => name)) : ''
    throw new RegistryError('KEY_NOT_FOUND',
      `${found.length === 0 ? 'no key' : 'more than one key'} is ${quote(wanted)}${hint}`)
  }

  #text (): string | null {
    try {
      return readFileSync(this.#path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw new RegistryError('LAYOUT_CORRUPT', `cannot read ${quote(this.#path)}: ${(error as Error).message}`, { cause: error })
    }
  }

  /** Reads, changes and replaces the file while nobody else does; a dry run leaves it as it is. */
  #update (change: (trust: Trust) => Trust, isDryRun: boolean): void {
    withLock(this.#lock, LOCK_TIMEOUT_MS, () => {
      const { policy, keys } = change(this.read())
      if (isDryRun) return
      const document: Static<typeof TrustSchema> = {
        schemaVersion: 1,
        policy,
        keys: keys.map(({ fingerprint, name, pem, status, at }) => ({ fingerprint, name, publicKey: pem, status, at }))
      }
      this.#temporary.useSync((directory) => replaceFile(this.#path, `${JSON.stringify(document, null, 2)}\n`, directory))
    })
  }
}

function parseTrust (text: string, path: string): Trust {
  const damaged = (why: string) => new RegistryError('LAYOUT_CORRUPT',
    `the trust store ${quote(path)} is damaged, so no signature can be judged: ${why}`)
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (error) {
    throw damaged((error as Error).message)
  }
  if (!Value.Check(TrustSchema, document)) {
    const [fault] = Value.Errors(TrustSchema, document)
    throw damaged(`${fault?.instancePath ?? ''} ${fault?.message ?? ''}`)
  }
  const keys = document.keys.map(({ fingerprint, publicKey, ...rest }) => {
    const key = parsePublicKey(publicKey, `the key ${quote(rest.name)} of ${quote(path)}`)
    if (key.fingerprint !== fingerprint) throw damaged(`the key ${quote(rest.name)} has another fingerprint than stated`)
    return { ...key, ...rest }
  })
  return { policy: document.policy, keys }
}
