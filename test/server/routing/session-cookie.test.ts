import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type KeyCarrier, parseKeySource } from '../../../server/routing/affinity-key.js'
import { assign } from '../../../server/routing/assign.js'
import { setCookie } from '../../../server/routing/session-cookie.js'

const ISSUED = 'AAAAAAAAAAAAAAAAAAAAAA'
const issue = { name: 'sid', maxAgeSeconds: 1_800 }
const trial = {
  salt: 'salt', weightBps: 5_000, layer: null, aim: null, issue, keys: ['header:x-session-id', 'cookie:sid'].map((text) => parseKeySource(text)!)
}
const asked = (headers: KeyCarrier['headers']): KeyCarrier => ({ headers, body: null })
const newId = () => ISSUED
const noId = (): never => { throw new Error('no id is needed') }

describe('a session cookie', () => {
  it('is issued to a session without a key, which is where it will be with the next request', () => {
    const first = assign(trial, asked({}), { newId })
    const next = assign(trial, asked({ cookie: `sid=${ISSUED}` }), { newId: noId })

    expect(first).toMatchObject({ source: 'hash', cookie: { ...issue, value: ISSUED } })
    expect(next).toEqual(first)
  })

  it('is left alone where there is another key, where its value was made elsewhere, and where none is asked for', () => {
    expect(assign(trial, asked({ 'x-session-id': 'a', cookie: `sid=${ISSUED}` }), { newId: noId })).toMatchObject({ source: 'hash', cookie: null })
    expect(assign(trial, asked({ cookie: 'sid=forged' }), { newId: noId })).toMatchObject({ source: 'hash', cookie: null })
    expect(assign({ ...trial, issue: null }, asked({}), { newId: noId })).toMatchObject({ source: 'none', cookie: null })
  })

  it('is issued before the layer is asked, so that the session stays in it or outside of it', () => {
    const layered = { ...trial, layer: { name: 'l', fromBps: 0, toBps: 5_000 } }
    const ids = Array.from({ length: 40 }, (_, i) => String(i).padStart(22, '0'))
    const first = ids.map((id) => assign(layered, asked({}), { newId: () => id }))

    expect(first.map(({ cookie }) => cookie?.value)).toEqual(ids)
    expect(new Set(first.map(({ isOutside = false }) => isOutside))).toEqual(new Set([true, false]))
    expect(ids.map((id) => assign(layered, asked({ cookie: `sid=${id}` }), { newId: noId }))).toEqual(first)
  })

  it('takes the place of a value that is too long to be a key', () => {
    expect(assign(trial, asked({ cookie: `sid=${'x'.repeat(257)}` }), { newId }).cookie?.value).toBe(ISSUED)
  })

  it('never says anything but a name, an id and its attributes, whatever is sent', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.string().map((value) => `sid=${value}`)), (cookie) => {
      const { cookie: set } = assign(trial, asked({ cookie }), { newId })
      if (set !== null) expect(setCookie(set, true)).toMatch(/^sid=[\w-]{22}; Max-Age=1800; Path=\/; HttpOnly; SameSite=Lax; Secure$/)
    }))
  })

  it('goes over plain HTTP only where an operator says so', () => {
    expect(setCookie({ ...issue, value: ISSUED }, false)).toBe(`sid=${ISSUED}; Max-Age=1800; Path=/; HttpOnly; SameSite=Lax`)
  })
})
