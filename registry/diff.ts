import { digestOf } from './blobs.js'
import type { Kind } from './datasets/words.js'
import type { Layer } from './manifest.js'
import type { TensorSpec } from './serving/tensors.js'
import type { SignatureReport } from './signing/report.js'

/** One of two versions that are compared, and what is known of it without running anything. */
export interface DiffSide {
  readonly name: string
  readonly version: string
  readonly kind: Kind
  readonly digest: string
  readonly sizeBytes: number
  readonly createdAt: number
  readonly signature: SignatureReport['state']
  /** serving.json of a model, dataset.json of a dataset. */
  readonly document: Readonly<Record<string, unknown>>
  readonly layers: readonly Layer[]
}

/** A field of the document by its dotted path; a side that lacks it has null. */
export interface FieldDifference { readonly field: string, readonly a: unknown, readonly b: unknown }

export interface TensorDifference {
  readonly name: string
  readonly change: 'added' | 'removed' | 'changed'
  readonly a: TensorSpec | null
  readonly b: TensorSpec | null
}

export interface LabelDifference {
  /** How many there are; null without any. */
  readonly a: number | null
  readonly b: number | null
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** The same labels stand for other classes. */
  readonly isReordered: boolean
}

/** `delta` is B - A, in the unit of the metric; null where one side lacks it. */
export interface MetricDifference {
  readonly name: string
  readonly a: number | null
  readonly b: number | null
  readonly delta: number | null
}

export interface LayerDifference {
  readonly path: string
  readonly change: 'same' | 'changed' | 'added' | 'removed' | 'moved'
  /** Where the same bytes were, of what moved. */
  readonly from?: string
  readonly a: Omit<Layer, 'path'> | null
  readonly b: Omit<Layer, 'path'> | null
}

type Identity = Omit<DiffSide, 'document' | 'layers'>

/** What differs between two versions. */
export interface VersionDiff {
  /** Whether nothing below differs; names, versions and times are not compared. */
  readonly equal: boolean
  readonly a: Identity
  readonly b: Identity
  readonly inputs: readonly TensorDifference[]
  readonly outputs: readonly TensorDifference[]
  readonly labels: LabelDifference | null
  readonly fields: readonly FieldDifference[]
  readonly metrics: readonly MetricDifference[]
  /** Every file of both, sorted by path. */
  readonly layers: readonly LayerDifference[]
  /** Bytes of different files: those that both have, and those that only one has. */
  readonly bytes: { readonly shared: number, readonly onlyA: number, readonly onlyB: number }
}

/** Fields with a section of their own. */
const APART: ReadonlySet<string> = new Set(['inputs', 'outputs', 'labels', 'metrics'])
/** Fields that may be large, and are told by their digest. */
const LARGE: ReadonlySet<string> = new Set(['examples', 'baseline', 'files'])

/** What differs between two versions of one kind: what they say of themselves, and their files by digest. Pure. */
export function diffVersions (a: DiffSide, b: DiffSide): VersionDiff {
  const part = <Value>(side: DiffSide, field: string, none: Value): Value => (side.document[field] ?? none) as Value
  const tensors = (field: string) => compareTensors(part(a, field, []), part(b, field, []))
  const compared = {
    inputs: tensors('inputs'),
    outputs: tensors('outputs'),
    labels: compareLabels(part<string[] | null>(a, 'labels', null), part<string[] | null>(b, 'labels', null)),
    fields: compareFields(a.document, b.document),
    metrics: compareMetrics(part(a, 'metrics', {}), part(b, 'metrics', {})),
    layers: compareLayers(a.layers, b.layers)
  }
  const { inputs, outputs, labels, fields, metrics, layers } = compared
  const equal = [inputs, outputs, fields, metrics].every(({ length }) => length === 0) && labels === null &&
    layers.every(({ change }) => change === 'same') && a.signature === b.signature
  return { equal, a: identityOf(a), b: identityOf(b), ...compared, bytes: compareBytes(a.layers, b.layers) }
}

function identityOf ({ document, layers, ...identity }: DiffSide): Identity {
  return identity
}

function compareTensors (a: readonly TensorSpec[], b: readonly TensorSpec[]): TensorDifference[] {
  return namesOf(a, b).flatMap((name): TensorDifference[] => {
    const find = (specs: readonly TensorSpec[]) => specs.find((spec) => spec.name === name) ?? null
    const [ours, theirs] = [find(a), find(b)]
    if (ours === null) return [{ name, change: 'added', a: ours, b: theirs }]
    if (theirs === null) return [{ name, change: 'removed', a: ours, b: theirs }]
    const isSame = ours.datatype === theirs.datatype && ours.shape.join() === theirs.shape.join()
    return isSame ? [] : [{ name, change: 'changed', a: ours, b: theirs }]
  })
}

