import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import type { ArtifactReader } from '../artifact-reader.js'
import { RegistryError } from '../errors.js'
import { fetchDocument } from '../fetch.js'
import { checkName, checkVersion } from '../names.js'
import type { Provenance } from '../provenance.js'
import type { Artifact } from './artifact.js'

const CONFIG_BYTES_MAX = 4 * 1024 ** 2

const Text = Type.Optional(Type.String())

/** A Kitfile as JSON, as far as it tells something here. */
const KitfileSchema = Type.Object({
  package: Type.Optional(Type.Object({ name: Text, version: Text })),
  model: Type.Optional(Type.Union([Type.Null(), Type.Object({ path: Text })]))
})

const ModelPackSchema = Type.Object({
  descriptor: Type.Optional(Type.Object({
    name: Text,
    version: Text,
    sourceURL: Text,
    revision: Text,
    licenses: Type.Optional(Type.Array(Type.String()))
  }))
})

/** What an artifact says of itself, beside its files. */
export interface Description {
  readonly name?: string
  readonly version?: string
  /** The file or folder that is the model, as its packager wrote it. */
  readonly model?: string
  readonly provenance: Provenance
}

/** Reads the annotations and the config of an artifact of another tool. What is of no form here is left out. */
export async function describeArtifact (artifact: Artifact, reader: ArtifactReader): Promise<Description> {
  const { annotations, config, kind } = artifact
  const document = parsed(await fetchDocument(reader, { label: 'config', ...config }, CONFIG_BYTES_MAX))
  const kit = kind === 'kitops' && Value.Check(KitfileSchema, document) ? document : {}
  const pack = kind === 'modelpack' && Value.Check(ModelPackSchema, document) ? document.descriptor ?? {} : {}
  const name = [annotations['org.opencontainers.image.title'], pack.name, kit.package?.name].find(isLegal(checkName))
  const version = [annotations['org.opencontainers.image.version'], pack.version, kit.package?.version].find(isLegal(checkVersion))
  const model = kit.model?.path
  return {
    ...name === undefined ? {} : { name },
    ...version === undefined ? {} : { version },
    ...model === undefined ? {} : { model },
    provenance: provenanceOf(annotations, pack)
  }
}

function provenanceOf (
  annotations: Readonly<Record<string, string>>, pack: NonNullable<Static<typeof ModelPackSchema>['descriptor']>
): Provenance {
  const sourceUrl = annotations['org.opencontainers.image.source'] ?? annotations['org.opencontainers.image.url'] ?? pack.sourceURL
  const revision = annotations['org.opencontainers.image.revision'] ?? pack.revision
  const licenses = annotations['org.opencontainers.image.licenses']?.split(/\s+AND\s+/) ?? pack.licenses
  return {
    ...sourceUrl === undefined ? {} : { sourceUrl },
    ...revision === undefined ? {} : { revision },
    ...licenses === undefined ? {} : { licenses }
  }
}

/** A name of another tool that is none here is not taken: whoever imports it chooses one. */
function isLegal (check: (text: string) => void): (text: string | undefined) => boolean {
  return (text) => {
    if (text === undefined) return false
    try {
      check(text)
      return true
    } catch (error) {
      if (error instanceof RegistryError) return false
      throw error
    }
  }
}

function parsed (bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return null // some tools leave the config empty
  }
}
