import { createHash, createPrivateKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RegistryError } from '../../registry/errors.js'
import type { Layer } from '../../registry/manifest.js'
import { BUNDLE_BYTES_MAX, parseBundle, preAuthenticationEncoding, signLayers, verifyBundle } from '../../registry/signing/bundle.js'
import { fingerprintOf } from '../../registry/signing/keys.js'
import { buildStatement, filesFault, parseStatement, subjectDigest } from '../../registry/signing/statement.js'

const CURVES = [['P-256', 'sha256'], ['P-384', 'sha384'], ['P-521', 'sha512']] as const
const pairOf = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve })
const layer = (path: string, seed = path): Layer => ({ path, digest: `sha256:${createHash('sha256').update(seed).digest('hex')}`, sizeBytes: 1 })
const LAYERS = [layer('README.md'), layer('onnx/model.onnx'), layer('serving.json')]
const { privateKey, publicKey } = pairOf('P-256')

type Json = Record<string, any> // eslint-disable-line @typescript-eslint/no-explicit-any -- documents that are wrong on purpose
const bundleJson = (): Json => JSON.parse(signLayers('m', LAYERS, privateKey).toString())
const statementJson = (): Json => JSON.parse(buildStatement('m', LAYERS).toString())

/** A bundle around any payload, rightly signed: what a holder of the key could make. */
function bundleOf (payload: Buffer, key: KeyObject = privateKey, hash = 'sha256'): Buffer {
  const type = 'application/vnd.in-toto+json'
  return Buffer.from(JSON.stringify({
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: fingerprintOf(key) } },
    dsseEnvelope: { payload: payload.toString('base64'), payloadType: type, signatures: [{ sig: sign(hash, preAuthenticationEncoding(type, payload), key).toString('base64') }] }
  }))
}

function refusal (bytes: Buffer | string | Json): string {
  try {
    parseBundle(Buffer.isBuffer(bytes) ? bytes : Buffer.from(typeof bytes === 'string' ? bytes : JSON.stringify(bytes)))
  } catch (error) {
    expect(error).toBeInstanceOf(RegistryError)
    expect((error as RegistryError).code).toBe('SIGNATURE_INVALID')
    return (error as Error).message
  }
  throw new Error('it was accepted')
}

const changed = (change: (json: Json) => void): Json => {
  const json = bundleJson()
  change(json)
  return json
}
const restated = (change: (statement: Json) => void): Buffer => {
  const statement = statementJson()
  change(statement)
  return bundleOf(Buffer.from(JSON.stringify(statement)))
}

describe('the pre-authentication encoding', () => {
  it('is the type and the payload, each behind its length in bytes', () => {
    expect(preAuthenticationEncoding('http://example.com/HelloWorld', Buffer.from('hello world')).toString()).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world')
    expect(preAuthenticationEncoding('é', Buffer.from([0, 255])).toString('hex')).toBe(`${Buffer.from('DSSEv1 2 é 2 ').toString('hex')}00ff`)
    expect(preAuthenticationEncoding('', Buffer.alloc(0)).toString()).toBe('DSSEv1 0  0 ')
  })
})

describe('the digest of the subject', () => {
  it('is SHA-256 over the raw digests, one behind the other', () => {
    const zeros = '00'.repeat(32)
    const ones = '11'.repeat(32)
    // (head -c 32 /dev/zero; head -c 32 /dev/zero | tr '\0' '\021') | sha256sum
    expect(subjectDigest([{ name: 'a', digest: zeros }, { name: 'b', digest: ones }])).toBe('8878b15a7d6a3a4f464e8f9f42591dbc0cf4bedea0ec309003d2b2ee53655ef8')
    // head -c 32 /dev/zero | sha256sum
    expect(subjectDigest([{ name: 'a', digest: zeros }])).toBe('66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925')
  })
})

