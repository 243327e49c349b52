import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { LiveModel } from '../models/pool.js'
import type { Notices } from './events/notices.js'

/** Upper bounds of the latency histogram, seconds. */
const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

interface Weight {
  readonly model: string
  readonly version: string
  readonly rollout: string
  readonly weightBps: number
}

export interface MetricsSources {
  readonly hosts: () => readonly LiveModel[]
  readonly traffic: () => { readonly dropped: number, readonly lost: number }
  readonly mirror: () => { readonly dropped: number }
  readonly pins: () => { readonly size: number, readonly refused: number }
  readonly notices: () => Pick<Notices, 'streams' | 'webhooks'>
  readonly weights: () => readonly Weight[]
}

export type Metrics = ReturnType<typeof createMetrics>

/** Every Prometheus name of the gateway. Series of a version end when its host is gone. */
export function createMetrics (sources: MetricsSources) {
  const registry = new Registry()
  const registers = [registry]
  const host = ['model', 'version'] as const
  const latency = new Histogram({
    name: 'gauntlet_inference_duration_seconds',
    help: 'Time from routing to the answer of the version that executed',
    labelNames: [...host, 'arm'] as const,
    buckets: LATENCY_BUCKETS,
    registers
  })
  const requests = new Counter({
    name: 'gauntlet_inference_requests_total',
    help: 'Inference requests by the version that executed and how it ended: ok, error, rejected (queue full) or timeout',
    labelNames: [...host, 'arm', 'outcome'] as const,
    registers
  })
  const failovers = new Counter({
    name: 'gauntlet_failovers_total',
    help: 'Requests of the challenger that the champion answered',
    labelNames: ['model', 'rollout'] as const,
    registers
  })
  const feedback = new Counter({
    name: 'gauntlet_feedback_total',
    help: 'Feedback by what became of it: accepted, duplicate or unknown',
    labelNames: ['outcome'] as const,
    registers
  })
  const rollouts = new Counter({
    name: 'gauntlet_rollouts_ended_total',
    help: 'Rollouts that ended, by final state',
    labelNames: ['model', 'state'] as const,
    registers
  })
  const collected = [
    ...hostGauges(registry, sources),
    weightGauge(registry, sources),
    ...noticeGauges(registry, sources),
    ...trafficCounters(registry, sources)
  ]
  return { registry, latency, requests, failovers, feedback, rollouts, collected }
}

function hostGauges (registry: Registry, { hosts }: MetricsSources) {
  const gauge = (name: string, help: string, read: (host: LiveModel) => number) => new Gauge({
    name,
    help,
    labelNames: ['model', 'version'] as const,
    registers: [registry],
    collect () {
      this.reset()
      for (const live of hosts()) this.set({ model: live.spec.name, version: live.spec.version }, read(live))
    }
  })
  return [
    gauge('gauntlet_host_ready', '1 when the host of a version is warm', (live) => live.state === 'ready' ? 1 : 0),
    gauge('gauntlet_queue_depth', 'Requests waiting for a host', (live) => live.stats().queueDepth),
    gauge('gauntlet_host_memory_bytes', 'Resident memory of a host', (live) => live.stats().rssBytes),
    gauge('gauntlet_host_cpu_seconds', 'CPU time of a host since it started', (live) => live.stats().cpuSeconds),
    gauge('gauntlet_host_restarts', 'Restarts of a host', (live) => live.stats().restarts),
    gauge('gauntlet_host_batches', 'Batches a host has run', (live) => live.stats().batches),
    gauge('gauntlet_host_rows', 'Rows a host has run', (live) => live.stats().rows)
  ]
}

function weightGauge (registry: Registry, { weights }: MetricsSources) {
  return new Gauge({
    name: 'gauntlet_traffic_weight',
    help: 'Share of the sessions that a version owns, 0 to 1',
    labelNames: ['model', 'version', 'rollout'] as const,
    registers: [registry],
    collect () {
      this.reset()
      for (const { weightBps, ...labels } of weights()) this.set(labels, weightBps / 10_000)
    }
  })
}

function noticeGauges (registry: Registry, { notices }: MetricsSources) {
  const registers = [registry]
  return [
    new Gauge({
      name: 'gauntlet_event_clients',
      help: 'Clients that follow events',
      registers,
      collect () { this.set(notices().streams.size) }
    }),
    new Gauge({
      name: 'gauntlet_webhook_waiting',
      help: 'Events that a webhook has not been told of yet',
      labelNames: ['webhook', 'origin'] as const,
      registers,
      collect () {
        this.reset()
        for (const { target: webhook, origin, format, waiting } of notices().webhooks.list()) {
          if (format !== null) this.set({ webhook, origin }, waiting)
        }
      }
    }),
    new Counter({
      name: 'gauntlet_webhook_attempts_total',
      help: 'Attempts to tell a webhook of an event by how they ended: delivered, failed, or dead (given up)',
      labelNames: ['webhook', 'outcome'] as const,
      registers,
      collect () {
        this.reset()
        const { webhooks } = notices()
        for (const { target: webhook, outcome, count } of webhooks.attempts()) this.inc({ webhook, outcome }, count)
      }
    })
  ]
}

function trafficCounters (registry: Registry, { traffic, mirror, pins }: MetricsSources) {
  const counter = (name: string, help: string, read: () => number) => new Counter({
    name,
    help,
    registers: [registry],
    collect () {
      this.reset()
      this.inc(read())
    }
  })
  return [
    counter(
      'gauntlet_pins_refused_total',
      'Sessions that could not be pinned because there were too many',
      () => pins().refused
    ),
    new Gauge({
      name: 'gauntlet_pins',
      help: 'Sessions pinned to a version',
      registers: [registry],
      collect () { this.set(pins().size) }
    }),
    counter(
      'gauntlet_mirrored_dropped_total',
      'Sampled requests that were not mirrored because too many were under way',
      () => mirror().dropped
    ),
    counter(
      'gauntlet_predictions_dropped_total',
      'Predictions not logged because the writer could not keep up',
      () => traffic().dropped
    ),
    counter(
      'gauntlet_predictions_lost_total',
      'Predictions that a kill of the gateway lost before their commit',
      () => traffic().lost
    )
  ]
}
