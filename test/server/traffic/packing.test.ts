import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PredictionBuffer, unpackPredictions } from '../../../server/traffic/packing.js'

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

describe('PredictionBuffer', () => {
  it('gives back through unpackPredictions what it was given, across threads too', () => {
    const buffer = new PredictionBuffer()
    fc.assert(fc.property(predictions, (original) => {
      for (const { at, ...prediction } of original) buffer.add(prediction, at)
      expect(buffer.length).toBe(original.length)
      expect(unpackPredictions(structuredClone(buffer.take()))).toEqual(original)
      expect(buffer.length).toBe(0)
    }))
  })

  it('grows with what it holds', () => {
    const buffer = new PredictionBuffer()
    const [prediction] = fc.sample(predictions, { numRuns: 50, seed: 1 }).flat()
    for (let i = 0; i < 2_000; i++) buffer.add(prediction!, i)

    expect(unpackPredictions(buffer.take()).map(({ at }) => at)).toEqual(Array.from({ length: 2_000 }, (_, i) => i))
  })
})
