import { describe, expect, it } from 'vitest'
import { Breaker } from '../../../server/rollouts/breaker.js'

const limits = { maxErrorRate: 0.5, minRequests: 20, windowSeconds: 10 }

describe('Breaker', () => {
  it('trips on the very observation that breaches, not before', () => {
    const breaker = new Breaker(limits)
    const trips = Array.from({ length: 25 }, (_, i) => breaker.observe(1_000 + i, true) !== null)

    expect(trips.indexOf(true)).toBe(19)
  })

  it('holds at exactly the limit and trips above it', () => {
    const breaker = new Breaker(limits)
    for (let i = 0; i < 10; i++) breaker.observe(1_000, false)
    for (let i = 0; i < 10; i++) expect(breaker.observe(1_000, true)).toBeNull()

    expect(breaker.observe(1_000, true)).toBe('circuit breaker: 11 of 21 challenger requests failed within 10 s, limit 0.5')
  })

  it('forgets what is older than its window', () => {
    const breaker = new Breaker(limits)
    for (let i = 0; i < 19; i++) breaker.observe(0, true)

    expect(breaker.observe(11_000, true)).toBeNull()
  })

  it('keeps what is inside its window while time goes on', () => {
    const breaker = new Breaker(limits)
    for (let second = 0; second < 9; second++) {
      breaker.observe(second * 1_000, true)
      breaker.observe(second * 1_000, true)
    }

    expect(breaker.observe(9_000, true)).toBeNull()
    expect(breaker.observe(9_000, true)).not.toBeNull()
  })
})
