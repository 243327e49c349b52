import { homedir } from 'node:os'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { SIGNATURE_POLICIES } from '../registry/signing/policies.js'

/** Every setting of `gauntlet serve`; an environment variable is the key in capitals behind `GAUNTLET_`. */
export const ConfigSchema = Type.Object({
  dataDir: Type.String({ minLength: 1, default: '.gauntlet', description: 'folder of the registry and all state' }),
  host: Type.String({ minLength: 1, default: '127.0.0.1', description: 'address to bind' }),
  port: Type.Integer({ minimum: 0, maximum: 65_535, default: 8080, description: 'TCP port, 0 takes a free one' }),
  logLevel: Type.Union(['error', 'warn', 'info', 'debug', 'silent'].map((level) => Type.Literal(level)), {
    default: 'info', description: 'least level that is logged: error, warn, info, debug or silent'
  }),
  registryPort: Type.String({
    pattern: '^(off|\\d{1,4}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])$',
    default: 'off',
    description: 'TCP port where OCI tools read the registry, 0 takes a free one, or off'
  }),
  registryConnectionsMax: Type.Integer({
    minimum: 1, maximum: 100_000, default: 256, description: 'connections to that port at a time'
  }),
  registryIdleTimeoutMs: Type.Integer({
    minimum: 100, maximum: 3_600_000, default: 60_000, description: 'a connection to that port on which no byte moves is closed, ms'
  }),
  bodyMaxBytes: Type.Integer({
    minimum: 1_024, maximum: 1_073_741_824, default: 33_554_432, description: 'largest request body, bytes'
  }),
  requestTimeoutMs: Type.Integer({
    minimum: 1, maximum: 600_000, default: 10_000, description: 'deadline of an inference request, ms'
  }),
  failoverAfterMs: Type.Integer({
    minimum: 1, maximum: 600_000, default: 5_000, description: 'deadline of a challenger before the champion answers, ms'
  }),
  queueMax: Type.Integer({
    minimum: 1, maximum: 1_000_000, default: 1_024, description: 'waiting requests per model host before 503'
  }),
  hostThreads: Type.Integer({ minimum: 1, maximum: 256, default: 1, description: 'compute threads per model host' }),
  hostLoadTimeoutMs: Type.Integer({
    minimum: 100, maximum: 3_600_000, default: 120_000, description: 'longest load and warm-up of a version, ms'
  }),
  hostHangTimeoutMs: Type.Integer({
    minimum: 100, maximum: 3_600_000, default: 60_000, description: 'a batch in flight longer than this restarts its host, ms'
  }),
  hostRestartsMax: Type.Integer({
    minimum: 0, maximum: 1_000, default: 10, description: 'failed starts in a row before a version is given up'
  }),
  registryPollMs: Type.Integer({
    minimum: 10, maximum: 60_000, default: 200, description: 'how often changes by other processes are looked for, ms'
  }),
  signaturePolicy: Type.Union(SIGNATURE_POLICIES.map((policy) => Type.Literal(policy)), {
    default: 'off', description: 'what becomes of versions without a valid signature: off, warn or require'
  }),
  signatureKeys: Type.String({
    pattern: '^(trusted|[0-9a-f]{64}(,[0-9a-f]{64})*)$',
    default: 'trusted',
    description: 'whose signatures count: trusted (every key of the trust store), or fingerprints of some of them, with commas between'
  }),
  analysisIntervalMs: Type.Integer({
    minimum: 10, maximum: 1_000, default: 250, description: 'how often open rollouts are looked at, ms'
  }),
  cacheBytesMax: Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    default: 34_359_738_368,
    description: 'what the copies of versions in the cache may have together, bytes; those in use stay whatever they have'
  }),
  remoteOrigins: Type.String({
    pattern: '^(none|https?://[^/,\\s]+(,https?://[^/,\\s]+)*)$',
    default: 'none',
    description: 'servers that may be opened for remote versions: none, or origins as https://host:port with commas between them'
  }),
  remoteReplyBytesMax: Type.Integer({
    minimum: 1_024, maximum: 1_073_741_824, default: 67_108_864, description: 'longest answer of another server, bytes'
  }),
  remoteHealthIntervalMs: Type.Integer({
    minimum: 10, maximum: 3_600_000, default: 5_000, description: 'how often the server of a remote version is asked whether it is ready, ms'
  }),
  verdictsMax: Type.Integer({
    minimum: 10, maximum: 100_000, default: 1_000, description: 'verdicts kept per rollout beside those that moved it; beyond it older ones are thinned evenly'
  }),
  pinsMax: Type.Integer({
    minimum: 0, maximum: 100_000_000, default: 1_000_000, description: 'sessions pinned to a version at once; beyond it new ones are hashed alone'
  }),
  sessionCookieSecure: Type.Union([Type.Literal('on'), Type.Literal('off')], {
    default: 'on', description: 'whether issued session cookies are sent back over TLS only: on, or off where clients use plain HTTP'
  }),
  mirrorInFlightMax: Type.Integer({
    minimum: 0, maximum: 100_000, default: 64, description: 'mirrored requests under way at once; what comes beyond is dropped'
  }),
  trafficFlushMs: Type.Integer({
    minimum: 1, maximum: 50, default: 10, description: 'longest wait of predictions and feedback for their commit, ms'
  }),
  trafficQueueMax: Type.Integer({
    minimum: 100, maximum: 10_000_000, default: 100_000, description: 'predictions and feedback waiting for the writer'
  }),
  trafficRetentionHours: Type.Integer({
    minimum: 1, maximum: 87_600, default: 720, description: 'how long predictions of ended rollouts are kept, hours'
  }),
  eventClientsMax: Type.Integer({
    minimum: 0, maximum: 100_000, default: 256, description: 'clients that follow events at a time; beyond it 503'
  }),
  eventHeartbeatMs: Type.Integer({
    minimum: 10, maximum: 600_000, default: 15_000, description: 'how often a client that follows events hears something, ms'
  }),
  eventStallTimeoutMs: Type.Integer({
    minimum: 10, maximum: 600_000, default: 10_000, description: 'a client that follows events and takes none for so long is disconnected, ms'
  }),
  eventRetentionDays: Type.Integer({
    minimum: 1, maximum: 36_500, default: 90, description: 'how long events are kept, days'
  }),
  eventRowsMax: Type.Integer({
    minimum: 100, maximum: 1_000_000_000, default: 1_000_000, description: 'events kept; beyond it the oldest go'
  }),
  reportsMax: Type.Integer({
    minimum: 1, maximum: 1_000_000, default: 1_000, description: 'rollouts whose post-mortems are kept; beyond it those that ended first go'
  }),
  reportQueueMax: Type.Integer({
    minimum: 1, maximum: 100_000, default: 100, description: 'post-mortems waiting to be written; what comes beyond is written at the next start'
  }),
  reportTimeoutMs: Type.Integer({
    minimum: 100, maximum: 3_600_000, default: 30_000, description: 'longest work on one post-mortem, ms'
  }),
  reportCatchUpDays: Type.Integer({
    minimum: 0, maximum: 36_500, default: 7, description: 'post-mortems missing of rollouts that ended within so many days are written at the start, days'
  }),
  webhookUrls: Type.String({
    minLength: 1, maxLength: 65_536, default: 'none', description: 'who is told of events: none, or URLs with commas between them'
  }),
  webhookTimeoutMs: Type.Integer({
    minimum: 10, maximum: 300_000, default: 10_000, description: 'longest wait for the answer of a webhook, ms'
  }),
  webhookAttemptsMax: Type.Integer({
    minimum: 1, maximum: 1_000, default: 16, description: 'attempts to deliver an event before it becomes a dead letter'
  }),
  webhookRetryFirstMs: Type.Integer({
    minimum: 1, maximum: 3_600_000, default: 1_000, description: 'wait behind the first failed attempt, which doubles with each one more, ms'
  }),
  webhookRetryMaxMs: Type.Integer({
    minimum: 1, maximum: 86_400_000, default: 3_600_000, description: 'longest wait between two attempts, ms'
  }),
  webhookDeadLettersMax: Type.Integer({
    minimum: 0, maximum: 1_000_000, default: 10_000, description: 'dead letters kept; beyond it the oldest go'
  })
})

