import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Pins, type Pin } from '../../../server/routing/pins.js'

const TTL_MS = 1_000
const of = (version: string, rolloutId = 'r') => ({ version, rolloutId, ttlMs: TTL_MS })

function pinsOf (pinsMax = 1_000_000) {
  const kept: Pin[] = []
  const clock = { now: 0 }
  const pins = new Pins({ secret: Buffer.alloc(32, 1), pinsMax, now: () => clock.now, onKeep: (pin) => { kept.push(pin) } })
  return { pins, kept, clock }
}

describe('Pins', () => {
  it('gives a session the version that answered it first, for as long as it comes back in time', () => {
    const { pins, clock } = pinsOf()
    pins.keep('m', 'ann', of('1'))
    pins.keep('m', 'ann', of('2'))
    expect(pins.find('m', 'ann')).toMatchObject({ version: '1', rolloutId: 'r' })
    expect(pins.find('other', 'ann')).toBeNull()
    expect(pins.find('m', 'bob')).toBeNull()

    clock.now = 900
    pins.keep('m', 'ann', of('2'))
    clock.now = 1_800
    expect(pins.find('m', 'ann')).toMatchObject({ version: '1' })
    clock.now = 1_900
    expect(pins.find('m', 'ann')).toBeNull()
    pins.keep('m', 'ann', of('2'))
    expect(pins.find('m', 'ann')).toMatchObject({ version: '2' })
  })

  it('tells what to store: new pins, and prolonged ones now and then; and takes it up again', () => {
    const { pins, kept, clock } = pinsOf()
    pins.keep('m', 'ann', of('1'))
    for (clock.now = 10; clock.now <= 600; clock.now += 10) pins.keep('m', 'ann', of('1'))
    expect(kept.map(({ expiresAt }) => expiresAt)).toEqual([1_000, 1_250, 1_500])
    expect(kept.every(({ hash }) => hash.length === 16 && !hash.includes('ann'))).toBe(true)

    const again = pinsOf()
    for (const pin of kept) again.pins.restore(pin)
    expect(again.pins.find('m', 'ann')).toMatchObject({ version: '1' })
    again.clock.now = 1_500
    expect(again.pins.find('m', 'ann')).toBeNull()
  })

  it('finds nothing that another secret has hashed', () => {
    const { pins, kept } = pinsOf()
    pins.keep('m', 'ann', of('1'))
    const other = new Pins({ secret: Buffer.alloc(32, 2), pinsMax: 10, now: () => 0, onKeep: () => {} })
    other.restore(kept[0]!)

    expect(other.find('m', 'ann')).toBeNull()
  })

  it('pins no more than it may, and makes room of what is over', () => {
    const { pins, clock } = pinsOf(3)
    expect(['a', 'b', 'c', 'd'].map((key) => pins.keep('m', key, of('1')))).toEqual([true, true, true, false])
    expect(pins.refused).toBe(1)
    expect(pins.find('m', 'd')).toBeNull()

    clock.now = TTL_MS
    expect(pins.keep('m', 'd', of('1'))).toBe(true)
    expect(pins.size).toBe(1)
  })

  it('behaves as a map that forgets, whatever is kept, dropped and left to age', () => {
    const key = fc.integer({ min: 0, max: 30 }).map((number) => `user-${number}`)
    const step = fc.oneof(
      fc.record({ kind: fc.constant('keep' as const), key, version: fc.constantFrom('1', '2', '3') }),
      fc.record({ kind: fc.constant('drop' as const), version: fc.constantFrom('1', '2', '3') }),
      fc.record({ kind: fc.constant('age' as const), ms: fc.integer({ min: 0, max: 400 }) })
    )
    fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { pins, clock } = pinsOf()
      const model = new Map<string, { version: string, expiresAt: number }>()
      const living = (name: string) => {
        const found = model.get(name)
        return found !== undefined && found.expiresAt > clock.now ? found : null
      }
      for (const action of steps) {
        if (action.kind === 'age') clock.now += action.ms
        else if (action.kind === 'drop') {
          pins.drop('m', action.version)
          for (const [name, { version }] of model) if (version === action.version) model.delete(name)
        } else {
          pins.keep('m', action.key, of(action.version))
          const known = living(action.key)
          const expiresAt = clock.now + TTL_MS
          if (known === null) model.set(action.key, { version: action.version, expiresAt })
          else if (expiresAt - known.expiresAt >= TTL_MS / 4) known.expiresAt = expiresAt
        }
      }
      for (let number = 0; number <= 30; number++) {
        expect(pins.find('m', `user-${number}`)?.version ?? null).toBe(living(`user-${number}`)?.version ?? null)
      }
    }))
  })

  it('keeps a hundred thousand sessions apart through all its growing', () => {
    const { pins } = pinsOf()
    for (let i = 0; i < 100_000; i++) pins.keep('m', `user-${i}`, of(String(i % 7)))

    expect(pins.size).toBe(100_000)
    for (let i = 0; i < 100_000; i += 97) expect(pins.find('m', `user-${i}`)!.version).toBe(String(i % 7))
  })
})
