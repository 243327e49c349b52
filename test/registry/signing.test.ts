import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { RegistryOptions } from '../../registry/options.js'
import type { Registry } from '../../registry/registry.js'
import { digestOf } from '../../registry/blobs.js'
import { signLayers } from '../../registry/signing/bundle.js'
import { describePublicKey, fingerprintOf, generateKeyFiles, loadPrivateKey, loadPublicKey } from '../../registry/signing/keys.js'
import { fakeInspect, folderOf, modelBytes, openRegistry, publishVersions, temporaryFolder } from '../support/registry-fixtures.js'

const ANN = { actor: 'ann', reason: 'test' }
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const other = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const FINGERPRINT = fingerprintOf(publicKey)

const trust = (registry: Registry, key = publicKey, name = 'build') =>
  registry.signing.decide(ANN, { trust: describePublicKey(key), name, isReinstated: false })
const sign = (registry: Registry, version = '1', key = privateKey) => {
  const { digest } = registry.show('m', version)
  return registry.signing.sign({ name: 'm', version, digest, ...ANN }, key)
}
const reportOf = (registry: Registry, version = '1') => registry.signing.report(registry.show('m', version).digest)
const publish = (registry: Registry, path: string, change: object = {}) =>
  registry.publish({ path, name: 'm', version: '1', actor: 'ann', ...change }, fakeInspect)
const blobs = (dataDir: string) => join(dataDir, 'registry', 'blobs', 'sha256')
const index = (dataDir: string) => JSON.parse(readFileSync(join(dataDir, 'registry', 'index.json'), 'utf8'))

async function signedRegistry (options: Partial<RegistryOptions> = {}) {
  const opened = openRegistry(options)
  await publishVersions(opened.registry, ['1'])
  trust(opened.registry)
  await sign(opened.registry)
  return opened
}

/** Writes other bytes over a blob. */
function overwrite (path: string, bytes: Buffer | string): void {
  chmodSync(path, 0o644)
  writeFileSync(path, bytes)
}

