import { InvalidArgumentError, Option, type Command } from 'commander'
import { CHAMPION } from './aliases.js'
import type { Inspect } from './inspection.js'
import type { PublishRequest } from './publish.js'
import type { Registry } from './registry.js'
import { TASKS, type Serving } from './serving.js'
import { formatTable } from './table.js'
import { refuseDamage, type VerifiedBlob } from './verify.js'
import type { ModelSummary, VersionDetail } from './versions.js'

/** What the composition lends to the commands. */
export interface RegistryCommandsContext {
  readonly open: () => Registry
  readonly inspect: Inspect
  readonly actor: () => string
  readonly print: (json: unknown, text: () => string) => void
  readonly warn: (line: string) => void
}

interface PublishFlags {
  readonly name: string
  readonly version: string
  readonly alias?: string
  readonly task?: Serving['task']
  readonly reason?: string
  readonly sourceDateEpoch?: number
}

/**
 * Adds publish, models, show, alias set and verify. Errors are thrown, not printed. The program must not have a
 * `--version` option of its own, which would swallow the one of publish.
 */
export function addRegistryCommands (program: Command, context: RegistryCommandsContext): void {
  addPublish(program, context)
  addModels(program, context)
  addShow(program, context)
  addAlias(program, context)
  addVerify(program, context)
}

function addPublish (program: Command, { open, inspect, actor, print, warn }: RegistryCommandsContext): void {
  program.command('publish')
    .description('publish an .onnx file or a folder as an immutable version')
    .argument('<path>', 'an .onnx file, or a folder with model.onnx or onnx/model.onnx')
    .requiredOption('--name <name>', 'model name, for example team/spam-filter')
    .requiredOption('--version <version>', 'version, for example 1.4.0')
    .option('--alias <alias>', 'alias to point to the version, for example champion')
    .addOption(new Option('--task <task>', 'what the model does, when it cannot be told from its files').choices(TASKS))
    .option('--reason <text>', 'why, for the audit trail')
    .addOption(new Option('--source-date-epoch <seconds>', 'creation time to write into the artifact')
      .env('SOURCE_DATE_EPOCH').argParser(parseSeconds))
    .action(async (path: string, flags: PublishFlags) => {
      await withRegistry(open, async (registry) => {
        const request: PublishRequest = { path, actor: actor(), ...flags }
        const { status, detail } = await registry.publish(request, inspect)
        print({ status, ...detail }, () => `${status} ${nameOf(detail)}\n${describeVersion(detail)}`)
        if (registry.alias(detail.name, CHAMPION) === null) {
          warn(`${detail.name} has no champion yet, so it is only called by version; set the alias champion`)
        }
      })
    })
}

function addModels (program: Command, { open, print }: RegistryCommandsContext): void {
  program.command('models')
    .description('list models, versions and aliases')
    .action(async () => {
      await withRegistry(open, (registry) => {
        const models = registry.models()
        print(models, () => models.length === 0 ? 'no models yet; publish one' : describeModels(models))
      })
    })
}

function addShow (program: Command, { open, print }: RegistryCommandsContext): void {
  program.command('show')
    .description('show one version: digest, aliases, inputs, outputs')
    .argument('<reference>', 'name (its champion), name:version or name@alias')
    .action(async (reference: string) => {
      await withRegistry(open, (registry) => {
        const { name, version } = registry.resolve(reference)
        const detail = registry.show(name, version)
        print(detail, () => describeVersion(detail))
      })
    })
}

function addAlias (program: Command, { open, actor, print }: RegistryCommandsContext): void {
  program.command('alias')
    .description('movable names for versions')
    .command('set')
    .description('point an alias to a version')
    .argument('<name>', 'model name')
    .argument('<alias>', 'alias, for example champion')
    .argument('<version>', 'version it shall point to')
    .requiredOption('--reason <text>', 'why, for the audit trail')
    .option('--allow-signature-change', 'move champion even to a version with other inputs or outputs')
    .action(async (name: string, alias: string, version: string, flags: {
      reason: string, allowSignatureChange?: boolean
    }) => {
      await withRegistry(open, (registry) => {
        const previous = registry.alias(name, alias)
        registry.setAlias({ name, alias, version, actor: actor(), ...flags })
        print({ name, alias, version, previous }, () => previous === version
          ? `${name}@${alias} is ${version} already`
          : `${name}@${alias} is now ${version}${previous === null ? '' : ` (was ${previous})`}`)
      })
    })
}

function addVerify (program: Command, { open, print }: RegistryCommandsContext): void {
  program.command('verify')
    .description('re-hash every blob of a version')
    .argument('<reference>', 'name:version, name@alias or name (its champion)')
    .action(async (reference: string) => {
      await withRegistry(open, async (registry) => {
        const { name, version } = registry.resolve(reference)
        const result = await registry.verify(name, version)
        print({ name, version, ...result }, () => describeBlobs(result.blobs))
        refuseDamage(`${name}:${version}`, result)
      })
    })
}

function describeModels (models: readonly ModelSummary[]): string {
  return formatTable([
    ['MODEL', 'VERSION', 'ALIASES', 'PUBLISHED', 'DIGEST'],
    ...models.flatMap(({ name, versions }) => versions.map(({ version, aliases, createdAt, digest }) =>
      [name, version, aliases.join(',') || '-', timeOf(createdAt), shortDigest(digest)]))
  ])
}

function describeVersion (detail: VersionDetail): string {
  const specs = (kind: string, list: Serving['inputs']) =>
    list.map(({ name, datatype, shape }) => [kind, `${name} ${datatype} [${shape.join()}]`])
  return formatTable([
    ['version', nameOf(detail)],
    ['digest', detail.digest],
    ['aliases', detail.aliases.join(',') || '-'],
    ['task', detail.task],
    ['size', `${detail.sizeBytes} bytes`],
    ['published', timeOf(detail.createdAt)],
    ...specs('input', detail.inputs),
    ...specs('output', detail.outputs)
  ])
}

function describeBlobs (blobs: readonly VerifiedBlob[]): string {
  return formatTable([
    ['STATUS', 'BYTES', 'DIGEST', 'PATH'],
    ...blobs.map((blob) => [blob.ok ? 'ok' : 'damaged', String(blob.sizeBytes), shortDigest(blob.digest), blob.path])
  ])
}

function nameOf ({ name, version }: VersionDetail): string {
  return `${name}:${version}`
}

function timeOf (at: number): string {
  return new Date(at).toISOString()
}

function shortDigest (digest: string): string {
  return digest.slice('sha256:'.length).slice(0, 12)
}

async function withRegistry (open: () => Registry, work: (registry: Registry) => Promise<void> | void): Promise<void> {
  const registry = open()
  try {
    await work(registry)
  } finally {
    registry.close()
  }
}

function parseSeconds (text: string): number {
  if (/^\d{1,11}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('expected whole seconds since 1970')
}
