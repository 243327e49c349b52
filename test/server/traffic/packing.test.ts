import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { packPredictions, unpackPredictions } from '../../../server/traffic/packing.js'

const predictions = fc.array(fc.record({
  requestId: fc.stringMatching(/^[A-Za-z0-9._:@/+=-]{1,128}$/),
  rolloutId: fc.constantFrom('r1', 'r2', 'r3'),
  at: fc.nat(2 ** 41),
  stage: fc.nat(100),
  weightBps: fc.nat(10_000),
  arm: fc.constantFrom('champion' as const, 'challenger' as const),
  bucket: fc.option(fc.nat(9_999)),
  failed: fc.boolean(),
  latencyMs: fc.double({ min: 0, max: 1e6, noNaN: true })
}))

describe('packPredictions', () => {
  it('gives back through unpackPredictions what it was given, across threads too', () => {
    fc.assert(fc.property(predictions, (original) => {
      expect(unpackPredictions(structuredClone(packPredictions(original)))).toEqual(original)
    }))
  })
})
