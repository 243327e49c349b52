import type { RemoteOptions } from '../models/remote/spec.js'
import { loadConfig, type Config } from './config.js'

type RemoteConfig = Pick<Config, 'remoteOrigins' | 'remoteReplyBytesMax' | 'remoteHealthIntervalMs'>

/** What may be opened for remote versions, and within which bounds. */
export function remoteOptions (
  { remoteOrigins, remoteReplyBytesMax, remoteHealthIntervalMs }: RemoteConfig, env: NodeJS.ProcessEnv
): RemoteOptions {
  return {
    origins: remoteOrigins === 'none' ? [] : remoteOrigins.split(',').map((origin) => new URL(origin).origin),
    variable: (name) => env[name],
    replyBytesMax: remoteReplyBytesMax,
    healthIntervalMs: remoteHealthIntervalMs
  }
}

/**
 * The same for commands, which leave the other settings unread.
 * @param origins allowed on the command line beside those of the environment
 * @throws Error as `loadConfig`
 */
export function remoteOptionsOf (env: NodeJS.ProcessEnv, origins: readonly string[] = []): RemoteOptions {
  const { GAUNTLET_REMOTE_ORIGINS, GAUNTLET_REMOTE_REPLY_BYTES_MAX, GAUNTLET_REMOTE_HEALTH_INTERVAL_MS } = env
  const config = loadConfig(
    { GAUNTLET_REMOTE_ORIGINS, GAUNTLET_REMOTE_REPLY_BYTES_MAX, GAUNTLET_REMOTE_HEALTH_INTERVAL_MS })
  const options = remoteOptions(config, env)
  return { ...options, origins: [...options.origins, ...origins] }
}
