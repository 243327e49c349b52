import { InvalidArgumentError, Option, type Command } from 'commander'
import type { RemoteSource } from '../remote/prepare.js'
import type { RegistryCommandsContext } from './context.js'

/** What the options of `addRemoteSourceOptions` give. */
export interface RemoteFlags { readonly remoteOrigin?: readonly string[] }

/** What `publish` is told of models that another server runs. */
export function addRemoteSourceOptions (command: Command): Command {
  return command.addOption(new Option('--remote-origin <origin>',
    'a server that may be asked what its model takes, as https://host:port, beside those of GAUNTLET_REMOTE_ORIGINS; may be repeated')
    .argParser((origin: string, before: readonly string[] = []) => [...before, originOf(origin)]))
}

/** The model elsewhere that a .yaml, .yml or .json file describes; null for any other path. @throws RegistryError */
export async function remoteSourceOf (
  path: string, { remoteOrigin = [] }: RemoteFlags, { inspectRemote }: RegistryCommandsContext
): Promise<RemoteSource | null> {
  if (!/\.(ya?ml|json)$/i.test(path)) return null
  const { readDescriptor } = await import('../remote/descriptor.js')
  return { descriptor: await readDescriptor(path), inspect: inspectRemote(remoteOrigin) }
}

function originOf (text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.username === '') return url.origin
  throw new InvalidArgumentError('expected an origin like https://host:port')
}
