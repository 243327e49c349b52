import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { ModelPool } from '../models/pool.js'
import { CHAMPION } from '../registry/names.js'
import { Registry } from '../registry/registry.js'
import { buildApp } from './app.js'
import type { Config } from './config.js'
import { buildDistributionApp } from './distribution/app.js'
import { openNotices, type Notices } from './events/notices.js'
import { Fleet } from './fleet.js'
import { Inference } from './inference.js'
import type { Log } from './log.js'
import { createMetrics, type Metrics } from './metrics.js'
import { ProbeRuns } from './probes/probe-runs.js'
import { RolloutController } from './rollouts/controller.js'
import { GateRuns } from './rollouts/gate/gate-runs.js'
import { PostMortems } from './rollouts/report/post-mortems.js'
import { TrafficLog } from './traffic/log.js'
import { PinKeeper } from './traffic/pin-keeper.js'
import { Mirror, type MirrorPair } from './traffic/mirror.js'
import { remoteOptions } from './remote-options.js'
import { overrideSecret } from './routing/override.js'
import { PACKAGE_VERSION } from './version.js'
import { parseWebhookTargets } from './webhooks/targets.js'

const RESTART_BACKOFF_MS = { first: 100, max: 30_000 }
const PRUNE_EVERY_MS = 3_600_000

/** A running gateway. */
export interface Gateway {
  readonly app: FastifyInstance
  readonly url: string
  /** Where OCI tools read the registry; null when that is off. */
  readonly registryUrl: string | null
  /** Resolves when every champion is warm, or has failed to load. */
  readonly settled: Promise<void>
  /** Stops taking requests, lets those in flight finish, ends every host and closes the state. */
  close (): Promise<void>
}

/**
 * Composes and starts a gateway: opens the state, resumes open rollouts, warms what is wanted, listens.
 * @throws Error when the data folder cannot be opened or the port is taken
 */
export async function startGateway (config: Config, log: Log): Promise<Gateway> {
  const now = Date.now
  const targets = parseWebhookTargets(config.webhookUrls, process.env)
  const registry = openRegistry(config, now, log)
  const traffic = await TrafficLog.open({
    dataDir: config.dataDir, flushMs: config.trafficFlushMs, queueMax: config.trafficQueueMax, now
  })
  if (traffic.lost > 0) log('warn', 'predictions were lost when the gateway was killed', { count: traffic.lost })
  const keeper = await PinKeeper.open({ dataDir: config.dataDir, traffic, pinsMax: config.pinsMax, now })
  const pool = createPool(config, log)
  const fleet = new Fleet(registry, pool, log)
  const metrics: Metrics = createMetrics({
    hosts: () => pool.list(),
    traffic: () => traffic,
    mirror: () => mirror,
    pins: () => keeper.pins,
    notices: () => notices,
    weights: () => weights(fleet)
  })
  const gates = new GateRuns({ registry, fleet, dataDir: config.dataDir, now })
  const controller = new RolloutController({
    registry,
    fleet,
    gates,
    probes: new ProbeRuns({ registry, fleet, now }),
    traffic,
    pins: keeper,
    now,
    log,
    newSalt: () => randomBytes(8).toString('hex'),
    onEnd: ({ model, state }) => { metrics.rollouts.inc({ model, state }) }
  })
  const mirror = createMirror(config, (pair) => { controller.observeMirrored(pair) })
  const inference = createInference(config, { registry, fleet, controller, mirror, metrics, pins: keeper.pins })
  const notices = openNotices(config, { registry, targets, now, log })
  const app = await buildApp({
    registry,
    fleet,
    inference,
    controller,
    traffic,
    notices,
    metrics,
    version: PACKAGE_VERSION,
    bodyMaxBytes: config.bodyMaxBytes,
    isCookieSecure: config.sessionCookieSecure === 'on',
    log
  })
  fleet.sync()
  await controller.restore()
  const reports = openPostMortems(config, registry, log)
  const stopWatching = watch(config, { registry, fleet, controller, traffic, notices, reports, log })
  const settled = whenSettled(fleet, registry)
  await app.listen({ host: config.host, port: config.port })
  const distribution = await listenForTools(config, registry, log)
  const close = async (): Promise<void> => {
    stopWatching()
    await distribution?.close()
    await app.close()
    await notices.close()
    await reports.close()
    gates.close()
    fleet.close()
    await pool.close()
    await traffic.close()
    registry.close()
  }
  const registryUrl = distribution === null ? null : urlOf(distribution, config.host)
  return { app, url: urlOf(app, config.host), registryUrl, settled, close }
}

function openPostMortems (config: Config, registry: Registry, log: Log): PostMortems {
  return new PostMortems({
    registry,
    dataDir: config.dataDir,
    keepMax: config.reportsMax,
    queueMax: config.reportQueueMax,
    timeoutMs: config.reportTimeoutMs,
    catchUpDays: config.reportCatchUpDays,
    now: Date.now,
    log
  })
}

/** OCI tools insist on `/v2/` at the root, where the inference protocol is, so they have a port of their own. */
async function listenForTools (config: Config, { published }: Registry, log: Log): Promise<FastifyInstance | null> {
  const { host, registryPort, registryConnectionsMax: connectionsMax, registryIdleTimeoutMs: idleTimeoutMs } = config
  if (registryPort === 'off') return null
  const app = buildDistributionApp({ published, connectionsMax, idleTimeoutMs, log })
  await app.listen({ host, port: Number(registryPort) })
  return app
}

