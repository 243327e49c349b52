import { inTransaction } from './database.js'
import { RegistryError } from './errors.js'
import { parseManifest, provenanceOf, weightsOf } from './manifest.js'
import { checkAlias, checkVersion } from './names.js'
import { refuseBare, type PublishContext } from './publish.js'
import { admit, record, type Recorded, type RecordRequest } from './record.js'
import { checkServing, type Serving } from './serving.js'
import { SERVING_FILE } from './source.js'
import { storeDocument } from './staging.js'
import { requireVersion } from './versions.js'

/** A new version that differs from an older one of the same model in its serving.json alone. */
export interface DeriveRequest extends RecordRequest {
  /** The version it is made from. */
  readonly from: string
  readonly serving: Serving
}

/**
 * Makes a version that shares every file of an older one but serving.json, which names the older one as its parent.
 * Where the files came from holds on; signatures do not, as they are about all files: `signWith` signs it anew.
 * @throws RegistryError SERVING_INVALID, VERSION_NOT_FOUND, VERSION_CONFLICT, SIGNATURE_REQUIRED, those of an alias
 */
export async function derive (context: PublishContext, request: DeriveRequest): Promise<Recorded> {
  const { name, version, from, alias } = request
  const { database, layout, storage, temporary, signing } = context
  checkVersion(version)
  refuseBare(context, request)
  if (alias !== undefined) checkAlias(alias)
  return await storage.share(async () => {
    const { digest: parent } = requireVersion(database, name, from)
    const serving = { ...request.serving, lineage: { ...request.serving.lineage, parent } }
    checkServing(serving)
    const manifest = await layout.readDocument(parent, `the manifest of ${name}:${from}`)
    const { config, layers } = parseManifest(manifest, parent)
    const weights = weightsOf(await layout.readDocument(config.digest, `the config of ${name}:${from}`))
    if (!layers.some(({ path }) => path === SERVING_FILE)) {
      throw new RegistryError('SOURCE_INVALID', `${name}:${from} has no ${SERVING_FILE}, so nothing can be derived from it`)
    }
    return await temporary.use(async (stage) => {
      const named = { name, version, serving, provenance: provenanceOf(manifest), ...weights && { weights } }
      const { layers: all, ...stored } = await storeDocument(layout, { stage, layers, named })
      const built = { ...stored, serving }
      await admit(database, signing, request, { built, layers: all, bundles: [] })
      const result = inTransaction(database, (connection) => record(connection, context, request, built, 'version.derive'))
      context.refreshIndex()
      return result
    })
  })
}