function namesOf (a: ReadonlyArray<{ readonly name: string }>, b: ReadonlyArray<{ readonly name: string }>): string[] {
  return [...new Set([...a, ...b].map(({ name }) => name))]
}

function compareLabels (a: readonly string[] | null, b: readonly string[] | null): LabelDifference | null {
  if (JSON.stringify(a) === JSON.stringify(b)) return null
  const [ours, theirs] = [new Set(a), new Set(b)]
  const added = [...theirs].filter((label) => !ours.has(label))
  const removed = [...ours].filter((label) => !theirs.has(label))
  const isReordered = a !== null && b !== null && added.length === 0 && removed.length === 0
  return { a: a?.length ?? null, b: b?.length ?? null, added, removed, isReordered }
}

function compareMetrics (a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): MetricDifference[] {
  const known = (metrics: typeof a, name: string): number | null => Object.hasOwn(metrics, name) ? metrics[name]! : null
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort().flatMap((name) => {
    const [ours, theirs] = [known(a, name), known(b, name)]
    if (ours === theirs) return []
    return [{ name, a: ours, b: theirs, delta: ours === null || theirs === null ? null : theirs - ours }]
  })
}

function compareFields (a: DiffSide['document'], b: DiffSide['document']): FieldDifference[] {
  const [ours, theirs] = [leavesOf(a), leavesOf(b)]
  return [...new Set([...ours.keys(), ...theirs.keys()])].sort().flatMap((field) => {
    const [mine, other] = [ours.get(field) ?? null, theirs.get(field) ?? null]
    return JSON.stringify(mine) === JSON.stringify(other) ? [] : [{ field, a: mine, b: other }]
  })
}

/** The values of a document by dotted path; lists are values. */
function leavesOf (document: Readonly<Record<string, unknown>>, path = ''): Map<string, unknown> {
  const leaves = new Map<string, unknown>()
  for (const [key, value] of Object.entries(document)) {
    if (value === undefined || (path === '' && APART.has(key))) continue
    const field = `${path}${key}`
    if (path === '' && LARGE.has(key)) {
      if (!Array.isArray(value) || value.length > 0) leaves.set(field, summaryOf(value))
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [at, leaf] of leavesOf(value as Record<string, unknown>, `${field}.`)) leaves.set(at, leaf)
    } else {
      leaves.set(field, value)
    }
  }
  return leaves
}

function summaryOf (value: unknown): { readonly count?: number, readonly digest: string } {
  const digest = digestOf(Buffer.from(JSON.stringify(value)))
  return Array.isArray(value) ? { count: value.length, digest } : { digest }
}

function compareLayers (a: readonly Layer[], b: readonly Layer[]): LayerDifference[] {
  const byPath = (layers: readonly Layer[]) => new Map(layers.map(({ path, ...layer }) => [path, layer]))
  const [ours, theirs] = [byPath(a), byPath(b)]
  const gone = new Map(a.filter(({ path }) => !theirs.has(path)).map(({ digest, path }) => [digest, path]))
  const moved = new Set<string>()
  const differences = [...theirs].map(([path, layer]): LayerDifference => {
    const before = ours.get(path)
    if (before !== undefined) {
      return { path, change: before.digest === layer.digest ? 'same' : 'changed', a: before, b: layer }
    }
    const from = gone.get(layer.digest)
    if (from === undefined || moved.has(from)) return { path, change: 'added', a: null, b: layer }
    moved.add(from)
    return { path, change: 'moved', from, a: layer, b: layer }
  })
  for (const [path, layer] of ours) {
    if (!theirs.has(path) && !moved.has(path)) differences.push({ path, change: 'removed', a: layer, b: null })
  }
  return differences.sort((x, y) => (x.path < y.path ? -1 : 1))
}

function compareBytes (a: readonly Layer[], b: readonly Layer[]): VersionDiff['bytes'] {
  const sizesOf = (layers: readonly Layer[]) => new Map(layers.map(({ digest, sizeBytes }) => [digest, sizeBytes]))
  const [ours, theirs] = [sizesOf(a), sizesOf(b)]
  const sum = (of: Map<string, number>, isCounted: (digest: string) => boolean): number =>
    [...of].reduce((total, [digest, sizeBytes]) => isCounted(digest) ? total + sizeBytes : total, 0)
  return {
    shared: sum(ours, (digest) => theirs.has(digest)),
    onlyA: sum(ours, (digest) => !theirs.has(digest)),
    onlyB: sum(theirs, (digest) => !ours.has(digest))
  }
}
