import { createHash } from 'node:crypto'
import { Type, type Static, type TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { RegistryError } from '../errors.js'
import type { Layer } from '../manifest.js'
import { quote } from '../names.js'
import { mediaTypeOf, pathFault } from '../paths.js'

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
const PREDICATE_TYPE = 'https://model_signing/signature/v1.0'
/** Left out of what is signed, at the top of the folder, whether a statement names them or not. */
const IGNORED_ALWAYS = ['.git', '.gitattributes', '.github', '.gitignore'] as const
const RESOURCES_MAX = 20_000
const IGNORED_MAX = 1_000
const NAME_LENGTH_MAX = 1_024
const LISTED_MAX = 3

/** One signed file: its path and the hex digits of its SHA-256. */
export interface Resource { readonly name: string, readonly digest: string }

/** What a signature says: these files, and no others but those at `ignored` paths. */
export interface Statement {
  /** Informative only. */
  readonly subject: string
  readonly resources: readonly Resource[]
  readonly ignored: readonly string[]
}

const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' })
const Name = Type.String({ minLength: 1, maxLength: NAME_LENGTH_MAX })

/** Open where the format is: members that are not ours may stand beside ours. */
const StatementSchema = Type.Object({
  _type: Type.Literal(STATEMENT_TYPE),
  predicateType: Type.Literal(PREDICATE_TYPE),
  subject: Type.Array(Type.Object({ name: Name, digest: Type.Object({ sha256: Sha256 }) }), {
    minItems: 1, maxItems: 1
  }),
  predicate: Type.Object({
    resources: Type.Array(Type.Object({ name: Name, digest: Sha256, algorithm: Type.Literal('sha256') }), {
      minItems: 1, maxItems: RESOURCES_MAX
    }),
    serialization: Type.Object({
      method: Type.Literal('files'),
      hash_type: Type.Literal('sha256'),
      allow_symlinks: Type.Boolean(),
      ignore_paths: Type.Optional(Type.Array(Name, { maxItems: IGNORED_MAX }))
    })
  })
})

/** SHA-256 over the raw bytes of the digests, one behind the other, as hex digits. Pure. */
export function subjectDigest (resources: readonly Resource[]): string {
  const hash = createHash('sha256')
  for (const { digest } of resources) hash.update(Buffer.from(digest, 'hex'))
  return hash.digest('hex')
}

/** The in-toto statement over the files of a version, as the bytes to be signed. Pure. */
export function buildStatement (subject: string, layers: readonly Layer[]): Buffer {
  const resources = layers
    .map(({ path, digest }) => ({ name: path, digest: digest.slice('sha256:'.length), algorithm: 'sha256' }))
    .sort((a, b) => compareCodePoints(a.name, b.name))
  return Buffer.from(JSON.stringify({
    _type: STATEMENT_TYPE,
    subject: [{ name: subject, digest: { sha256: subjectDigest(resources) } }],
    predicateType: PREDICATE_TYPE,
    predicate: {
      resources,
      serialization: {
        method: 'files', hash_type: 'sha256', allow_symlinks: false, ignore_paths: [...IGNORED_ALWAYS]
      }
    }
  }))
}

/**
 * Reads a statement that may come from anywhere. Its resources must be unique, in order (by code point, or by path
 * segment as the reference implementation writes them) and hash to the subject's digest.
 * @throws RegistryError SIGNATURE_INVALID
 */
export function parseStatement (payload: Buffer): Statement {
  const document = checkShape(StatementSchema, parseJson(payload, 'the signed statement'), 'the signed statement')
  const { predicate: { resources, serialization }, subject: [subject] } = document
  for (const { name } of resources) {
    const fault = pathFault(name)
    if (fault !== null) throw invalid(`the signed statement names the file ${quote(name)}, which ${fault}`)
  }
  refuseDisorder(resources.map(({ name }) => name))
  if (subjectDigest(resources) !== subject?.digest.sha256) {
    throw invalid('the signed statement contradicts itself: its subject is not the digest of its resources')
  }
  if ('shard_size' in serialization) throw invalid('the signed statement is by file and yet has a shard size')
  const ignored = serialization.ignore_paths ?? []
  for (const path of ignored) {
    const fault = /[*?[]/.test(path) ? 'has a wildcard' : pathFault(path)
    if (fault !== null) throw invalid(`the signed statement leaves out the path ${quote(path)}, which ${fault}`)
  }
  return { subject: subject.name, resources: resources.map(({ name, digest }) => ({ name, digest })), ignored }
}

/**
 * Why the files are not those that were signed; null when they are. A file may be unsigned only at a path that the
 * statement leaves out, and weights never. Pure.
 */
export function filesFault ({ resources, ignored }: Statement, layers: readonly Layer[]): string | null {
  const signed = new Map(resources.map(({ name, digest }) => [name, `sha256:${digest}`]))
  const unsigned: string[] = []
  const changed: string[] = []
  for (const { path, digest } of layers) {
    const expected = signed.get(path)
    if (expected === undefined) {
      if (!isIgnored(path, ignored) || isWeight(path)) unsigned.push(path)
    } else if (expected !== digest) {
      changed.push(path)
    }
    signed.delete(path)
  }
  const faults = [
    changed.length > 0 ? `${listed(changed)} has other bytes than those that were signed` : null,
    signed.size > 0 ? `${listed([...signed.keys()])} was signed and is not there` : null,
    unsigned.length > 0 ? `${listed(unsigned)} is there and was not signed` : null
  ].filter((fault) => fault !== null)
  return faults.length === 0 ? null : faults.join('; ')
}

/** Parses UTF-8 JSON of bounded depth. @throws RegistryError SIGNATURE_INVALID */
export function parseJson (bytes: Buffer, what: string): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    refuseDepth(text)
    return JSON.parse(text)
  } catch (error) {
    throw new RegistryError('SIGNATURE_INVALID', `${what} is not JSON: ${(error as Error).message}`, { cause: error })
  }
}