describe('a statement', () => {
  it('says what the format wants, no more', () => {
    expect(statementJson()).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'm', digest: { sha256: subjectDigest(LAYERS.map(({ path, digest }) => ({ name: path, digest: digest.slice(7) }))) } }],
      predicateType: 'https://model_signing/signature/v1.0',
      predicate: {
        resources: LAYERS.map(({ path, digest }) => ({ name: path, digest: digest.slice(7), algorithm: 'sha256' })),
        serialization: { method: 'files', hash_type: 'sha256', allow_symlinks: false, ignore_paths: ['.git', '.gitattributes', '.github', '.gitignore'] }
      }
    })
  })

  it('sorts files by code point, in which an emoji is behind a full-width letter', () => {
    const { resources } = parseStatement(buildStatement('m', [layer('😀'), layer('ａ'), layer('a/b'), layer('a.txt')]))
    expect(resources.map(({ name }) => name)).toEqual(['a.txt', 'a/b', 'ａ', '😀'])
  })

  it('holds for exactly the files that it names', () => {
    const statement = parseStatement(buildStatement('m', LAYERS))

    expect(filesFault(statement, LAYERS)).toBeNull()
    expect(filesFault(statement, [...LAYERS].reverse())).toBeNull()
    expect(filesFault(statement, [...LAYERS, layer('extra.txt')])).toBe('"extra.txt" is there and was not signed')
    expect(filesFault(statement, LAYERS.slice(1))).toBe('"README.md" was signed and is not there')
    expect(filesFault(statement, [layer('README.md', 'other'), ...LAYERS.slice(1)])).toBe('"README.md" has other bytes than those that were signed')
    expect(filesFault(statement, [1, 2, 3, 4, 5].map((n) => layer(`${n}.txt`)))).toBe(
      '"README.md", "onnx/model.onnx", "serving.json" was signed and is not there; "1.txt", "2.txt", "3.txt" and 2 more is there and was not signed')
  })

  it('may leave files out by path, but never weights', () => {
    const statement = parseStatement(parseBundle(restated((json) => { json['predicate'].serialization.ignore_paths = ['cache', 'onnx'] })).payload)

    expect(filesFault(statement, [...LAYERS, layer('cache/a.json'), layer('.gitattributes'), layer('.git/HEAD')])).toBeNull()
    expect(filesFault(statement, [...LAYERS, layer('onnx/other.onnx')])).toBe('"onnx/other.onnx" is there and was not signed')
    expect(filesFault(statement, [...LAYERS, layer('cache2/a.json')])).toContain('"cache2/a.json" is there')
    expect(filesFault(statement, [...LAYERS, layer('sub/.git/HEAD')])).toContain('"sub/.git/HEAD" is there')
  })
})

