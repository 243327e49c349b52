import { describe, expect, it } from 'vitest'
import { parseWebhookTargets } from '../../../server/webhooks/targets.js'

const KEY = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const OTHER = `whsec_${Buffer.alloc(24, 8).toString('base64')}`
const env = { GAUNTLET_WEBHOOK_SECRET: KEY, OPS_SECRET: `${OTHER} ${KEY}` }
const faultOf = (urls: string, from: NodeJS.ProcessEnv = env): string => {
  try {
    parseWebhookTargets(urls, from)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

describe('the setting webhookUrls', () => {
  it('names who is told, how, and under which key', () => {
    const targets = parseWebhookTargets('https://a.example/hook?x=1, http://127.0.0.1:9/b#secret=OPS_SECRET\nhttps://hooks.slack.com/services/T/B/s3cret#format=slack', env)

    expect(targets.map(({ url, origin, format, secrets }) => ({ url, origin, format, keys: secrets.map(({ length }) => length) }))).toEqual([
      { url: 'https://a.example/hook?x=1', origin: 'https://a.example', format: 'standard', keys: [32] },
      { url: 'http://127.0.0.1:9/b', origin: 'http://127.0.0.1:9', format: 'standard', keys: [24, 32] },
      { url: 'https://hooks.slack.com/services/T/B/s3cret', origin: 'https://hooks.slack.com', format: 'slack', keys: [32] }
    ])
    expect(targets.every(({ target }) => /^[0-9a-f]{12}$/.test(target))).toBe(true)
    expect(parseWebhookTargets('https://a.example/#format=slack', {})[0]).toMatchObject({ secrets: [] })
    expect(parseWebhookTargets('https://a.example/#format=slack', {})[0]!.target).toBe(parseWebhookTargets('https://a.example/', env)[0]!.target)
    expect(parseWebhookTargets('none', {})).toEqual([])
  })

  it.each([
    ['ftp://a.example/s3cret', 'URL 1 begins with ftp:'],
    ['not a url', 'URL 1 is no URL; URL 2 is no URL'],
    ['https://a.example/,https://ann:s3cret@b.example/', 'URL 2 holds a user or password'],
    ['https://a.example/s3cret,https://a.example/s3cret#format=slack', 'URL 2 is the same as URL 1'],
    ['https://a.example/#format=teams', 'format "teams", expected standard or slack'],
    ['https://a.example/#colour=red', '"colour" behind #, expected format or secret'],
    ['https://a.example/#secret=s3cret', 'no name of an environment variable'],
    ['https://a.example/#secret=NOT_SET', 'NOT_SET is not set: expected whsec_'],
    [Array.from({ length: 33 }, (_, i) => `https://a.example/${i}`).join(), 'expected 1 to 32 URLs, got 33'],
    [',', 'expected 1 to 32 URLs, got 0']
  ])('%j is refused by the place of the fault, without showing what may be secret', (urls, fault) => {
    expect(faultOf(urls)).toContain(fault)
    expect(faultOf(urls)).not.toContain('s3cret')
  })

  it.each(['s3cret', 'whsec_', 'whsec_czNjcmV0', `whsec_${Buffer.alloc(65).toString('base64')}`, `${KEY} s3cret`])('%j is no key', (secret) => {
    const fault = faultOf('https://a.example/', { GAUNTLET_WEBHOOK_SECRET: secret })

    expect(fault).toContain('GAUNTLET_WEBHOOK_SECRET holds no key: expected whsec_ and 24 to 64 bytes in base64')
    expect(fault).not.toMatch(/s3cret|czNjcmV0/)
  })
})
