import { InvalidArgumentError } from 'commander'
import type { CataloguedModel, CataloguedVersion } from '../catalogue.js'
import { RegistryError } from '../errors.js'
import { CHAMPION, quote } from '../names.js'
import { didYouMean } from '../nearest.js'
import type { SignatureReport } from '../signing/report.js'
import { sparkline } from '../sparkline.js'
import { formatTable } from '../table.js'
import { withCatalogue, type RegistryCommandsContext } from './context.js'
import { signatureStates } from './signature-states.js'
import { ageOf, countOf, shortDigest, sizeOf } from './words.js'

const LIMIT_MAX = 10_000
const METRICS_MAX = 8

export interface ShowModelFlags { readonly limit: number, readonly ascii?: true }

interface ShowModelContext extends ShowModelFlags {
  readonly context: RegistryCommandsContext
  readonly dataDir: string
}

interface ShownVersion extends CataloguedVersion { readonly signature: SignatureReport['state'] }

/** A whole number of versions. @throws InvalidArgumentError */
export function parseLimit (text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= LIMIT_MAX) return Number(text)
  throw new InvalidArgumentError(`expected a whole number from 1 to ${LIMIT_MAX}`)
}

/** `gauntlet show NAME`: the newest versions, and how their metrics went. @throws RegistryError MODEL_NOT_FOUND */
export async function showModel (
  name: string, { context, dataDir, limit, ascii }: ShowModelContext
): Promise<void> {
  const { model, versions } = await withCatalogue(dataDir, context.open, (catalogue) => {
    const models = catalogue?.models() ?? []
    const model = models.find((known) => known.name === name)
    if (model !== undefined) return { model, versions: catalogue?.versions(name, limit) ?? [] }
    throw new RegistryError('MODEL_NOT_FOUND', `there is no model ${quote(name)}${didYouMean(name, models.map((known) => known.name))}`)
  })
  const states = await signatureStates(versions.map(({ digest }) => digest), dataDir, context)
  const shown = versions.map((version) => ({ ...version, signature: states.get(version.digest) ?? 'unsigned' as const }))
  const { versions: total, ...rest } = model
  context.print({ ...rest, total, versions: shown }, () => describeModel(model, shown, ascii === true))
}

function describeModel (model: CataloguedModel, versions: readonly ShownVersion[], isAscii: boolean): string {
  const now = Date.now()
  const names = [...new Set(versions.flatMap(({ metrics }) => Object.keys(metrics)))].sort().slice(0, METRICS_MAX)
  const figure = ({ metrics }: ShownVersion, name: string) => metrics[name] === undefined ? '-' : metrics[name].toPrecision(4)
  const more = model.versions - versions.length
  const champion = model.aliases[CHAMPION]
  const said = model.kind === 'dataset' ? '' : champion === undefined ? ', no champion' : `, champion ${champion}`
  return [
    `${model.name}: ${countOf(model.versions, 'version')}, ${sizeOf(model.sizeBytes)}${said}`,
    '',
    formatTable([
      ['VERSION', 'ALIASES', 'AGE', 'SIZE', 'SIGNATURE', 'DIGEST', ...names.map((name) => name.toUpperCase())],
      ...versions.map((each) => [
        each.version, each.aliases.join(',') || '-', ageOf(each.createdAt, now), sizeOf(each.sizeBytes), each.signature,
        shortDigest(each.digest), ...names.map((name) => figure(each, name))
      ])
    ]),
    ...more > 0 ? [`and ${more} more; --limit shows them`] : [],
    ...names.length === 0 ? [] : ['', describeTrends(versions, names, isAscii)]
  ].join('\n')
}

/** One line per metric, oldest version first. */
function describeTrends (versions: readonly ShownVersion[], names: readonly string[], isAscii: boolean): string {
  const oldestFirst = [...versions].reverse()
  return formatTable(names.map((name) => {
    const values = oldestFirst.map(({ metrics }) => metrics[name] ?? null)
    const known = values.filter((value) => value !== null)
    return [name, sparkline(values, isAscii), `${known[0]?.toPrecision(4)} … ${known.at(-1)?.toPrecision(4)}`]
  }))
}