describe('a bundle', () => {
  it.each(CURVES)('made with %s is DER over %s and found true', (curve, hash) => {
    const pair = pairOf(curve)

    const bundle = parseBundle(signLayers('m', LAYERS, pair.privateKey))

    expect(verifyBundle(bundle, pair.publicKey)).toBe(true)
    expect(bundle.signature[0]).toBe(0x30)
    expect(bundle.fingerprint).toBe(createHash('sha256').update(pair.publicKey.export({ type: 'spki', format: 'pem' })).digest('hex'))
    const others = CURVES.map(([, name]) => name).filter((name) => name !== hash)
    for (const other of others) {
      expect(verifyBundle(parseBundle(bundleOf(bundle.payload, pair.privateKey, other)), pair.publicKey)).toBe(false)
    }
  })

  it('is not that of another key, even of one that it names', () => {
    const other = pairOf('P-256')
    const bundle = parseBundle(signLayers('m', LAYERS, privateKey))
    expect(verifyBundle(bundle, other.publicKey)).toBe(false)
    expect(verifyBundle({ ...bundle, fingerprint: fingerprintOf(other.publicKey) }, other.publicKey)).toBe(false)
  })

  it('is not true in IEEE P1363 form, over the bare payload, or after a change of one bit', () => {
    const bundle = parseBundle(signLayers('m', LAYERS, privateKey))
    const raw = sign('sha256', preAuthenticationEncoding('application/vnd.in-toto+json', bundle.payload), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    const wrong = [raw, sign('sha256', bundle.payload, privateKey), Buffer.alloc(0), Buffer.from('3006020100020100', 'hex')]
    for (const signature of wrong) expect(verifyBundle({ ...bundle, signature }, publicKey)).toBe(false)
    const payload = Buffer.from(bundle.payload)
    payload[5]! ^= 1
    expect(verifyBundle({ ...bundle, payload }, publicKey)).toBe(false)
  })

  it('takes a key id that is absent, empty or null, and members that are not ours', () => {
    for (const keyid of [undefined, '', null]) {
      expect(parseBundle(Buffer.from(JSON.stringify(changed((json) => { json['dsseEnvelope'].signatures[0].keyid = keyid })))).statement.subject).toBe('m')
    }
    expect(parseBundle(restated((json) => { json['predicate'].note = 'x'; json['predicate'].resources[0].uri = 'x' })).statement.resources).toHaveLength(3)
  })

  it('takes the order of path segments, which the reference implementation writes, and no other', () => {
    const reorder = (names: string[]) => restated((json) => {
      json['predicate'].resources = names.map((name) => ({ name, digest: layer(name).digest.slice(7), algorithm: 'sha256' }))
      json['subject'][0].digest.sha256 = subjectDigest(json['predicate'].resources)
    })
    expect(parseBundle(reorder(['a/b', 'a.txt'])).statement.resources).toHaveLength(2)
    expect(parseBundle(reorder(['a.txt', 'a/b'])).statement.resources).toHaveLength(2)
    expect(refusal(reorder(['b', 'a']))).toBe('the files of the signed statement are not in order')
    expect(refusal(reorder(['a', 'a']))).toBe('the signed statement names the file "a" twice')
  })

  it.each<[string, Json | Buffer | string, RegExp]>([
    ['not JSON', '{', /the bundle is not JSON/],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), /the bundle is not JSON/],
    ['null', 'null', /the bundle is wrong at \//],
    ['nested too deep', `${'['.repeat(1e5)}${']'.repeat(1e5)}`, /nested deeper than 32/],
    ['too large', Buffer.alloc(BUNDLE_BYTES_MAX + 1, ' '), /larger than 8388608 bytes/],
    ['of another media type', changed((json) => { json['mediaType'] = 'application/vnd.dev.sigstore.bundle+json;version=0.2' }), /\/mediaType/],
    ['without a key', changed((json) => { json['verificationMaterial'] = {} }), /\/verificationMaterial/],
    ['with a hint that is no fingerprint', changed((json) => { json['verificationMaterial'].publicKey.hint = 'AB' }), /\/hint/],
    ['keyless', changed((json) => { json['verificationMaterial'].certificate = { rawBytes: '' } }), /signed by a keyless identity \(certificate\), which this registry cannot verify; sign the model with a key/],
    ['by a certificate', changed((json) => { json['verificationMaterial'].x509CertificateChain = { certificates: [] } }), /signed by a certificate/],
    ['with its own key', changed((json) => { json['verificationMaterial'].publicKey = { rawBytes: 'x' } }), /carries its own key/],
    ['without an envelope', changed((json) => { delete json['dsseEnvelope'] }), /the bundle is wrong at \//],
    ['of another payload type', changed((json) => { json['dsseEnvelope'].payloadType = 'text/plain' }), /\/payloadType/],
    ['with two signatures', changed((json) => { json['dsseEnvelope'].signatures.push(json['dsseEnvelope'].signatures[0]) }), /\/signatures/],
    ['without a signature', changed((json) => { json['dsseEnvelope'].signatures = [] }), /\/signatures/],
    ['with a payload that is not base64', changed((json) => { json['dsseEnvelope'].payload = 'e30' }), /the payload of the bundle is not base64/],
    ['with a signature that is not base64', changed((json) => { json['dsseEnvelope'].signatures[0].sig = '*' }), /the signature of the bundle is not base64/],
    ['about something else', restated((json) => { json['_type'] = 'x' }), /the signed statement is wrong at \/_type/],
    ['of another predicate', restated((json) => { json['predicateType'] = 'https://model_signing/Digests/v0.1' }), /\/predicateType/],
    ['with two subjects', restated((json) => { json['subject'].push(json['subject'][0]) }), /\/subject/],
    ['with a subject that is not of its files', restated((json) => { json['subject'][0].digest.sha256 = '0'.repeat(64) }), /contradicts itself/],
    ['without files', restated((json) => { json['predicate'].resources = [] }), /\/predicate\/resources/],
    ['with too many files', restated((json) => { json['predicate'].resources = Array.from({ length: 20_001 }, () => json['predicate'].resources[0]) }), /\/predicate\/resources/],
    ['with another hash', restated((json) => { json['predicate'].resources[0].algorithm = 'sha512' }), /\/algorithm/],
    ['with a short digest', restated((json) => { json['predicate'].resources[0].digest = 'ab' }), /\/digest/],
    ['with a path that escapes', restated((json) => { json['predicate'].resources[0].name = '../x' }), /"..\/x", which has a .. segment/],
    ['by shard', restated((json) => { json['predicate'].serialization.method = 'shards' }), /\/predicate\/serialization\/method/],
    ['by file with a shard size', restated((json) => { json['predicate'].serialization.shard_size = 1 }), /by file and yet has a shard size/],
    ['with BLAKE3', restated((json) => { json['predicate'].serialization.hash_type = 'blake3' }), /hash_type/],
    ['that leaves out a wildcard', restated((json) => { json['predicate'].serialization.ignore_paths = ['*.json'] }), /"\*.json", which has a wildcard/],
    ['that leaves out everything', restated((json) => { json['predicate'].serialization.ignore_paths = ['.'] }), /which has a \. segment/],
    ['that leaves out an absolute path', restated((json) => { json['predicate'].serialization.ignore_paths = ['/tmp'] }), /which is absolute/]
  ])('that is %s is refused', (_what, bytes, message) => {
    expect(refusal(bytes)).toMatch(message)
  })

  it('cannot be made with a key of another kind', () => {
    for (const key of [pairOf('secp256k1').privateKey, generateKeyPairSync('ed25519').privateKey, createPrivateKey(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ type: 'pkcs8', format: 'pem' }))]) {
      expect(() => signLayers('m', LAYERS, key)).toThrow(expect.objectContaining({ code: 'KEY_INVALID', message: expect.stringContaining('cannot sign models; use P-256, P-384, P-521') }))
    }
  })
})

