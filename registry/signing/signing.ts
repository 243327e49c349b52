import type { KeyObject } from 'node:crypto'
import type { Actor, AuditStore } from '../audit.js'
import { RegistryError } from '../errors.js'
import type { Layout } from '../layout.js'
import { parseManifest, type Layer } from '../manifest.js'
import { parseBundle, signLayers, verifyBundle, type Bundle } from './bundle.js'
import { fingerprintOf, toKeyObject, type PublicKey } from './keys.js'
import { stricter, type SignaturePolicy } from './policies.js'
import type { KnownKey, Trust, TrustStore } from './policy.js'
import { describeReport, refusal, UNSIGNED, type SignatureCheck, type SignatureReport } from './report.js'
import type { ReferrerStore, StoredBundle, Subject } from './store.js'
import { filesFault, invalid } from './statement.js'

export interface SigningContext {
  readonly layout: Layout
  readonly referrers: ReferrerStore
  /** Runs `work` while nobody collects blobs. */
  readonly keepBlobs: (work: () => Promise<void>) => Promise<void>
  readonly trust: TrustStore
  readonly audit: AuditStore
  readonly now: () => number
  readonly warn: (message: string) => void
  /** The least that holds, whatever the trust store says. */
  readonly policy: SignaturePolicy
  /** Fingerprints; a key of the trust store that is not among them does not count. Null for every trusted key. */
  readonly allowedKeys: readonly string[] | null
}

/** What somebody wants signed. */
export interface SignRequest extends Actor {
  readonly name: string
  readonly version: string
  readonly digest: string
  /** Does and refuses all that signing would, but keeps nothing. */
  readonly isDryRun?: boolean
}

export interface SignResult { readonly status: 'signed' | 'unchanged', readonly fingerprint: string, readonly bundle: Buffer }

/** A version on its way into the registry, with the signatures that come with it. */
export interface Candidate {
  readonly label: string
  readonly subject: Subject
  readonly layers: readonly Layer[]
  readonly bundles: readonly Buffer[]
  readonly policy: SignaturePolicy
}

/** What somebody decided about keys. */
export type Decision =
  | { readonly trust: PublicKey, readonly name: string, readonly isReinstated: boolean }
  | { readonly revoke: string }
  | { readonly policy: SignaturePolicy }

/** Signatures of versions: makes them, keeps them, and says whether a version may be published and loaded. */
export class Signing {
  readonly trust: TrustStore
  readonly #context: SigningContext
  readonly #warned = new Set<string>()

  constructor (context: SigningContext) {
    this.#context = context
    this.trust = context.trust
  }

