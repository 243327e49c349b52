import { Option, type Command } from 'commander'
import type { CataloguedModel } from '../catalogue.js'
import { CHAMPION, checkName } from '../names.js'
import { formatTable } from '../table.js'
import type { ModelSummary } from '../versions.js'
import { dataDirOf, withCatalogue, withRegistry, type RegistryCommandsContext } from './context.js'
import { parseLimit, showModel, type ShowModelFlags } from './show-model.js'
import { showVersion } from './show-version.js'
import { shortDigest, sizeOf, timeOf } from './words.js'

const SHOWN_DEFAULT = 20

const NO_MODELS = 'no models yet; publish one'

/** `gauntlet models`. */
export function addModels (program: Command, { open, print }: RegistryCommandsContext): void {
  program.command('models')
    .description('list models: how many versions, which is champion, other aliases')
    .option('--versions', 'list every version')
    .option('--all', 'list every version, also removed ones')
    .action(async (flags: { versions?: true, all?: true }, command: Command) => {
      if (flags.versions !== true && flags.all !== true) {
        const models = await withCatalogue(dataDirOf(command), open, (catalogue) => catalogue?.models() ?? [])
          .then((all) => all.filter(({ kind }) => kind === 'model'))
        print(models, () => models.length === 0 ? NO_MODELS : describeCatalogue(models))
        return
      }
      await withRegistry(open, (registry) => {
        const models = registry.models(flags.all === true)
        print(models, () => models.length === 0 ? NO_MODELS : describeVersions(models))
      })
    })
}

/** `gauntlet show`. */
export function addShow (program: Command, context: RegistryCommandsContext): void {
  program.command('show')
    .description('show a model or dataset with its newest versions, or one version: digest, signature, what it is made of')
    .argument('<reference>', 'name for all of it; name:version or name@alias for one version')
    .addOption(new Option('--limit <count>', 'versions of a model to show').argParser(parseLimit).default(SHOWN_DEFAULT))
    .option('--ascii', 'draw metrics without block characters')
    .option('--files', 'list the files of one version')
    .action(async (reference: string, flags: ShowModelFlags & { readonly files?: true }, command: Command) => {
      if (!/[:@]/.test(reference)) {
        checkName(reference)
        return await showModel(reference, { ...flags, context, dataDir: dataDirOf(command) })
      }
      await showVersion(reference, { context, dataDir: dataDirOf(command), files: flags.files === true })
    })
}

/** Names with the number of their versions, as a table. Only models have a champion. */
export function describeCatalogue (models: readonly CataloguedModel[], kind = 'MODEL'): string {
  const isModel = kind === 'MODEL'
  const others = (aliases: CataloguedModel['aliases']) =>
    Object.entries(aliases).filter(([alias]) => alias !== CHAMPION).map(([alias, version]) => `${alias}=${version}`)
  return formatTable([
    [kind, 'VERSIONS', ...isModel ? ['CHAMPION', 'OTHER ALIASES'] : ['ALIASES'], 'NEWEST', 'SIZE'],
    ...models.map(({ name, versions, aliases, updatedAt, sizeBytes }) => [
      name, String(versions), ...isModel ? [aliases[CHAMPION] ?? '-'] : [], others(aliases).join(' ') || '-',
      timeOf(updatedAt), sizeOf(sizeBytes)
    ])
  ])
}

/** Names with every version, as a table. */
export function describeVersions (models: readonly ModelSummary[], kind = 'MODEL'): string {
  return formatTable([
    [kind, 'VERSION', 'ALIASES', 'PUBLISHED', 'DIGEST'],
    ...models.flatMap(({ name, versions }) => versions.map(({ version, aliases, createdAt, digest, removed }) =>
      [name, version, removed === undefined ? aliases.join(',') || '-' : '(removed)', timeOf(createdAt), shortDigest(digest)]))
  ])
}
