import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { excluding } from '../exclude.js'
import { describeOnnx } from '../formats/onnx.js'
import { checkAlias, checkName, checkVersion } from '../names.js'
import type { Provenance } from '../provenance.js'
import type { PublishRequest, PublishResult } from '../publish.js'
import { useResumable } from '../resumable.js'
import { SERVING_FILE, statedModelFile, type SourceLimits } from '../source.js'
import type { TemporaryDirectories } from '../temporary.js'
import { HUB_LIMITS, HubClient } from './client.js'
import { downloadFiles, type Download } from './download.js'
import { parseReadmeLicense } from './license.js'
import { chooseFiles, namedWeights, type NeededFiles } from './needed.js'
import { parseHubReference } from './reference.js'
import { listFiles, pinRevision, type HubFile, type PinnedRepository } from './repository.js'
import type { HubRequest } from './request.js'
import type { HubSettings } from './settings.js'

const README_BYTES_MAX = 1024 ** 2

interface HubPublishContext {
  readonly temporary: TemporaryDirectories
  readonly limits: SourceLimits
  readonly now: () => number
  /** Publishes a local folder. */
  readonly publish: (request: PublishRequest) => Promise<PublishResult>
}

/**
 * Publishes a repository of the hub as it is at the commit that its branch or tag stands for now; only files that a
 * version needs are fetched. What has come stays when this fails, and the next run goes on with it.
 * @throws RegistryError SOURCE_*, DIGEST_MISMATCH, and those of publishing a folder
 */
export async function publishFromHub (
  { temporary, limits, now, publish }: HubPublishContext, request: PublishRequest, hub: HubRequest
): Promise<PublishResult> {
  checkName(request.name)
  checkVersion(request.version)
  if (request.alias !== undefined) checkAlias(request.alias)
  const { settings, signal } = hub
  const client = new HubClient({
    settings,
    limits: { ...HUB_LIMITS, ...hub.limits },
    ...signal === undefined ? {} : { signal },
    sleep: hub.sleep ?? (async (ms) => { await sleep(ms, undefined, { signal }) })
  })
  const repository = await pinRevision(client, parseHubReference(request.path, hub.revision))
  const all = await listFiles(client, repository)
  const key = createHash('sha256').update(`${settings.endpoint} ${repository.id} ${repository.commit}`).digest('hex').slice(0, 32)
  const { keptBytesMax } = client.context.limits
  return await useResumable(temporary, { key, keptBytesMax, now }, async (directory, touch) => {
    const { progress } = request
    const download = { client, repository, directory, touch, ...progress === undefined ? {} : { progress } }
    const label = `hf:${repository.id}@${repository.commit}`
    const { modelFile, omitted } = await fetchNeeded(download, all, label, request, limits)
    const path = join(directory, 'files')
    const provenance = await provenanceOf(repository, path, settings)
    const result = await publish({ ...request, path, label, modelFile, provenance })
    return omitted.length === 0 ? result : { ...result, omitted }
  })
}

/** serving.json first, when there is one: it may name the model. The model's own header names its other weights. */
async function fetchNeeded (
  download: Download, all: readonly HubFile[], label: string, request: PublishRequest, limits: SourceLimits
): Promise<NeededFiles> {
  const isExcluded = excluding(request.exclude ?? [])
  const draft = all.find(({ path, sizeBytes }) => path === SERVING_FILE && sizeBytes <= limits.servingBytesMax)
  let stated = request.modelFile
  if (draft !== undefined && !isExcluded(SERVING_FILE)) {
    await downloadFiles(download, [draft], SERVING_FILE)
    stated ??= await statedModelFile(join(download.directory, 'files', SERVING_FILE))
  }
  const needed = chooseFiles(label, all, { dtype: request.dtype, stated, isExcluded }, limits)
  await downloadFiles(download, needed.files, label)
  const model = join(download.directory, 'files', needed.modelFile)
  const { externalTensors } = await describeOnnx(model, needed.modelFile, limits.modelFiles.onnx)
  const locations = externalTensors.map(({ location }) => location)
  const weights = namedWeights(needed, all.filter(({ path }) => !isExcluded(path)), locations, { label, limits })
  if (weights.length > 0) await downloadFiles(download, weights, `weights of ${label}`)
  return needed
}

async function provenanceOf (
  { id, commit, licenses }: PinnedRepository, folder: string, { endpoint }: HubSettings
): Promise<Provenance> {
  const stated = licenses.length > 0 ? licenses : await readmeLicenses(join(folder, 'README.md'))
  return { sourceUrl: `${endpoint}/${id}`, revision: commit, ...stated.length > 0 ? { licenses: stated } : {} }
}

async function readmeLicenses (path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.length > README_BYTES_MAX ? [] : parseReadmeLicense(text)
}
