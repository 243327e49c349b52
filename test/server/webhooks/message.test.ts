import { describe, expect, it } from 'vitest'
import type { EventRow } from '../../../registry/events.js'
import { webhookBody, webhookHeaders, webhookId } from '../../../server/webhooks/message.js'
import { retryDelayMs } from '../../../server/webhooks/post.js'

const moved: EventRow = {
  id: 12,
  at: 1_700_000_000_000,
  type: 'rollout.rollback',
  rolloutId: 'r1',
  model: 'spam<b>',
  body: { champion: '1', challenger: '2', from: 'progressing', to: 'rolled-back', step: 2, weightBps: 250, epoch: 5, actor: 'gauntlet', reason: '20 of 20 & more' }
}
const verdict: EventRow = { ...moved, type: 'rollout.verdict', body: { decision: 'continue', reason: 'too few', number: 3 } }

describe('the signature', () => {
  it('is that of Standard Webhooks: the vector of its reference implementations', () => {
    const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64')
    const headers = webhookHeaders('msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330_999, '{"test": 2432232314}', [key])

    expect(headers).toEqual({
      'content-type': 'application/json',
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    })
  })

  it('is one for each key while keys change, and none without', () => {
    const [a, b] = [Buffer.alloc(24, 1), Buffer.alloc(24, 2)]
    const signatureOf = (keys: Buffer[]) => webhookHeaders('evt_r_1', 0, '{}', keys)['webhook-signature']

    expect(signatureOf([a, b])).toBe(`${signatureOf([a])} ${signatureOf([b])}`)
    expect(signatureOf([a])).not.toBe(signatureOf([b]))
    expect(signatureOf([])).toBeUndefined()
  })
})

describe('the body', () => {
  it('has type, time and all of the event', () => {
    expect(JSON.parse(webhookBody(moved, 'standard'))).toEqual({
      type: 'rollout.rollback', timestamp: '2023-11-14T22:13:20.000Z', data: { ...moved.body, id: 12, rolloutId: 'r1', model: 'spam<b>' }
    })
    expect(webhookId(moved)).toBe('evt_r1_12')
  })

  it('is a text for Slack, in which nothing can pass for markup', () => {
    expect(JSON.parse(webhookBody(moved, 'slack'))).toEqual({
      text: '*spam&lt;b&gt;* rollout r1 (1 -&gt; 2): rollback, now rolled-back at 2.5 %, by gauntlet: 20 of 20 &amp; more'
    })
    expect(JSON.parse(webhookBody(verdict, 'slack'))).toEqual({ text: '*spam&lt;b&gt;* rollout r1: verdict continue: too few' })
    const long = { ...verdict, body: { ...verdict.body, reason: 'x'.repeat(9_000) } }
    expect((JSON.parse(webhookBody(long, 'slack')) as { text: string }).text).toHaveLength(3_000)
  })
})

describe('the wait behind a failed attempt', () => {
  it('doubles up to a limit, and differs by up to a half', () => {
    const limits = { firstMs: 1_000, maxMs: 60_000 }

    expect([1, 2, 3, 6, 7, 60].map((attempts) => retryDelayMs(attempts, limits, 1))).toEqual([1_000, 2_000, 4_000, 32_000, 60_000, 60_000])
    expect([0, 0.5].map((random) => retryDelayMs(3, limits, random))).toEqual([2_000, 3_000])
  })
})
