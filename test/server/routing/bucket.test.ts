import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bucketOf, murmur3 } from '../../../server/routing/bucket.js'

interface Golden {
  hash_vectors: { input: string, murmur3_x86_32: Record<'seed0' | 'seed1' | 'seed_86028157' | 'seed_ffffffff', number> }[]
  recommended: {
    salt: string
    buckets: { key: string, hash: number, bucket: number }[]
    [ramp: string]: unknown
  }
}

const golden = JSON.parse(readFileSync(new URL('../../reference/hashing.json', import.meta.url), 'utf8')) as Golden

describe('murmur3', () => {
  it.each(golden.hash_vectors)('hashes "$input" as the reference does, under four seeds', ({ input, murmur3_x86_32: expected }) => {
    expect(murmur3(input)).toBe(expected.seed0)
    expect(murmur3(input, 1)).toBe(expected.seed1)
    expect(murmur3(input, 86_028_157)).toBe(expected.seed_86028157)
    expect(murmur3(input, 0xffffffff)).toBe(expected.seed_ffffffff)
  })
})

describe('bucketOf', () => {
  it('puts every key of the reference into its bucket', () => {
    const { salt, buckets } = golden.recommended

    expect(buckets.map(({ key }) => bucketOf(salt, key))).toEqual(buckets.map(({ bucket }) => bucket))
    expect(buckets.length).toBeGreaterThan(30)
  })

  it('spreads sessions evenly: a weight of 20 % owns 20 % of them', () => {
    const owned = Array.from({ length: 50_000 }, (_, i) => bucketOf('salt', `session-${i}`)).filter((bucket) => bucket < 2_000)

    expect(owned.length / 50_000).toBeCloseTo(0.2, 1.9)
  })

  it('only moves sessions from champion to challenger while the weight grows', () => {
    fc.assert(fc.property(fc.string(), fc.string(), fc.nat(10_000), fc.nat(10_000), (salt, key, a, b) => {
      const bucket = bucketOf(salt, key)
      const [low, high] = [Math.min(a, b), Math.max(a, b)]
      return !(bucket < low) || bucket < high
    }))
  })
})