export type Config = Readonly<Static<typeof ConfigSchema>>

/**
 * The configuration from the environment and, above it, `overrides` (command-line options).
 * @throws Error naming every wrong key, what it is and what was expected, not only the first
 */
export function loadConfig (env: NodeJS.ProcessEnv, overrides: Readonly<Record<string, unknown>> = {}): Config {
  const given: Record<string, unknown> = {}
  for (const key of Object.keys(ConfigSchema.properties)) {
    const value = overrides[key] ?? env[variableName(key)]
    if (value !== undefined) given[key] = value
  }
  const candidate = Value.Convert(ConfigSchema, Value.Default(ConfigSchema, given)) as Record<string, unknown>
  const faults = [...Value.Errors(ConfigSchema, candidate)].map((error) => error.instancePath.slice(1))
  if (faults.length > 0) {
    throw new Error(`invalid configuration: ${[...new Set(faults)].map((key) => fault(key, candidate[key])).join('; ')}`)
  }
  const config = candidate as Static<typeof ConfigSchema>
  return Object.freeze({ ...config, dataDir: config.dataDir.replace(/^~(?=\/)/, homedir()) })
}

/** The bound of the cache alone, for commands that leave the other settings unread. @throws Error as `loadConfig` */
export function cacheBytesMax (env: NodeJS.ProcessEnv): number {
  const name = variableName('cacheBytesMax')
  return loadConfig({ [name]: env[name] }).cacheBytesMax
}

function variableName (key: string): string {
  return `GAUNTLET_${key.replaceAll(/[A-Z]/g, (capital) => `_${capital}`).toUpperCase()}`
}

function fault (key: string, value: unknown): string {
  const schema = ConfigSchema.properties[key as keyof typeof ConfigSchema.properties] as {
    minimum?: number, maximum?: number, description?: string
  }
  const range = schema.minimum === undefined ? '' : `, an integer from ${schema.minimum} to ${schema.maximum}`
  return `${key} (${variableName(key)}) is ${JSON.stringify(value)}, expected: ${schema.description}${range}`
}
