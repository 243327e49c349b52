import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseKeySource } from '../../../server/routing/affinity-key.js'
import { armOf, rangesOf } from '../../../server/routing/arms.js'
import { assign } from '../../../server/routing/assign.js'

const weights = fc.array(fc.integer({ min: 1, max: 1_400 }), { minLength: 1, maxLength: 7 })
const armsOf = (bps: readonly number[]) => rangesOf(bps.map((weightBps, index) => ({ version: `v${index}`, weightBps })))

describe('several challengers', () => {
  it('own as many buckets as their weights say, and no bucket twice', () => {
    fc.assert(fc.property(weights, (bps) => {
      const ranges = armsOf(bps)
      const owned = new Map<string, number>()
      for (let bucket = 0; bucket < 10_000; bucket++) {
        const version = armOf(ranges, bucket)?.version
        if (version !== undefined) owned.set(version, (owned.get(version) ?? 0) + 1)
      }
      expect([...owned.values()]).toEqual(bps)
    }), { numRuns: 20 })
  })

  it('keep their sessions whichever others are dropped; those of a dropped one are the champion\'s, outside the analysis', () => {
    const keys = [parseKeySource('header:s')!]
    fc.assert(fc.property(weights, fc.array(fc.nat(6)), fc.string({ minLength: 1, maxLength: 30 }), (bps, dropped, key) => {
      const ranges = armsOf(bps)
      const reservedBps = ranges.at(-1)!.toBps
      const at = (live: typeof ranges) =>
        assign({ salt: 'salt', weightBps: 1, keys, issue: null, layer: null, aim: null, arms: { reservedBps, ranges: live } }, { headers: { s: key }, body: null }, { newId: () => 'new' })
      const before = at(ranges)
      const after = at(ranges.filter((_, index) => !dropped.includes(index)))
      const isDropped = before.version !== undefined && dropped.includes(Number(before.version.slice(1)))

      expect(after).toEqual(isDropped ? { arm: 'champion', source: 'hash', bucket: null, key: before.key, cookie: null } : before)
    }))
  })
})
