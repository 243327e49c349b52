import { afterAll, expect, it, onTestFinished } from 'vitest'
import { loadConfig } from '../../../server/config.js'
import { openNotices } from '../../../server/events/notices.js'
import { parseWebhookTargets } from '../../../server/webhooks/targets.js'
import { writeEvents } from '../../support/event-rows.js'
import { BY, removeTemplate, rolloutIn } from '../../support/registry-rollouts.js'
import { eventually } from '../../support/wait.js'
import { startReceiver } from '../../support/webhook-receiver.js'

afterAll(removeTemplate)

it('what tells of events does so within the settings: how many are kept, how often and how long a webhook is tried', async () => {
  const { registry, dataDir, rollout } = await rolloutIn('progressing')
  const receiver = await startReceiver([500, 500, 500])
  onTestFinished(receiver.close)
  const config = loadConfig({
    GAUNTLET_EVENT_ROWS_MAX: '100',
    GAUNTLET_EVENT_CLIENTS_MAX: '0',
    GAUNTLET_WEBHOOK_URLS: `${receiver.url}/x#format=slack`,
    GAUNTLET_WEBHOOK_ATTEMPTS_MAX: '3',
    GAUNTLET_WEBHOOK_RETRY_FIRST_MS: '1'
  })
  const notices = openNotices(config, { registry, targets: parseWebhookTargets(config.webhookUrls, {}), now: Date.now, log: () => {} })
  onTestFinished(notices.close)

  registry.rollouts.apply(rollout.id, 'pause', { epoch: 2, ...BY })
  await eventually('the dead letter', () => notices.webhooks.deadLetters({ limit: 9 })[0])
  writeEvents(dataDir, 250, rollout.id, { at: Date.now() })
  notices.look()
  notices.prune()
  await eventually('the rest', () => registry.events.oldest() === 155)

  expect(notices.webhooks.deadLetters({ limit: 9 })).toMatchObject([{ attempts: 3, error: 'answered 500', event: { id: 4 } }])
  await receiver.until(4)
  expect(JSON.parse(receiver.received[3]!.body)).toHaveProperty('text')
  expect(() => { notices.streams.requireRoom() }).toThrow('0 clients follow events already')
})
