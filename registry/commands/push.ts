import type { Command } from 'commander'
import type { PushResult } from '../distribution/push.js'
import type { RemoteReference } from '../distribution/remote-reference.js'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import { withRegistry, type RegistryCommandsContext } from './context.js'
import { createProgress } from './progress.js'
import { addRemoteOptions, openClient, parseCount, parseSize, type RemoteFlags } from './remote-options.js'
import { countOf, nameOf, sizeOf } from './words.js'

interface PushFlags extends RemoteFlags {
  readonly tag?: readonly string[]
  readonly aliases?: boolean
  readonly mountFrom?: string
  readonly chunkSize?: number
  readonly parallel?: number
  readonly dryRun?: boolean
  readonly quiet?: boolean
}

/** `gauntlet push`. */
export function addPush (program: Command, { open, print, signal }: RegistryCommandsContext): void {
  addRemoteOptions(program.command('push'))
    .description('send a version and its signatures to another registry')
    .argument('<reference>', 'name:version, name@alias, or name for its champion (of a dataset: its newest version)')
    .argument('[target]', 'host[:port]/repository[:tag], or a place ending with / to put the name behind; default: GAUNTLET_REMOTE')
    .option('--tag <tag>', 'a further tag for it; may be given again', (tag: string, tags: readonly string[] = []) => [...tags, tag])
    .option('--aliases', 'also tag it with the aliases that point to it')
    .option('--mount-from <repository>', 'a repository of that registry whose blobs need not be sent again')
    .option('--chunk-size <size>', 'send larger blobs in pieces of this size (default: 16MiB)', parseSize)
    .option('--parallel <number>', 'blobs under way at a time (default: 3)', parseCount)
    .option('--dry-run', 'only tell what would be sent and what is there')
    .option('--quiet', 'print nothing')
    .action(async (reference: string, target: string | undefined, flags: PushFlags, command: Command) => {
      const { push } = await import('../distribution/push.js')
      await withRegistry(open, async (registry) => {
        const { name, version } = registry.resolve(reference)
        const { digest, aliases } = registry.showEither(name, version)
        const wanted = [...flags.tag ?? [], ...flags.aliases === true ? aliases : []]
        const { place, tags } = await placeOf({ name, version, target, wanted })
        const { mountFrom = null, chunkSize, parallel, dryRun = false, quiet = false } = flags
        const client = await openClient(place.host, flags, signal)
        const startedAt = performance.now()
        try {
          const result = await push(client, registry.published, registry.uploads, {
            digest,
            repository: place.repository,
            tags,
            mountFrom,
            isDryRun: dryRun,
            progress: createProgress({ quiet, json: command.optsWithGlobals<{ json?: true }>().json ?? false }),
            ...chunkSize === undefined ? {} : { chunkBytes: chunkSize },
            ...parallel === undefined ? {} : { parallelMax: Math.max(1, parallel) }
          })
          if (quiet) return
          const seconds = (performance.now() - startedAt) / 1000
          print({ name, version, host: place.host, repository: place.repository, dryRun, seconds, ...result },
            () => describePush(nameOf({ name, version }), place, result, dryRun ? null : seconds))
        } finally {
          client.close()
        }
      })
    })
}

/** @throws RegistryError INVALID_REFERENCE */
async function placeOf ({ name, version, target, wanted }: {
  name: string, version: string, target: string | undefined, wanted: readonly string[]
}): Promise<{ place: RemoteReference, tags: readonly string[] }> {
  const { parseRemoteReference, tagOf } = await import('../distribution/remote-reference.js')
  const remote = process.env['GAUNTLET_REMOTE']
  const given = target ?? (remote === undefined || remote.endsWith('/') ? remote : `${remote}/`)
  if (given === undefined) {
    throw new RegistryError('INVALID_REFERENCE', 'where to? give host[:port]/repository[:tag], or set GAUNTLET_REMOTE to a place for all models')
  }
  const place = parseRemoteReference(given.endsWith('/') ? `${given}${name}` : given)
  if (place.digest !== null) throw new RegistryError('INVALID_REFERENCE', `${quote(given)} must not name a digest: it is the version's`)
  // each tag is checked like one that was written behind the repository
  const tags = [place.tag ?? tagOf(version), ...wanted].map((tag) => parseRemoteReference(`${place.host}/${place.repository}:${tag}`).tag!)
  return { place, tags: [...new Set(tags)] }
}

/** @param seconds that it took; null for a dry run */
function describePush (
  label: string, { host, repository }: RemoteReference, result: PushResult, seconds: number | null
): string {
  const { status, digest, tags, sent, mounted, present, referrers } = result
  const isDry = seconds === null
  const said = status === 'unchanged' ? 'is there already' : isDry ? 'would be pushed' : 'pushed'
  const rate = seconds !== null && sent.bytes > 0 ? `, ${sizeOf(Math.round(sent.bytes / seconds))}/s` : ''
  const rows = [
    `${label} ${said}: ${host}/${repository}:${tags[0]}`,
    `  digest      ${digest}`,
    ...tags.length > 1 ? [`  tags        ${tags.join(', ')}`] : [],
    `  ${isDry ? 'to send   ' : 'sent      '}  ${countOf(sent.blobs, 'blob')}, ${sizeOf(sent.bytes)}${rate}`,
    ...mounted.blobs > 0 ? [`  mounted     ${countOf(mounted.blobs, 'blob')}, ${sizeOf(mounted.bytes)}`] : [],
    `  there       ${countOf(present.blobs, 'blob')}, ${sizeOf(present.bytes)}`,
    `  signatures  ${referrers}`
  ]
  return rows.join('\n')
}
