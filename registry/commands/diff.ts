import { join } from 'node:path'
import type { Command } from 'commander'
import type {
  DiffSide, FieldDifference, LabelDifference, LayerDifference, MetricDifference, TensorDifference, VersionDiff
} from '../diff.js'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import { formatTable } from '../table.js'
import { dataDirOf, withCatalogue, withRegistry, type RegistryCommandsContext } from './context.js'
import { signatureStates } from './signature-states.js'
import { countOf, nameOf, shortDigest, sizeOf } from './words.js'

const LABELS_SHOWN_MAX = 8
const VALUE_LENGTH_MAX = 48

/** Two versions differ, and the user asked for an exit code that says so. */
export class VersionsDiffer extends Error {
  override readonly name = 'VersionsDiffer'
}

/** `gauntlet diff`. */
export function addDiff (program: Command, context: RegistryCommandsContext): void {
  program.command('diff')
    .description('what differs between two versions: inputs, outputs, labels, settings, metrics, files, signatures')
    .argument('<a>', 'name:version, name@alias or name (its champion)')
    .argument('<b>', 'the same; @alias or :version alone is one of the same model')
    .option('--exit-code', 'end with 6 when they differ')
    .action(async (first: string, second: string, flags: { exitCode?: true }, command: Command) => {
      const dataDir = dataDirOf(command)
      const other = /^[:@]/.test(second) ? `${first.split(/[:@]/)[0]}${second}` : second
      const { diffVersions } = await import('../diff.js')
      const [a, b] = [await sideOf(first, dataDir, context), await sideOf(other, dataDir, context)]
      if (a.kind !== b.kind) {
        throw new RegistryError('KIND_MISMATCH', `${nameOf(a)} is a ${a.kind} and ${nameOf(b)} is a ${b.kind}; expected two of a kind`)
      }
      const diff = diffVersions(a, b)
      context.print(diff, () => describeDiff(diff))
      if (flags.exitCode === true && !diff.equal) throw new VersionsDiffer(`${nameOf(a)} and ${nameOf(b)} differ`)
    })
}

/** @throws RegistryError MODEL_NOT_FOUND, VERSION_NOT_FOUND, ALIAS_NOT_FOUND, BLOB_MISSING, DIGEST_MISMATCH */
async function sideOf (reference: string, dataDir: string, context: RegistryCommandsContext): Promise<DiffSide> {
  const detail = await withCatalogue(dataDir, context.open, (catalogue) => catalogue?.find(reference) ?? null)
  if (detail === null) return await refuseUnknown(reference, context)
  const { aliases, manifestBytes, ...row } = detail
  const [{ Layout }, { parseManifest }] = await Promise.all([import('../layout.js'), import('../manifest.js')])
  const layout = Layout.at(join(dataDir, 'registry'))
  const bytes = await layout.readDocument(detail.digest, `the manifest of ${nameOf(detail)}`)
  const states = await signatureStates([detail.digest], dataDir, context)
  return {
    ...row,
    signature: states.get(detail.digest) ?? 'unsigned',
    layers: parseManifest(bytes, detail.digest).layers
  }
}

/** The registry knows best what is wrong with a reference. */
async function refuseUnknown (reference: string, { open }: RegistryCommandsContext): Promise<never> {
  await withRegistry(open, (registry) => { registry.resolve(reference) })
  throw new RegistryError('VERSION_NOT_FOUND', `there is no ${quote(reference)}`)
}

function describeDiff (diff: VersionDiff): string {
  const { a, b, equal, bytes } = diff
  const rows = [
    ['version', nameOf(a), nameOf(b)],
    ['digest', shortDigest(a.digest), shortDigest(b.digest)],
    ['size', sizeOf(a.sizeBytes), sizeOf(b.sizeBytes), a.sizeBytes === b.sizeBytes ? '' : signed(b.sizeBytes - a.sizeBytes, sizeOf)],
    ...a.signature === b.signature ? [] : [['signature', a.signature, b.signature]],
    ...diff.inputs.map((each) => tensorRow('input', each)),
    ...diff.outputs.map((each) => tensorRow('output', each)),
    ...diff.labels === null ? [] : [labelRow(diff.labels)],
    ...diff.fields.map(fieldRow),
    ...diff.metrics.map(metricRow)
  ]
  const files = diff.layers.filter(({ change }) => change !== 'same')
  const same = diff.layers.length - files.length
  return [
    formatTable([['', 'A', 'B', ''], ...rows]),
    ...files.length === 0 ? [] : ['', formatTable([['FILE', 'CHANGE', 'A', 'B'], ...files.map(layerRow)])],
    '',
    `${countOf(same, 'equal file')}; ${sizeOf(bytes.shared)} shared, ${sizeOf(bytes.onlyA)} only in A, ${sizeOf(bytes.onlyB)} only in B`,
    ...equal ? ['nothing differs'] : []
  ].join('\n')
}

function layerRow ({ path, change, from, a, b }: LayerDifference): string[] {
  const size = (layer: LayerDifference['a']): string => layer === null ? '-' : sizeOf(layer.sizeBytes)
  return [path, from === undefined ? change : `moved from ${from}`, size(a), size(b)]
}

function tensorRow (kind: string, { name, change, a, b }: TensorDifference): string[] {
  const spec = (tensor: TensorDifference['a']): string =>
    tensor === null ? '-' : `${tensor.datatype} [${tensor.shape.join()}]`
  return [`${kind} ${name}`, spec(a), spec(b), change]
}

function labelRow ({ a, b, added, removed, isReordered }: LabelDifference): string[] {
  const some = (sign: string, labels: readonly string[]): string[] => [
    ...labels.slice(0, LABELS_SHOWN_MAX).map((label) => `${sign}${quote(label)}`),
    ...labels.length > LABELS_SHOWN_MAX ? [`${sign}${labels.length - LABELS_SHOWN_MAX} more`] : []
  ]
  const what = isReordered ? 'other order' : [...some('+', added), ...some('-', removed)].join(' ')
  return ['labels', a === null ? '-' : String(a), b === null ? '-' : String(b), what]
}

function fieldRow ({ field, a, b }: FieldDifference): string[] {
  return [field, valueOf(a), valueOf(b)]
}

function valueOf (value: unknown): string {
  if (value === null) return '-'
  if (typeof value === 'object' && 'digest' in value) {
    const { count, digest } = value as { count?: number, digest: string }
    return `${count === undefined ? '' : `${count}, `}${shortDigest(digest)}`
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX)}…` : text
}

function metricRow ({ name, a, b, delta }: MetricDifference): string[] {
  const figure = (value: number | null): string => value === null ? '-' : String(value)
  if (delta === null) return [`metric ${name}`, figure(a), figure(b)]
  const share = a === 0 || a === null ? '' : ` (${signed(100 * delta / Math.abs(a), (percent) => percent.toPrecision(3))} %)`
  return [`metric ${name}`, figure(a), figure(b), `${signed(delta, (value) => String(Number(value.toPrecision(4))))}${share}`]
}

function signed (value: number, text: (value: number) => string): string {
  return `${value < 0 ? '-' : '+'}${text(Math.abs(value))}`
}
