import { join } from 'node:path'
import { RegistryError } from '../errors.js'
import type { Layer } from '../manifest.js'
import type { Provenance } from '../provenance.js'
import type { Registry } from '../registry.js'
import type { SignatureReport } from '../signing/report.js'
import { formatTable } from '../table.js'
import type { VersionDetail } from '../versions.js'
import { withRegistry, type RegistryCommandsContext } from './context.js'
import { describeDataset } from './describe-dataset.js'
import { describeVersion } from './describe-version.js'
import { countOf, nameOf, shortDigest, sizeOf } from './words.js'

const METRICS_SHOWN_MAX = 20
const LABELS_SHOWN_MAX = 8

interface ShowVersionContext {
  readonly context: RegistryCommandsContext
  readonly dataDir: string
  /** Whether each file is listed. */
  readonly files: boolean
}

/** What the manifest of a version says beside its row. */
interface Contents { readonly layers: readonly Layer[], readonly provenance: Provenance }

/**
 * `gauntlet show NAME:VERSION`: all that is known of one version. A damaged manifest is warned of, and the rest shown.
 * @throws RegistryError INVALID_*, *_NOT_FOUND
 */
export async function showVersion (
  reference: string, { context: { open, print, warn }, dataDir, files }: ShowVersionContext
): Promise<void> {
  await withRegistry(open, async (registry) => {
    const { name, version } = registry.resolve(reference)
    const detail = registry.kind(name) === 'dataset' ? registry.showDataset(name, version) : registry.show(name, version)
    const signature = await registry.signing.report(detail.digest)
    const contents = await contentsOf(detail, dataDir, warn)
    const listed = files ? contents?.layers ?? [] : null
    const provenance = contents?.provenance
    print({ ...detail, signature, ...provenance && { provenance }, ...listed && { files: listed } }, () => [
      'serving' in detail
        ? describeVersion(detail, signature, moreOf(detail, signature, contents, registry))
        : describeDataset(detail, signature),
      ...listed === null ? [] : ['', describeFiles(listed)]
    ].join('\n'))
  })
}

async function contentsOf (
  detail: { readonly name: string, readonly version: string, readonly digest: string }, dataDir: string,
  warn: (line: string) => void
): Promise<Contents | null> {
  const [{ Layout }, { parseManifest, provenanceOf }] = await Promise.all([
    import('../layout.js'), import('../manifest.js')
  ])
  try {
    const layout = Layout.at(join(dataDir, 'registry'))
    const bytes = await layout.readDocument(detail.digest, `the manifest of ${nameOf(detail)}`)
    return { layers: parseManifest(bytes, detail.digest).layers, provenance: provenanceOf(bytes) }
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    warn(error.message)
    return null
  }
}

/** What a version was made from and how good it was, as far as it says so. */
function moreOf (
  { name, serving }: VersionDetail, { signatures }: SignatureReport, contents: Contents | null, registry: Registry
): string[][] {
  const { metrics = {}, lineage = {}, labels, examples, baseline } = serving
  const { sourceUrl, revision, licenses } = contents?.provenance ?? {}
  const shown = Object.entries(metrics).slice(0, METRICS_SHOWN_MAX)
  const more = Object.keys(metrics).length - shown.length
  const others = signatures.length > 1 ? signatures : []
  const row = (label: string, value: string | undefined): string[][] => value === undefined ? [] : [[label, value]]
  return [
    ...row('labels', labels && `${labels.length}: ${labels.slice(0, LABELS_SHOWN_MAX).join(', ')}${labels.length > LABELS_SHOWN_MAX ? ', …' : ''}`),
    ...row('parent', lineage.parent && parentOf(lineage.parent, name, registry)),
    ...(lineage.datasets ?? []).map((dataset) => ['dataset', dataset]),
    ...row('source', sourceUrl),
    ...row('revision', revision),
    ...row('licenses', licenses?.join(', ')),
    ...shown.map(([metric, value]) => ['metric', `${metric} ${value}`]),
    ...more > 0 ? [['metric', `and ${more} more`]] : [],
    ...examples.length > 0 ? [['golden', countOf(examples.length, 'example')]] : [],
    ...row('baseline', baseline && `${countOf(Object.keys(baseline.columns).length, 'column')} of ${countOf(baseline.rows, 'row')}`),
    ...others.map(({ fingerprint, name: key, problem }) =>
      ['signed by', `${key ?? fingerprint ?? 'nobody known'}${problem === null ? '' : `: ${problem}`}`])
  ]
}

/** A digest, with the version of the same model that it is. */
function parentOf (parent: string, name: string, registry: Registry): string {
  const version = registry.versionOf(name, parent)
  return version === null ? parent : `${name}:${version} ${parent}`
}

function describeFiles (layers: readonly Layer[]): string {
  return formatTable([
    ['FILE', 'SIZE', 'DIGEST'],
    ...layers.map(({ path, sizeBytes, digest }) => [path, sizeOf(sizeBytes), shortDigest(digest)])
  ])
}