describe('the parser of bundles', () => {
  /** A typed refusal, or a bundle: never anything else. */
  const outcome = (bytes: Buffer): 'refused' | 'parsed' => {
    try {
      parseBundle(bytes)
      return 'parsed'
    } catch (error) {
      expect(error).toMatchObject({ name: 'RegistryError', code: 'SIGNATURE_INVALID' })
      return 'refused'
    }
  }
  const good = signLayers('m', LAYERS, privateKey)
  const bounded = { seed: 20_260_701, numRuns: 300 }

  it('refuses any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 512 }), (bytes) => { expect(outcome(Buffer.from(bytes))).toBe('refused') }), bounded)
  })

  it('refuses any other JSON', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 6 }), (text) => { expect(outcome(Buffer.from(text))).toBe('refused') }), bounded)
  })

  it('gives the same files, or refuses, when bytes of a good bundle are changed, cut or doubled; and never finds it true', () => {
    fc.assert(fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), fc.constantFrom('flip', 'cut', 'double'), (at, bits, how) => {
      const bytes = how === 'flip' ? Buffer.from(good) : how === 'cut' ? good.subarray(0, at) : Buffer.concat([good.subarray(0, at), good.subarray(at >> 1)])
      if (how === 'flip') bytes[at]! ^= bits
      if (outcome(bytes) === 'parsed' && verifyBundle(parseBundle(bytes), publicKey)) {
        expect(parseBundle(bytes).payload).toEqual(parseBundle(good).payload)
      }
    }), bounded)
  })

  it('refuses or reads any statement that was rightly signed', () => {
    const paths = ['_type', 'subject', 'predicateType', 'predicate']
    fc.assert(fc.property(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 4 }), (path, value) => {
      expect(outcome(bundleOf(Buffer.from(JSON.stringify({ ...statementJson(), [path]: value }))))).toBe('refused')
    }), bounded)
  })

  it('reads back any set of files, whatever their order', () => {
    const name = fc.stringMatching(/^[a-zé😀0-9]{1,8}(\/[a-z0-9]{1,4}){0,2}$/u).map((path) => path.normalize('NFC'))
    fc.assert(fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 20 }), (names) => {
      const layers = names.map((path) => layer(path))
      const { statement } = parseBundle(signLayers('m', layers, privateKey))
      expect(filesFault(statement, layers)).toBeNull()
      expect(statement.resources.map((resource) => resource.name)).toEqual([...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
    }), { ...bounded, numRuns: 100 })
  })
})