describe('a signed version', () => {
  it('says by whom, also to a registry that is opened later', async () => {
    const { registry, dataDir } = await signedRegistry()
    const expected = { state: 'signed', signatures: [{ fingerprint: FINGERPRINT, name: 'build', problem: null }] }

    expect(await reportOf(registry)).toEqual(expected)
    expect(await reportOf(openRegistry({ dataDir }).registry)).toEqual(expected)
  })

  it('is a referrer in the layout, listed without a name, that outlives what is derived', async () => {
    const { registry, dataDir } = await signedRegistry()
    const entry = index(dataDir).manifests.find((candidate: { artifactType: string }) => candidate.artifactType.includes('sigstore'))
    const manifest = JSON.parse(readFileSync(join(blobs(dataDir), entry.digest.slice(7)), 'utf8'))
    const subject = registry.show('m', '1').digest

    expect(entry).toMatchObject({ artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json', annotations: { 'io.gauntlet.subject': subject } })
    expect(manifest).toMatchObject({
      schemaVersion: 2,
      artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 },
      layers: [{ mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json' }],
      subject: { digest: subject, size: statSync(join(blobs(dataDir), subject.slice(7))).size }
    })
    await publishVersions(registry, ['2'])
    registry.setAlias({ name: 'm', alias: 'blue', version: '2', ...ANN })
    expect(await reportOf(registry)).toMatchObject({ state: 'signed' })
    expect(await registry.verify('m', '1')).toMatchObject({ ok: true })
  })

  it('is found when another tool wrote index.json anew, without artifact types and annotations', async () => {
    const { registry, dataDir } = await signedRegistry()
    const manifests = index(dataDir).manifests.map(({ digest, size }: { digest: string, size: number }) => ({ digest, size }))
    writeFileSync(join(dataDir, 'registry', 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [...manifests, null, 7, { digest: 'sha256:x' }] }))
    expect(await reportOf(registry)).toMatchObject({ state: 'signed', signatures: [{ name: 'build' }] })
  })

  it('is not signed twice by one key, but by several', async () => {
    const { registry } = await signedRegistry()
    expect(await sign(registry)).toMatchObject({ status: 'unchanged' })
    expect(await sign(registry, '1', other.privateKey)).toMatchObject({ status: 'signed' })
    expect((await reportOf(registry)).signatures.map(({ name, problem }) => [name, problem === null])).toEqual([['build', true], [null, false]])
    expect(await reportOf(registry)).toMatchObject({ state: 'signed' })
  })

  it('is audited', async () => {
    const { registry } = await signedRegistry()
    expect(registry.audit().list().slice(0, 2)).toMatchObject([
      { action: 'version.sign', subject: 'm:1', actor: 'ann', reason: 'test', details: { fingerprint: FINGERPRINT } },
      { action: 'key.trust', subject: 'build', details: { fingerprint: FINGERPRINT, curve: 'P-256' } }
    ])
  })

  it('takes a bundle that was made elsewhere for these files, and no other', async () => {
    const { registry } = openRegistry()
    await publishVersions(registry, ['1', '2'])
    trust(registry)
    const { digest } = registry.show('m', '1')
    const { bundle } = await sign(registry, '2')
    const attach = (bytes: Buffer) => registry.signing.attach({ name: 'm', version: '1', digest, ...ANN }, bytes)

    await expect(attach(bundle)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID', message: expect.stringContaining('the bundle is not about m:1: "model.onnx" has other bytes') })
    await expect(attach(Buffer.from('{}'))).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })
    const away = openRegistry()
    await publishVersions(away.registry, ['1'])
    const made = (await sign(away.registry)).bundle
    expect(await attach(made)).toMatchObject({ status: 'signed', fingerprint: FINGERPRINT })
    expect(await attach(made)).toMatchObject({ status: 'unchanged' })
    expect(await reportOf(registry)).toMatchObject({ state: 'signed' })
  })
})

describe('a signature', () => {
  it('of nobody is none', async () => {
    const { registry } = openRegistry()
    await publishVersions(registry, ['1'])
    expect(await reportOf(registry)).toEqual({ state: 'unsigned', signatures: [] })
  })

  it('by a key that is not trusted, is revoked, or is not allowed does not count', async () => {
    const { registry, dataDir } = openRegistry()
    await publishVersions(registry, ['1'])
    await sign(registry)
    expect(await reportOf(registry)).toMatchObject({ state: 'invalid', signatures: [{ name: null, problem: `the signature by ${FINGERPRINT} cannot be checked, as that key is not trusted here` }] })

    trust(registry)
    expect(await reportOf(registry)).toMatchObject({ state: 'signed' })
    const strict = openRegistry({ dataDir, signatureKeys: [fingerprintOf(other.publicKey)] }).registry
    expect(await reportOf(strict)).toMatchObject({ state: 'invalid', signatures: [{ problem: `the key build (${FINGERPRINT}) is not among the allowed ones` }] })

    registry.signing.decide(ANN, { revoke: 'build' })
    expect(await reportOf(registry)).toMatchObject({ state: 'invalid', signatures: [{ name: 'build', problem: `the key build (${FINGERPRINT}) is revoked` }] })
  })

  it('that names a trusted key but was made by another is invalid', async () => {
    const { registry } = openRegistry()
    await publishVersions(registry, ['1'])
    trust(registry)
    const { bundle } = await sign(registry, '1', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
    const forged = JSON.parse(bundle.toString())
    forged.verificationMaterial.publicKey.hint = FINGERPRINT
    const { digest } = registry.show('m', '1')
    await registry.signing.attach({ name: 'm', version: '1', digest, ...ANN }, Buffer.from(JSON.stringify(forged)))
    expect((await reportOf(registry)).signatures.at(-1)).toMatchObject({ problem: `the signature was not made by the key build (${FINGERPRINT}) that it names` })
  })

  it('cannot be told when index.json cannot be read, which is said', async () => {
    const { registry, dataDir } = await signedRegistry()
    rmSync(join(dataDir, 'registry', 'index.json'))
    mkdirSync(join(dataDir, 'registry', 'index.json'))
    expect(await reportOf(registry)).toMatchObject({ state: 'invalid', signatures: [{ problem: expect.stringContaining('index.json cannot be read') }] })
  })

  it('of other files, put beside a version by hand, is invalid', async () => {
    const { registry, dataDir } = openRegistry()
    await publishVersions(registry, ['1', '2'])
    trust(registry)
    await sign(registry, '1')
    const { manifests } = index(dataDir)
    const entry = manifests.find(({ annotations }: { annotations: object }) => 'io.gauntlet.subject' in annotations)
    const victim = registry.show('m', '2').digest
    const bent = Buffer.from(readFileSync(join(blobs(dataDir), entry.digest.slice(7)), 'utf8').replace(registry.show('m', '1').digest, victim))
    writeFileSync(join(blobs(dataDir), digestOf(bent).slice(7)), bent)
    writeFileSync(join(dataDir, 'registry', 'index.json'), JSON.stringify({ manifests: [...manifests, { digest: digestOf(bent), size: bent.length }, { ...entry, annotations: { 'io.gauntlet.subject': victim } }] }))

    const { state, signatures } = await reportOf(registry, '2')

    expect([state, signatures.length]).toEqual(['invalid', 1])
    expect(signatures[0]!.problem).toContain(`the signature by build (${FINGERPRINT}) is about other files: "model.onnx" has other bytes than those that were signed`)
  })

  it('whose blobs are damaged, missing or no bundle is invalid, and says why', async () => {
    const { registry, dataDir } = await signedRegistry()
    const entry = index(dataDir).manifests.find(({ annotations }: { annotations: object }) => 'io.gauntlet.subject' in annotations)
    const manifest = join(blobs(dataDir), entry.digest.slice(7))
    const bundle = join(blobs(dataDir), JSON.parse(readFileSync(manifest, 'utf8')).layers[0].digest.slice(7))
    const problem = async () => (await reportOf(registry)).signatures[0]!.problem

    overwrite(bundle, '{}')
    expect(await problem()).toMatch(/^a signature cannot be read: blob .* does not match its digest$/)
    rmSync(bundle)
    expect(await problem()).toMatch(/is missing$/)
    rmSync(manifest)
    expect(await problem()).toMatch(/is missing$/)
    expect(await reportOf(registry)).toMatchObject({ state: 'invalid' })
  })
})

describe('under the policy', () => {
  it('off, nothing is asked', async () => {
    const { registry } = openRegistry()
    await publishVersions(registry, ['1'])
    await registry.materialise('m', '1')
  })

  it('warn, a version without a valid signature is loaded and named once', async () => {
    const warnings: string[] = []
    const { registry } = openRegistry({ signaturePolicy: 'warn', warn: (line) => warnings.push(line) })
    await publishVersions(registry, ['1'])
    await registry.materialise('m', '1')
    await registry.materialise('m', '1')
    expect(warnings).toEqual(['m:1 is unsigned'])
    await publishVersions(registry, ['2'])
    await sign(registry, '2')
    await registry.materialise('m', '2')
    expect(warnings.slice(1)).toEqual(['m:2 is unsigned'])
  })

  it('require, an unsigned version is neither published nor loaded', async () => {
    const { registry, dataDir } = openRegistry()
    await publishVersions(registry, ['1'])
    registry.signing.decide(ANN, { policy: 'require' })

    await expect(registry.materialise('m', '1')).rejects.toMatchObject({ code: 'SIGNATURE_REQUIRED', message: 'm:1 is unsigned, and the policy requires a signature by a trusted key' })
    await expect(publishVersions(registry, ['2'])).rejects.toMatchObject({ code: 'SIGNATURE_REQUIRED' })
    expect(registry.models()[0]!.versions.map(({ version }) => version)).toEqual(['1'])
    expect(readdirSync(join(dataDir, 'tmp'))).toEqual([])

    trust(registry)
    await sign(registry)
    expect(await registry.materialise('m', '1')).toMatchObject({ digest: registry.show('m', '1').digest })
  })

  it('require, a version is published with a key that is trusted, and is never there without its signature', async () => {
    const { registry, dataDir } = openRegistry({ signaturePolicy: 'require' })
    const path = folderOf({ 'model.onnx': modelBytes('1') })
    await expect(publish(registry, path, { signWith: privateKey })).rejects.toMatchObject({ code: 'SIGNATURE_INVALID', message: expect.stringContaining('is not trusted here') })
    expect(registry.models()).toEqual([])
    trust(registry)
    const states: unknown[] = []
    const onStep = async (step: string) => { if (step === 'committed') states.push(readFileSync(join(dataDir, 'registry', 'index.json'), 'utf8').includes('sigstore')) }

    expect(await publish(registry, path, { signWith: privateKey, onStep })).toMatchObject({ status: 'published', signature: { state: 'signed' } })

    expect(states).toEqual([true])
    expect(await publish(registry, path)).toMatchObject({ status: 'unchanged', signature: { state: 'signed' } })
    expect(await publish(registry, path, { signWith: privateKey })).toMatchObject({ status: 'unchanged' })
    expect((await reportOf(registry)).signatures).toHaveLength(1)
    await registry.materialise('m', '1')
  })

  it('require, a signature that was good is refused once its key is revoked or the trust store is damaged', async () => {
    const { dataDir } = await signedRegistry()
    const { registry } = openRegistry({ dataDir, signaturePolicy: 'require' })
    await registry.materialise('m', '1')
    registry.signing.decide(ANN, { revoke: FINGERPRINT.slice(0, 12) })
    await expect(registry.materialise('m', '1')).rejects.toMatchObject({ code: 'SIGNATURE_INVALID', message: expect.stringContaining('is revoked') })

    for (const text of ['{', '{}', readFileSync(join(dataDir, 'trust.json'), 'utf8').replace(FINGERPRINT, '0'.repeat(64))]) {
      writeFileSync(join(dataDir, 'trust.json'), text)
      await expect(registry.materialise('m', '1')).rejects.toMatchObject({ code: 'LAYOUT_CORRUPT', message: expect.stringContaining('no signature can be judged') })
    }
  })

  it('is the stricter one of the registry and the trust store', () => {
    const { registry, dataDir } = openRegistry({ signaturePolicy: 'warn' })
    expect(registry.signing.policy()).toBe('warn')
    registry.signing.decide(ANN, { policy: 'require' })
    expect(registry.signing.policy()).toBe('require')
    expect(openRegistry({ dataDir }).registry.signing.policy()).toBe('require')
    registry.signing.decide(ANN, { policy: 'off' })
    expect(registry.signing.policy()).toBe('warn')
  })

  it('require, damage of a signed version is still named as damage', async () => {
    const { dataDir } = await signedRegistry()
    const { registry } = openRegistry({ dataDir, signaturePolicy: 'require' })
    const { digest } = registry.show('m', '1')
    overwrite(join(blobs(dataDir), digestOf(modelBytes('m:1')).slice(7)), 'x')
    await expect(registry.materialise('m', '1')).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
    overwrite(join(blobs(dataDir), digest.slice(7)), '{}')
    await expect(registry.materialise('m', '1')).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
    expect(await registry.signing.report(digest)).toMatchObject({ state: 'invalid' })
  })
})

describe('a model.sig in a folder', () => {
  /** A folder with a complete serving.json, as a registry writes it, and its signature. */
  async function signedFolder (change: Record<string, string> = {}): Promise<string> {
    const { registry } = openRegistry()
    await publish(registry, folderOf({ 'model.onnx': modelBytes('1') }))
    const { directory } = await registry.materialise('m', '1')
    const files = { 'model.onnx': modelBytes('1'), 'serving.json': readFileSync(join(directory, 'serving.json'), 'utf8') }
    const layers = Object.entries(files).map(([path, text]) => ({ path, digest: digestOf(text), sizeBytes: text.length }))
    return folderOf({ ...files, 'model.sig': signLayers('folder', layers, privateKey), ...change })
  }

  it('is kept as the signature of the version, not as a file of it', async () => {
    const { registry } = openRegistry({ signaturePolicy: 'require' })
    trust(registry)
    const path = await signedFolder()

    expect(await publish(registry, path)).toMatchObject({ status: 'published', signature: { state: 'signed' } })
    expect(await publish(registry, path)).toMatchObject({ status: 'unchanged' })

    const { directory } = await registry.materialise('m', '1')
    expect(readdirSync(directory).sort()).toEqual(['model.onnx', 'serving.json'])
    expect((await reportOf(registry)).signatures).toHaveLength(1)
  })

  it('that is about other files is refused, whatever the policy', async () => {
    const { registry } = openRegistry()
    const refused: Array<[Record<string, string>, string]> = [
      [{ 'model.onnx': modelBytes('2') }, 'model.sig is not about this folder: "model.onnx" has other bytes than those that were signed'],
      [{ 'extra.txt': 'x' }, 'model.sig is not about this folder: "extra.txt" is there and was not signed'],
      [{ 'model.sig': '{' }, 'the bundle is not JSON']
    ]
    for (const [change, message] of refused) {
      await expect(publish(registry, await signedFolder(change))).rejects.toMatchObject({ code: 'SIGNATURE_INVALID', message: expect.stringContaining(message) })
    }
    const incomplete = await signedFolder()
    rmSync(join(incomplete, 'serving.json'))
    await expect(publish(registry, incomplete)).rejects.toMatchObject({ message: 'model.sig is not about this folder: "serving.json" was signed and is not there' })
    const folder = await signedFolder()
    rmSync(join(folder, 'model.sig'))
    mkdirSync(join(folder, 'model.sig'))
    writeFileSync(join(folder, 'model.sig', 'a.txt'), 'x')
    expect(await publish(registry, folder)).not.toHaveProperty('signature')
  })

  it('that does not cover the serving.json which the registry writes is kept, but does not count', async () => {
    const model = modelBytes('1')
    const bundle = signLayers('folder', [{ path: 'model.onnx', digest: digestOf(model), sizeBytes: model.length }], privateKey)
    const path = folderOf({ 'model.onnx': model, 'model.sig': bundle })
    const { registry } = openRegistry()
    trust(registry)

    const { signature } = await publish(registry, path)

    expect(signature).toMatchObject({ state: 'invalid', signatures: [{ name: 'build', problem: expect.stringContaining('"serving.json" is there and was not signed') }] })
    const strict = openRegistry({ signaturePolicy: 'require' }).registry
    trust(strict)
    await expect(publish(strict, path)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })
    expect(await publish(strict, path, { signWith: privateKey })).toMatchObject({ signature: { state: 'signed' } })
  })
})

describe('a key file', () => {
  it.each(['P-256', 'P-384', 'P-521'] as const)('of %s is private, encrypted when asked, and never overwritten', (curve) => {
    const path = join(temporaryFolder(), 'key.pem')
    const { fingerprint } = generateKeyFiles(path, curve, 'secret words')

    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readFileSync(path, 'utf8')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/)
    expect(fingerprintOf(loadPrivateKey(path, 'secret words'))).toBe(fingerprint)
    expect(loadPublicKey(`${path}.pub`)).toMatchObject({ fingerprint, curve })
    expect(() => generateKeyFiles(path, curve)).toThrow(expect.objectContaining({ code: 'KEY_CONFLICT' }))
    rmSync(path)
    expect(() => generateKeyFiles(path, curve)).toThrow(expect.objectContaining({ code: 'KEY_CONFLICT', message: expect.stringContaining('key.pem.pub') }))
  })

  it('that is wrong is refused, with no word of what is in it', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'key.pem')
    generateKeyFiles(path, 'P-256', 'right')
    const { privateKey: ed25519, publicKey: ed25519Public } = generateKeyPairSync('ed25519')
    const write = (name: string, text: string) => {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    }
    const sec1 = privateKey.export({ type: 'sec1', format: 'pem' }).toString()
    const cases: Array<[() => unknown, RegExp]> = [
      [() => loadPrivateKey(path), /is encrypted; name the environment variable/],
      [() => loadPrivateKey(path, 'wrong'), /cannot be decrypted with this passphrase$/],
      [() => loadPrivateKey(`${path}.pub`), /is not a private key in PKCS#8 PEM form$/],
      [() => loadPrivateKey(write('sec1', sec1)), /openssl pkcs8 -topk8/],
      [() => loadPrivateKey(write('cut', '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n')), /cannot be read as a key$/],
      [() => loadPrivateKey(write('ed', ed25519.export({ type: 'pkcs8', format: 'pem' }).toString())), /a key of the kind ed25519 cannot sign models/],
      [() => loadPublicKey(path), /is a private key; give its public key$/],
      [() => loadPublicKey(write('edpub', ed25519Public.export({ type: 'spki', format: 'pem' }).toString())), /ed25519/],
      [() => loadPublicKey(write('big', 'x'.repeat(70_000))), /is not a key file$/],
      [() => loadPublicKey(folder), /is not a key file$/]
    ]
    for (const [load, message] of cases) {
      expect(load).toThrow(expect.objectContaining({ code: 'KEY_INVALID', message: expect.stringMatching(message) }))
    }
    expect(() => loadPublicKey(join(folder, 'none'))).toThrow(expect.objectContaining({ code: 'SOURCE_NOT_FOUND' }))
  })
})

describe('the trust store', () => {
  it('keeps names apart, renames, revokes for good, and reinstates only when told', () => {
    const { registry } = openRegistry()
    trust(registry)
    expect(() => trust(registry, other.publicKey, 'build')).toThrow(expect.objectContaining({ code: 'KEY_CONFLICT' }))
    trust(registry, other.publicKey, 'release')
    trust(registry, publicKey, 'build-2026')
    registry.signing.decide(ANN, { revoke: 'build-2026' })
    expect(() => trust(registry)).toThrow(expect.objectContaining({ code: 'KEY_CONFLICT', message: expect.stringContaining('was revoked') }))
    registry.signing.decide(ANN, { trust: describePublicKey(publicKey), name: 'build', isReinstated: true })

    expect(registry.signing.trust.read().keys.map(({ name, status }) => [name, status])).toEqual([['release', 'trusted'], ['build', 'trusted']])
    expect(() => trust(registry, publicKey, 'bad name')).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }))
    for (const wanted of ['nobody', FINGERPRINT.slice(0, 7)]) {
      expect(() => registry.signing.trust.find(wanted)).toThrow(expect.objectContaining({ code: 'KEY_NOT_FOUND' }))
    }
  })
})
