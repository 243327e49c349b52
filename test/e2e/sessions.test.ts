import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Gateway } from '../../server/gateway.js'
import { formatOverride } from '../../server/routing/override.js'
import { call, publishedTemplate, type Reply, rolloutOf, runGateway, startRollout } from '../support/gateway.js'
import { eventually } from '../support/wait.js'

let folder: Awaited<ReturnType<typeof publishedTemplate>>
let gateway: Gateway
let id: string
const SECRET = 'known to operators alone'

beforeAll(async () => {
  folder = await publishedTemplate({ 1: 1, 2: 2 }, '1')
  process.env['GAUNTLET_OVERRIDE_SECRET'] = SECRET
  gateway = await runGateway(folder.dataDir, { sessionCookieSecure: 'off' })
  id = (await startRollout(gateway.url, {
    model: 'lookup',
    challenger: '2',
    affinity: { keys: ['apiKey', 'sequenceId', 'cookie:sid'], issue: 'sid', mode: 'pin', ttl: '1h' },
    strategy: { canary: { steps: [{ setWeight: 50 }, { pause: {} }] } },
    promotion: 'manual'
  })).id
  await eventually('the first weight', async () => (await rolloutOf(gateway.url, id)).weightBps === 5_000)
})

afterAll(async () => {
  delete process.env['GAUNTLET_OVERRIDE_SECRET']
  await gateway.close()
  folder.remove()
})

const infer = (headers: Readonly<Record<string, string>> = {}, sequence?: string): Promise<Reply> => call(gateway.url, '/v2/models/lookup/infer',
  `{${sequence === undefined ? '' : `"parameters":{"sequence_id":${sequence}},`}"inputs":[{"name":"index","datatype":"INT64","shape":[1],"data":[1]}]}`, headers)
const armOf = ({ headers }: Reply): string => `${headers.get('x-gauntlet-arm')} by ${headers.get('x-gauntlet-assignment')}`

describe('a session', () => {
  it('without a key is given a cookie, and stays where it was at once', async () => {
    const firsts = await Promise.all(Array.from({ length: 12 }, () => infer()))
    const cookies = firsts.map(({ headers }) => headers.get('set-cookie')!)
    const seconds = await Promise.all(cookies.map((cookie) => infer({ cookie: cookie.split(';')[0]! })))

    expect(new Set(cookies).size).toBe(12)
    expect(cookies[0]).toMatch(/^sid=[\w-]{22}; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/)
    expect(new Set(firsts.map(armOf))).toEqual(new Set(['champion by hash', 'challenger by hash']))
    expect(seconds.map(({ headers }) => headers.get('x-gauntlet-arm'))).toEqual(firsts.map(({ headers }) => headers.get('x-gauntlet-arm')))
    expect(seconds.map(({ headers }) => headers.get('x-gauntlet-assignment'))).toEqual(Array(12).fill('pin'))
    expect(seconds.map(({ headers }) => headers.get('set-cookie'))).toEqual(cookies)
  })

  it('with an API key or a sequence is given none', async () => {
    const replies = await Promise.all([infer({ authorization: 'Bearer s3cret' }), infer({}, '"chat"'), infer({}, '7')])

    expect(replies.map(({ headers }) => headers.get('set-cookie'))).toEqual([null, null, null])
    expect((await infer({}, '0')).headers.get('set-cookie')).not.toBeNull()
  })

  it('is told from the next one by every bit of a sequence id', async () => {
    const ids = Array.from({ length: 20 }, (_, i) => String(2n ** 64n - 20n + BigInt(i)))
    const firsts = await Promise.all(ids.map((id) => infer({}, id)))
    const seconds = await Promise.all(ids.map((id) => infer({}, `"${id}"`)))

    expect(new Set(firsts.map(armOf))).toEqual(new Set(['champion by hash', 'challenger by hash']))
    expect(seconds.map(({ headers }) => headers.get('x-gauntlet-arm'))).toEqual(firsts.map(({ headers }) => headers.get('x-gauntlet-arm')))
  })
})

describe('a tester', () => {
  const signed = (target: string, seconds = 60): Record<string, string> =>
    ({ 'x-gauntlet-override': formatOverride({ model: 'lookup', target, expiresAtSeconds: Math.floor(Date.now() / 1_000) + seconds }, Buffer.from(SECRET)) })

  it('is answered by the version asked for, whatever the session is on, and leaves no trace in the trial', async () => {
    const header = { authorization: 'Bearer tester' }
    const before = (await rolloutOf(gateway.url, id)).verdict
    const told = await Promise.all(['1', '2', 'champion', 'challenger'].map((target) => infer({ ...header, ...signed(target) })))

    expect(told.map(armOf)).toEqual(['champion', 'challenger', 'champion', 'challenger'].map((arm) => `${arm} by override`))
    expect(told.map(({ headers }) => headers.get('x-gauntlet-version')?.split('@')[0])).toEqual(['lookup:1', 'lookup:2', 'lookup:1', 'lookup:2'])
    expect((await rolloutOf(gateway.url, id)).verdict).toEqual(before)
    expect((await call(gateway.url, '/v1/feedback', { requestId: told[1]!.headers.get('x-request-id'), values: { x: 1 } })).status).toBe(404)
    expect(armOf(await infer(header))).toMatch(/ by hash$/)
  })

  it('is refused with a wrong or late header, never answered by another version instead', async () => {
    expect(await infer(signed('2', -5))).toMatchObject({ status: 403, json: { code: 'OVERRIDE_REFUSED', error: expect.stringMatching(/exp was \d+ s ago/) as string } })
    expect(await infer({ 'x-gauntlet-override': 'challenger' })).toMatchObject({ status: 403 })
    expect(await infer(signed('9'))).toMatchObject({ status: 404, json: { code: 'VERSION_NOT_FOUND' } })
  })

  it('does not reach a challenger that is switched off', async () => {
    await call(gateway.url, `/api/rollouts/${id}/off`, {})

    expect(armOf(await infer(signed('challenger')))).toBe('champion by none')
    expect(armOf(await infer(signed('2')))).toBe('champion by none')
    expect(armOf(await infer(signed('champion')))).toBe('champion by override')
  })
})
