import { createHmac } from 'node:crypto'
import type { EventRow } from '../../registry/events.js'
import type { WebhookFormat } from './targets.js'

/** Slack cuts longer texts itself, anywhere. */
const SLACK_TEXT_MAX = 3_000

/** The body that tells of an event. Pure. */
export function webhookBody (event: EventRow, format: WebhookFormat): string {
  if (format === 'slack') return JSON.stringify({ text: slackText(event) })
  const { id, at, type, rolloutId, model, body } = event
  return JSON.stringify({ type, timestamp: new Date(at).toISOString(), data: { ...body, id, rolloutId, model } })
}

/** The same for every attempt at an event, so that a receiver knows what it has had already. Pure. */
export function webhookId ({ id, rolloutId }: EventRow): string {
  return `evt_${rolloutId}_${id}`
}

/**
 * The headers of Standard Webhooks 1.0: `v1` is HMAC-SHA256 over `id.timestamp.body`, in base64, once per key. Pure.
 * @param atMs when it is sent, milliseconds since the epoch; receivers refuse what is old
 */
export function webhookHeaders (
  id: string, atMs: number, body: string, secrets: readonly Buffer[]
): Record<string, string> {
  const timestamp = String(Math.floor(atMs / 1_000))
  const signatures = secrets.map((key) =>
    `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`)
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    ...signatures.length === 0 ? {} : { 'webhook-signature': signatures.join(' ') }
  }
}

type SlackWords = Record<string, string | number | undefined>

function slackText ({ type, rolloutId, model, body }: EventRow): string {
  const of = `*${escapeSlack(model)}* rollout ${rolloutId}`
  const { champion, challenger, to, weightBps, actor, reason, decision } = body as SlackWords
  const said = reason === undefined ? '' : `: ${escapeSlack(String(reason))}`
  const text = type === 'rollout.verdict'
    ? `${of}: verdict ${decision}${said}`
    : `${of} (${escapeSlack(`${champion} -> ${challenger}`)}): ${type.replace(/^rollout\./, '')}, now ${to} at ${Number(weightBps) / 100} %, by ${escapeSlack(String(actor))}${said}`
  return text.length <= SLACK_TEXT_MAX ? text : `${text.slice(0, SLACK_TEXT_MAX - 1)}…`
}

function escapeSlack (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
