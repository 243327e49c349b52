import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../server/errors.js'
import { formatOverride, overrideSecret, parseOverride } from '../../../server/routing/override.js'

const secret = Buffer.from('a secret of the operator')
const NOW = 1_700_000_000_000
const good = formatOverride({ model: 'm', target: '2.0.0', expiresAtSeconds: NOW / 1_000 + 60 }, secret)

function faultOf (header: string | string[], model = 'm', key = secret, now = NOW): string | null {
  try {
    parseOverride(header, model, key, now)
    return null
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'OVERRIDE_REFUSED') return error.message
    throw error
  }
}

describe('an override', () => {
  it('gives its target until it ends', () => {
    expect(parseOverride(good, 'm', secret, NOW + 59_999)).toBe('2.0.0')
    expect(faultOf(good, 'm', secret, NOW + 63_000)).toBe('x-gauntlet-override: exp was 3 s ago')
    expect(faultOf(good, 'm', secret, NOW + 60_000)).toContain('exp was 0 s ago')
  })

  it('is of one model and one secret', () => {
    expect(faultOf(good, 'n')).toContain('sig does not fit')
    expect(faultOf(good, 'm', Buffer.from('another secret, as long'))).toContain('sig does not fit')
  })

  it('is refused with any character changed, and whatever else is sent', () => {
    fc.assert(fc.property(fc.nat(good.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
      fc.pre(good[at] !== character)
      expect(faultOf(good.slice(0, at) + character + good.slice(at + 1))).not.toBeNull()
    }))
    fc.assert(fc.property(fc.oneof(fc.string(), fc.array(fc.string())), (header) => { expect(faultOf(header)).not.toBeNull() }))
    for (const header of ['', good.replace(/;sig=.*/, ''), `${good}, ${good}`, `${good} `, 'x'.repeat(100_000)]) expect(faultOf(header)).toContain('expected TARGET')
  })

  it('needs a secret that cannot be guessed, which no message shows', () => {
    expect(overrideSecret({})).toBeNull()
    expect(overrideSecret({ GAUNTLET_OVERRIDE_SECRET: 'x'.repeat(16) })).toEqual(Buffer.from('x'.repeat(16)))
    expect(() => overrideSecret({ GAUNTLET_OVERRIDE_SECRET: 'short' })).toThrow('GAUNTLET_OVERRIDE_SECRET has 5 bytes, expected 16 to 1024')
  })
})
