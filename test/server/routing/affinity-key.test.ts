import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { affinityKey, type KeySource, parseKeySource, parseValueSource } from '../../../server/routing/affinity-key.js'

const sources = (...texts: string[]): KeySource[] => texts.map((text) => parseKeySource(text)!)

describe('parseKeySource', () => {
  it.each(['header:', 'cookie:a b', 'ip:1', 'body:x', 'header', '', 'apiKey:', 'apiKey:a b', 'apikey', 'sequenceId:1'])('refuses %j', (text) => {
    expect(parseKeySource(text)).toBeNull()
  })
})

describe('parseValueSource', () => {
  it.each(['apiKey', 'apiKey:x-api-key', 'sequenceId'])('knows no %s: rules are stored, and must not hold keys', (text) => {
    expect(parseKeySource(text)).not.toBeNull()
    expect(parseValueSource(text)).toBeNull()
  })
})

describe('affinityKey', () => {
  it('takes the first source that holds a value', () => {
    const keys = sources('header:X-Session-Id', 'cookie:gauntlet_session')

    expect(affinityKey(keys, { headers: { 'x-session-id': 'a', cookie: 'gauntlet_session=b' }, body: null })).toBe('header\u001fa')
    expect(affinityKey(keys, { headers: { cookie: 'x=1; gauntlet_session=b; y=2' }, body: null })).toBe('cookie\u001fb')
    expect(affinityKey(keys, { headers: {}, body: null })).toBeNull()
  })

  it('tells a header and a cookie with one value apart', () => {
    const header = affinityKey(sources('header:s'), { headers: { s: '42' }, body: null })
    const cookie = affinityKey(sources('cookie:s'), { headers: { cookie: 's=42' }, body: null })

    expect(header).not.toBe(cookie)
  })

  it('follows a JSON pointer to a string or number, and to nothing else', () => {
    const keys = sources('body:/parameters/user~1id')

    expect(affinityKey(keys, { headers: {}, body: { parameters: { 'user/id': 7 } } })).toBe('body\u001f7')
    expect(affinityKey(keys, { headers: {}, body: { parameters: { 'user/id': {} } } })).toBeNull()
    expect(affinityKey(sources('body:/constructor/name'), { headers: {}, body: {} })).toBeNull()
  })

  it('takes an empty or overlong value for a missing one', () => {
    const keys = sources('header:s', 'header:t')

    expect(affinityKey(keys, { headers: { s: '', t: 'x' }, body: null })).toBe('header\u001fx')
    expect(affinityKey(keys, { headers: { s: 'x'.repeat(257) }, body: null })).toBeNull()
  })

  describe('of an API key', () => {
    const bearer = (authorization: string | undefined) => affinityKey(sources('apiKey'), { headers: { authorization }, body: null })

    it('is the digest of the bearer token, however its scheme is written', () => {
      const key = bearer('Bearer s3cret-token')

      expect(key?.split('\u001f')).toEqual(['apiKey', expect.stringMatching(/^[\w-]{43}$/)])
      expect(bearer('bearer  s3cret-token')).toBe(key)
      expect(bearer('Bearer another')).not.toBe(key)
    })

    it.each([undefined, '', 'Bearer', 'Bearer ', 'Basic dTpw', 'Bearer a b', `Bearer ${'x'.repeat(4_096)}`])('is missing in %j', (header) => {
      expect(bearer(header)).toBeNull()
    })

    it('may be in a header of its own', () => {
      const key = affinityKey(sources('apiKey:X-Api-Key'), { headers: { 'x-api-key': 's3cret-token' }, body: null })

      expect(key).toBe(bearer('Bearer s3cret-token'))
      expect(affinityKey(sources('apiKey:X-Api-Key'), { headers: { authorization: 'Bearer s3cret-token' }, body: null })).toBeNull()
    })

    it('never holds what was sent', () => {
      fc.assert(fc.property(fc.string({ minLength: 6, unit: fc.constantFrom(...'abcXYZ019-._~+/') }), (token) => {
        const key = bearer(`Bearer ${token}`)
        expect(key).not.toBeNull()
        expect(key).not.toContain(token)
      }))
    })
  })

  describe('of a sequence', () => {
    const of = (id: unknown) => affinityKey(sources('sequenceId'), { headers: {}, body: { parameters: { sequence_id: id } } })

    it('is its id, a text or an unsigned integer of 64 bits', () => {
      expect(of('chat-7')).toBe('sequence\u001fchat-7')
      expect(of(42)).toBe('sequence\u001f42')
      expect(of(2n ** 64n - 1n)).toBe('sequence\u001f18446744073709551615')
    })

    it.each([0, 0n, '', -1, 1.5, 1e300, NaN, 2n ** 64n, true, null, undefined, {}, ['a'], 'x'.repeat(257)])('is missing in %s', (id) => {
      expect(of(id)).toBeNull()
    })
  })
})
