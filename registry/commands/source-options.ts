import { homedir } from 'node:os'
import { Option, type Command } from 'commander'
import { DTYPES } from '../dtype.js'
import { RegistryError } from '../errors.js'
import { isHubReference } from '../hub/reference.js'
import type { HubRequest } from '../hub/request.js'
import type { SourceSelection } from '../source.js'
import { allowDomainOption, type DomainFlags } from './allow-domain.js'

/** What the options of `addSourceOptions` give. */
export interface SourceFlags extends Pick<SourceSelection, 'dtype' | 'exclude'>, DomainFlags {
  readonly revision?: string
}

/** Options of commands that publish from a folder or from the hub. */
export function addSourceOptions (command: Command): Command {
  return command
    .addOption(new Option('--dtype <type>', 'which variant of the model, by the ending of its file name').choices(DTYPES))
    .option('--exclude <pattern>', 'leave files of a folder out, for example "*.bin"; may be repeated',
      (pattern: string, before: readonly string[] = []) => [...before, pattern])
    .addOption(allowDomainOption())
    .option('--revision <revision>', 'branch, tag or commit of a repository of the hub; main unless told')
}

/** How to fetch what a source names; null for a file or folder. @throws RegistryError SOURCE_INVALID */
export async function hubRequestOf (
  source: string, revision: string | undefined, signal: AbortSignal | undefined
): Promise<HubRequest | null> {
  if (isHubReference(source)) {
    const { readHubSettings } = await import('../hub/settings.js')
    const settings = readHubSettings(process.env, homedir())
    return { settings, ...revision === undefined ? {} : { revision }, ...signal === undefined ? {} : { signal } }
  }
  if (revision === undefined) return null
  throw new RegistryError('SOURCE_INVALID', '--revision is for a repository of the hub: hf:OWNER/NAME')
}

/** One line about what was left out; null when that is nothing. */
export function describeOmitted (omitted: readonly string[] = []): string | null {
  if (omitted.length === 0) return null
  const more = omitted.length > 5 ? ` and ${omitted.length - 5} more` : ''
  return `left out: ${omitted.slice(0, 5).map((path) => JSON.stringify(path)).join(', ')}${more}`
}
