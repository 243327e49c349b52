import { describe, expect, it } from 'vitest'
import { affinityKey, type KeySource, parseKeySource } from '../../../server/routing/affinity-key.js'

const sources = (...texts: string[]): KeySource[] => texts.map((text) => parseKeySource(text)!)

describe('parseKeySource', () => {
  it.each(['header:', 'cookie:a b', 'ip:1', 'body:x', 'header', ''])('refuses %j', (text) => {
    expect(parseKeySource(text)).toBeNull()
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
})
