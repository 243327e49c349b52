import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { ArtifactDescriptor } from '../artifact-reader.js'
import { RegistryError } from '../errors.js'
import { REF_NAME } from '../layout-index.js'
import { quote } from '../names.js'

const ENTRIES_MAX = 50_000

const IndexSchema = Type.Object({
  manifests: Type.Array(Type.Object({
    mediaType: Type.Optional(Type.String()),
    artifactType: Type.Optional(Type.String()),
    digest: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }),
    size: Type.Integer({ minimum: 0 }),
    annotations: Type.Optional(Type.Record(Type.String(), Type.String()))
  }), { maxItems: ENTRIES_MAX })
})
const SubjectSchema = Type.Object({ subject: Type.Object({ digest: Type.String() }) })

/** An entry of an index.json that another tool may have written. */
export interface IndexEntry {
  readonly digest: string
  readonly name: string | null
  readonly descriptor: ArtifactDescriptor
}

/** @throws RegistryError SOURCE_INVALID naming the path that is wrong */
export function entriesOf (text: string, label: string): IndexEntry[] {
  const document = parsed(text)
  if (!Value.Check(IndexSchema, document)) {
    const [fault] = document === undefined ? [] : Value.Errors(IndexSchema, document)
    throw new RegistryError('SOURCE_INVALID', `index.json of ${quote(label)} ${
      fault === undefined ? 'is not JSON' : `is no index: ${fault.instancePath} ${fault.message}`}`)
  }
  return document.manifests.map((descriptor) =>
    ({ digest: descriptor.digest, name: descriptor.annotations?.[REF_NAME] ?? null, descriptor }))
}

/** The digest that a manifest is about, or null. */
export function subjectIn (bytes: Buffer): string | null {
  const document = parsed(bytes.toString())
  return Value.Check(SubjectSchema, document) ? document.subject.digest : null
}

function parsed (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