  /** What holds: the stricter of the registry's own policy and the trust store's. */
  policy (trust: Trust = this.trust.read()): SignaturePolicy {
    return stricter(this.#context.policy, trust.policy)
  }

  /**
   * Changes the trust store and records who did; a dry run only refuses what it would.
   * @throws RegistryError KEY_INVALID, KEY_CONFLICT, KEY_NOT_FOUND
   */
  decide ({ actor, reason }: Actor, decision: Decision, isDryRun = false): void {
    const at = this.#context.now()
    const record = (action: string, subject: string, details: Record<string, unknown>): void => {
      if (!isDryRun) this.#context.audit.append({ at, actor, action, subject, reason, details })
    }
    if ('trust' in decision) {
      const { trust: key, name, isReinstated } = decision
      this.trust.trust(key, { name, at, isReinstated, isDryRun })
      record('key.trust', name, { fingerprint: key.fingerprint, curve: key.curve })
    } else if ('revoke' in decision) {
      const { name, fingerprint } = this.trust.revoke(decision.revoke, at, isDryRun)
      record('key.revoke', name, { fingerprint })
    } else {
      this.trust.setPolicy(decision.policy, isDryRun)
      record('key.policy', 'signatures', { policy: decision.policy })
    }
  }

  /** What the signatures of a published version are worth; none is when its manifest is damaged. */
  async report (digest: string): Promise<SignatureReport> {
    try {
      return await this.#report(digest)
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error
      return { state: 'invalid', signatures: [{ fingerprint: null, name: null, problem: error.message }] }
    }
  }

  /** Signs a version. A version that this key has signed is left as it is. @throws RegistryError KEY_INVALID */
  async sign (request: SignRequest, privateKey: KeyObject): Promise<SignResult> {
    const { name, digest } = request
    const layers = await this.#layersOf(digest)
    const existing = (await this.#parsed(digest)).find(({ bundle }) =>
      bundle.fingerprint === fingerprintOf(privateKey) && filesFault(bundle.statement, layers) === null &&
      verifyBundle(bundle, privateKey))
    if (existing !== undefined) {
      return { status: 'unchanged', fingerprint: existing.bundle.fingerprint, bundle: existing.bytes }
    }
    const bundle = signLayers(name.slice(name.lastIndexOf('/') + 1), layers, privateKey)
    if (request.isDryRun !== true) await this.#add(request, bundle)
    return { status: 'signed', fingerprint: fingerprintOf(privateKey), bundle }
  }

  /**
   * Keeps a signature that was made elsewhere.
   * @throws RegistryError SIGNATURE_INVALID unless it is about these files
   */
  async attach (request: SignRequest, bytes: Buffer): Promise<SignResult> {
    const bundle = parseBundle(bytes)
    const fault = filesFault(bundle.statement, await this.#layersOf(request.digest))
    if (fault !== null) throw invalid(`the bundle is not about ${request.name}:${request.version}: ${fault}`)
    const isThere = (await this.#parsed(request.digest)).some(({ bytes: stored }) => stored.equals(bytes))
    if (!isThere && request.isDryRun !== true) await this.#add(request, bytes)
    return { status: isThere ? 'unchanged' : 'signed', fingerprint: bundle.fingerprint, bundle: bytes }
  }

  /**
   * Lets a version be loaded, or refuses it.
   * @throws RegistryError SIGNATURE_REQUIRED, SIGNATURE_INVALID; LAYOUT_CORRUPT when the trust store is damaged
   */
  async admit (digest: string, label: string): Promise<void> {
    const policy = this.policy()
    if (policy !== 'off') this.#enforce(await this.#report(digest), { policy, digest, label })
  }

  /** Refuses a version that comes without any signature before its files are read. @throws as `admit` */
  refuseBare (label: string, policy: SignaturePolicy): void {
    if (stricter(policy, this.policy()) === 'require') throw refusal(UNSIGNED, label)
  }

  /**
   * What the signatures of a version that is not there yet are worth, with those that are kept already. Stores nothing.
   * @throws as `admit`
   */
  async judge (candidate: Candidate): Promise<SignatureReport> {
    return (await this.#judgeCandidate(candidate)).report
  }

  /**
   * Lets a version be published, or refuses it, and keeps the signatures it comes with: before the version exists, so
   * that it never exists without them. @throws as `admit`
   */
  async admitPublish (candidate: Candidate): Promise<SignatureReport> {
    const { report, fresh } = await this.#judgeCandidate(candidate)
    for (const { bytes } of fresh) await this.#context.referrers.add(bytes, candidate.subject)
    return report
  }

  /** Each signature once: neither what is kept already nor another one by a key whose signature is. */
  async #judgeCandidate ({ label, subject, layers, bundles, policy }: Candidate) {
    const trust = this.trust.read()
    const stored = await this.#context.referrers.list(subject.digest)
    const signers = new Set(this.#judge(stored, layers, trust).signatures
      .flatMap(({ fingerprint, problem }) => problem === null ? [fingerprint] : []))
    const fresh: Array<{ digest: string, bytes: Buffer }> = []
    for (const bytes of bundles) {
      const isThere = [...stored, ...fresh].some((known) => 'bytes' in known && known.bytes.equals(bytes))
      const signer = parsedOrNull(bytes)?.fingerprint
      if (!isThere && (signer === undefined || !signers.has(signer))) fresh.push({ digest: subject.digest, bytes })
    }
    const report = this.#judge([...stored, ...fresh], layers, trust)
    this.#enforce(report, { policy: stricter(policy, this.policy(trust)), digest: subject.digest, label })
    return { report, fresh }
  }

  /** What keeps the signatures, for copying them and listing them anew. */
  get referrers (): ReferrerStore {
    return this.#context.referrers
  }

  async #report (digest: string): Promise<SignatureReport> {
    const stored = await this.#context.referrers.list(digest)
    return this.#judge(stored, stored.length === 0 ? [] : await this.#layersOf(digest), this.trust.read())
  }

  async #add ({ name, version, digest, actor, reason }: SignRequest, bundle: Buffer): Promise<void> {
    const manifest = await this.#context.layout.readDocument(digest, `the manifest of ${name}:${version}`)
    await this.#context.keepBlobs(async () => {
      await this.#context.referrers.add(bundle, { digest, sizeBytes: manifest.length })
    })
    this.#context.audit.append({
      at: this.#context.now(),
      actor,
      action: 'version.sign',
      subject: `${name}:${version}`,
      reason,
      details: { digest, fingerprint: parseBundle(bundle).fingerprint }
    })
  }

  async #layersOf (digest: string): Promise<readonly Layer[]> {
    return parseManifest(await this.#context.layout.readDocument(digest, '(manifest)'), digest).layers
  }

  async #parsed (digest: string): Promise<Array<{ bytes: Buffer, bundle: Bundle }>> {
    return (await this.#context.referrers.list(digest)).flatMap((stored) => {
      const bundle = 'bytes' in stored ? parsedOrNull(stored.bytes) : null
      return bundle === null || !('bytes' in stored) ? [] : [{ bytes: stored.bytes, bundle }]
    })
  }

  #judge (stored: readonly StoredBundle[], layers: readonly Layer[], { keys }: Trust): SignatureReport {
    const signatures = stored.map((each) => checkSignature(each, layers, keys, this.#context.allowedKeys))
    const isSigned = signatures.some(({ problem }) => problem === null)
    return { state: isSigned ? 'signed' : signatures.length > 0 ? 'invalid' : 'unsigned', signatures }
  }

  #enforce (report: SignatureReport, admission: { policy: SignaturePolicy, digest: string, label: string }): void {
    const { policy, digest, label } = admission
    if (policy === 'off' || report.state === 'signed') return
    if (policy === 'require') throw refusal(report, label)
    if (this.#warned.has(digest)) return
    this.#warned.add(digest)
    this.#context.warn(`${label} is ${describeReport(report)}`)
  }
}

