import type { Command } from 'commander'
import type { Serving } from '../serving.js'
import { describeReport, type SignatureReport } from '../signing/report.js'
import { formatTable } from '../table.js'
import type { ModelSummary, VersionDetail } from '../versions.js'
import { withRegistry, type RegistryCommandsContext } from './context.js'
import { nameOf, shortDigest, timeOf } from './words.js'

/** `gauntlet models`. */
export function addModels (program: Command, { open, print }: RegistryCommandsContext): void {
  program.command('models')
    .description('list models, versions and aliases')
    .option('--all', 'also list removed versions')
    .action(async (flags: { all?: true }) => {
      await withRegistry(open, (registry) => {
        const models = registry.models(flags.all === true)
        print(models, () => models.length === 0 ? 'no models yet; publish one' : describeModels(models))
      })
    })
}

/** `gauntlet show`. */
export function addShow (program: Command, { open, print }: RegistryCommandsContext): void {
  program.command('show')
    .description('show one version: digest, aliases, signature, inputs, outputs')
    .argument('<reference>', 'name (its champion), name:version or name@alias')
    .action(async (reference: string) => {
      await withRegistry(open, async (registry) => {
        const { name, version } = registry.resolve(reference)
        const detail = registry.show(name, version)
        const signature = await registry.signing.report(detail.digest)
        print({ ...detail, signature }, () => describeVersion(detail, signature))
      })
    })
}

/** One version as lines of text. */
export function describeVersion (detail: VersionDetail, signature: SignatureReport): string {
  const specs = (kind: string, list: Serving['inputs']) =>
    list.map(({ name, datatype, shape }) => [kind, `${name} ${datatype} [${shape.join()}]`])
  return formatTable([
    ['version', nameOf(detail)],
    ['digest', detail.digest],
    ['aliases', detail.aliases.join(',') || '-'],
    ['task', detail.task],
    ['size', `${detail.sizeBytes} bytes`],
    ['published', timeOf(detail.createdAt)],
    ['signature', describeReport(signature)],
    ...specs('input', detail.inputs),
    ...specs('output', detail.outputs)
  ])
}

function describeModels (models: readonly ModelSummary[]): string {
  return formatTable([
    ['MODEL', 'VERSION', 'ALIASES', 'PUBLISHED', 'DIGEST'],
    ...models.flatMap(({ name, versions }) => versions.map(({ version, aliases, createdAt, digest, removed }) =>
      [name, version, removed === undefined ? aliases.join(',') || '-' : '(removed)', timeOf(createdAt), shortDigest(digest)]))
  ])
}