/** @throws RegistryError SIGNATURE_INVALID naming the first wrong member */
export function checkShape<Schema extends TSchema> (schema: Schema, document: unknown, what: string): Static<Schema> {
  if (Value.Check(schema, document)) return document as Static<Schema>
  const [fault] = Value.Errors(schema, document)
  throw invalid(`${what} is wrong at ${fault?.instancePath || '/'}: ${fault?.message}`)
}

/** A signature that cannot be accepted. */
export function invalid (message: string): RegistryError {
  return new RegistryError('SIGNATURE_INVALID', message)
}

const DEPTH_MAX = 32

/** Counts brackets outside strings, so that nothing deep is ever built. */
function refuseDepth (text: string): void {
  let depth = 0
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[{\]}]/gs)) {
    if (token === '[' || token === '{') depth++
    else if (token === ']' || token === '}') depth--
    if (depth > DEPTH_MAX) throw new Error(`it is nested deeper than ${DEPTH_MAX}`)
  }
}

function refuseDisorder (names: readonly string[]): void {
  if (new Set(names).size !== names.length) {
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    throw invalid(`the signed statement names the file ${quote(twice ?? '')} twice`)
  }
  const inOrder = (compare: (a: string, b: string) => number) =>
    names.every((name, index) => index === 0 || compare(names[index - 1] ?? '', name) < 0)
  if (!inOrder(compareCodePoints) && !inOrder(compareSegments)) {
    throw invalid('the files of the signed statement are not in order')
  }
}

/** UTF-8 keeps the order of code points; UTF-16, which `<` compares, does not. */
function compareCodePoints (a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function compareSegments (a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')]
  for (const [index, segment] of left.entries()) {
    const order = index < right.length ? compareCodePoints(segment, right[index] ?? '') : 1
    if (order !== 0) return order
  }
  return left.length - right.length
}

function isIgnored (path: string, ignored: readonly string[]): boolean {
  return [...IGNORED_ALWAYS, ...ignored].some((entry) => path === entry || path.startsWith(`${entry}/`))
}

function isWeight (path: string): boolean {
  return mediaTypeOf(path).includes('.weight.v1.')
}

function listed (paths: readonly string[]): string {
  const more = paths.length > LISTED_MAX ? ` and ${paths.length - LISTED_MAX} more` : ''
  return `${paths.slice(0, LISTED_MAX).map(quote).join(', ')}${more}`
}