function checkSignature (
  stored: StoredBundle, layers: readonly Layer[], keys: readonly KnownKey[], allowed: readonly string[] | null
): SignatureCheck {
  if ('problem' in stored) return { fingerprint: null, name: null, problem: `a signature cannot be read: ${stored.problem}` }
  let bundle: Bundle
  try {
    bundle = parseBundle(stored.bytes)
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    return { fingerprint: null, name: null, problem: error.message }
  }
  const { fingerprint } = bundle
  const key = keys.find((known) => known.fingerprint === fingerprint)
  const name = key?.name ?? null
  const problem = key === undefined
    ? `the signature by ${fingerprint} cannot be checked, as that key is not trusted here`
    : keyProblem(bundle, key, allowed) ?? filesProblem(bundle, layers, key)
  return { fingerprint, name, problem }
}

function keyProblem (bundle: Bundle, key: KnownKey, allowed: readonly string[] | null): string | null {
  const who = `${key.name} (${key.fingerprint})`
  if (key.status === 'revoked') return `the key ${who} is revoked`
  if (allowed !== null && !allowed.includes(key.fingerprint)) return `the key ${who} is not among the allowed ones`
  return verifyBundle(bundle, toKeyObject(key as PublicKey)) ? null : `the signature was not made by the key ${who} that it names`
}

function filesProblem (bundle: Bundle, layers: readonly Layer[], key: KnownKey): string | null {
  const fault = filesFault(bundle.statement, layers)
  return fault === null ? null : `the signature by ${key.name} (${key.fingerprint}) is about other files: ${fault}`
}

function parsedOrNull (bytes: Buffer): Bundle | null {
  try {
    return parseBundle(bytes)
  } catch (error) {
    if (error instanceof RegistryError) return null
    throw error
  }
}
