import { readFile } from 'node:fs/promises'
import { InvalidArgumentError, type Command } from 'commander'
import type { RegistryClient } from '../distribution/client.js'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import { parseDuration } from './context.js'

const UNITS: Readonly<Record<string, number>> = { '': 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

export interface RemoteFlags {
  readonly plainHttp?: boolean
  readonly caFile?: string
  readonly retries?: number
  readonly idleTimeout?: number
}

/** What every command that speaks to another registry takes. */
export function addRemoteOptions (command: Command): Command {
  return command
    .option('--plain-http', 'speak without TLS, also to another machine')
    .option('--ca-file <file>', 'PEM of certificate authorities to trust beside the known ones')
    .option('--retries <number>', 'tries of a request after the first (default: 4)', parseCount)
    .option('--idle-timeout <duration>', 'give up a connection on which no byte moves for so long (default: 60s)', parseDuration)
}

/** Speaks to a registry as whoever logged in there; the caller closes it. @throws RegistryError */
export async function openClient (
  host: string, flags: RemoteFlags, signal: AbortSignal | undefined
): Promise<RegistryClient> {
  const [{ RegistryClient }, { CredentialStore }] = await Promise.all([
    import('../distribution/client.js'), import('../distribution/credentials.js')
  ])
  const credentials = await new CredentialStore().find(host)
  return new RegistryClient({ host, credentials, ...await clientOptions(flags, signal) })
}

/** The part of a client's options that flags decide. @throws RegistryError SOURCE_NOT_FOUND for an unreadable file */
export async function clientOptions (
  { plainHttp = false, caFile, retries, idleTimeout }: RemoteFlags, signal: AbortSignal | undefined
) {
  return {
    isPlainHttp: plainHttp,
    limits: {
      ...retries === undefined ? {} : { retriesMax: retries },
      ...idleTimeout === undefined ? {} : { idleTimeoutMs: idleTimeout }
    },
    ...caFile === undefined ? {} : { ca: await readAuthority(caFile) },
    ...signal === undefined ? {} : { signal }
  }
}

/** A whole number from 0 to 1000. @throws InvalidArgumentError */
export function parseCount (text: string): number {
  if (/^\d{1,3}$|^1000$/.test(text)) return Number(text)
  throw new InvalidArgumentError('expected a whole number from 0 to 1000')
}

/** `16MiB`, `512KiB` or bytes, from 1 byte to 1023 GiB. @throws InvalidArgumentError */
export function parseSize (text: string): number {
  const [, count, unit = ''] = /^(\d{1,12}?)([KMG]iB)?$/.exec(text) ?? []
  const bytes = Number(count) * (UNITS[unit] ?? NaN)
  if (bytes >= 1 && bytes < 1024 ** 4) return bytes
  throw new InvalidArgumentError('expected a size like 16MiB, 512KiB or bytes')
}

async function readAuthority (path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new RegistryError('SOURCE_NOT_FOUND', `cannot read ${quote(path)}: ${(error as Error).message}`, { cause: error })
  }
}