function createPool (config: Config, log: Log): ModelPool {
  return new ModelPool({
    queueMax: config.queueMax,
    loadTimeoutMs: config.hostLoadTimeoutMs,
    hangTimeoutMs: config.hostHangTimeoutMs,
    restartBackoffMs: RESTART_BACKOFF_MS,
    restartsMax: config.hostRestartsMax,
    threads: config.hostThreads,
    remote: remoteOptions(config, process.env),
    now: Date.now,
    log
  })
}

interface Inferring {
  readonly registry: Registry
  readonly fleet: Fleet
  readonly controller: RolloutController
  readonly mirror: Mirror
  readonly metrics: Metrics
  readonly pins: PinKeeper['pins']
}

function createInference (
  { requestTimeoutMs, failoverAfterMs }: Config, { registry, fleet, controller, mirror, metrics, pins }: Inferring
): Inference {
  return new Inference({
    mirror,
    pins,
    snapshot: () => fleet.snapshot(),
    now: Date.now,
    requestTimeoutMs,
    failoverAfterMs,
    metrics,
    overrideSecret: overrideSecret(process.env),
    observe: (outcome) => { controller.observe(outcome) },
    mustExist: (model, version) => { registry.show(model, version) },
    championOf: (model) => registry.aliasesOf(model).find(({ alias }) => alias === CHAMPION)?.version ?? null
  })
}

function createMirror ({ mirrorInFlightMax, requestTimeoutMs }: Config, onPair: (pair: MirrorPair) => void): Mirror {
  return new Mirror({ inFlightMax: mirrorInFlightMax, timeoutMs: requestTimeoutMs, now: Date.now, onPair })
}

function openRegistry (config: Config, now: () => number, log: Log): Registry {
  const { dataDir, verdictsMax, cacheBytesMax, signaturePolicy, signatureKeys } = config
  return Registry.open({
    dataDir,
    now,
    newId: () => randomBytes(5).toString('hex'),
    verdictsMax,
    cacheBytesMax,
    signaturePolicy,
    signatureKeys: signatureKeys === 'trusted' ? null : signatureKeys.split(','),
    warn: (message) => { log('warn', message, {}) }
  })
}

interface Watched {
  readonly registry: Registry
  readonly fleet: Fleet
  readonly controller: RolloutController
  readonly traffic: TrafficLog
  readonly notices: Notices
  readonly reports: PostMortems
  readonly log: Log
}

/** Looks at the open rollouts, at what other processes changed in the registry, and prunes what is too old. */
function watch (config: Config, { registry, fleet, controller, traffic, notices, reports, log }: Watched): () => void {
  let seen = registry.dataVersion()
  let isLookDue = false
  let isStopped = false
  const look = (): void => {
    isLookDue = false
    if (!isStopped) controller.look()
  }
  fleet.onChange(() => {
    if (!isLookDue) setImmediate(look)
    isLookDue = true
  })
  const poll = (): void => {
    const version = registry.dataVersion()
    if (version !== seen) {
      fleet.sync()
      notices.look()
      reports.look()
    }
    seen = version
  }
  const prune = (): void => {
    notices.prune()
    traffic.prune(controller.driven(), Date.now() - config.trafficRetentionHours * 3_600_000)
      .catch((error: Error) => { log('warn', 'old predictions could not be pruned', { error: error.message }) })
  }
  prune()
  const timers = [
    setInterval(look, config.analysisIntervalMs),
    setInterval(poll, config.registryPollMs),
    setInterval(prune, PRUNE_EVERY_MS)
  ]
  return () => {
    isStopped = true
    timers.forEach(clearInterval)
  }
}

function whenSettled (fleet: Fleet, registry: Registry): Promise<void> {
  return new Promise((resolve) => {
    let isSettled = false
    const check = (): void => {
      if (isSettled) return
      const waiting = fleet.unready().filter((model) => {
        const champion = registry.alias(model, 'champion')
        return champion !== null && fleet.load(model, champion).state !== 'failed'
      })
      isSettled = waiting.length === 0
      if (isSettled) resolve()
    }
    fleet.onChange(check)
    check()
  })
}

function weights (fleet: Fleet) {
  return [...fleet.snapshot().models.values()].flatMap(({ model, champion, trial }) => {
    if (champion === null) return []
    const rollout = trial?.rolloutId ?? ''
    const challenger = trial?.weightBps ?? 0
    const { version } = trial?.control ?? champion
    const rows = [{ model, version, rollout, weightBps: 10_000 - challenger }]
    if (trial === null) return rows
    if (trial.arms !== undefined) {
      const several = trial.arms.ranges.map(({ version, fromBps, toBps }) =>
        ({ model, version, rollout, weightBps: toBps - fromBps }))
      const theirs = several.reduce((sum, { weightBps }) => sum + weightBps, 0)
      return [{ ...rows[0]!, weightBps: 10_000 - theirs }, ...several]
    }
    if (trial.control === trial.challenger) return [{ model, version, rollout, weightBps: 10_000 }]
    return [...rows, { model, version: trial.challenger.version, rollout, weightBps: challenger }]
  })
}

function urlOf (app: FastifyInstance, host: string): string {
  const { port } = app.server.address() as AddressInfo
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
