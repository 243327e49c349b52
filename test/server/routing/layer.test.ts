import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseKeySource } from '../../../server/routing/affinity-key.js'
import { assign, type Assignment } from '../../../server/routing/assign.js'
import { isInLayer, type Layer } from '../../../server/routing/layer.js'
import type { Serve } from '../../../server/routing/targeting.js'

const keys = [parseKeySource('header:x-session-id')!]
const OUTSIDE: Assignment = { arm: 'champion', source: 'none', bucket: null, key: null, cookie: null, isOutside: true }
const newId = (): never => { throw new Error('no id is needed') }
const from = (session?: string) => ({ headers: { 'x-session-id': session }, body: null })
const session = fc.string({ minLength: 1, maxLength: 40 })
/** Ascending bounds of slices that do not overlap. */
const bounds = fc.uniqueArray(fc.nat(10_000), { minLength: 2, maxLength: 9 }).map((cuts) => cuts.sort((a, b) => a - b))
const slicesOf = (cuts: readonly number[], name = 'checkout'): Layer[] =>
  cuts.slice(1).map((toBps, index) => ({ name, fromBps: cuts[index]!, toBps }))

describe('a layer', () => {
  it('has each session in at most one of its slices, and in exactly one when they cover it', () => {
    fc.assert(fc.property(bounds, session, fc.string({ minLength: 1 }), (cuts, key, name) => {
      expect(slicesOf(cuts, name).filter((layer) => isInLayer(layer, key)).length).toBeLessThanOrEqual(1)
      expect(slicesOf([0, ...cuts.filter((cut) => cut > 0 && cut < 10_000), 10_000], name).filter((layer) => isInLayer(layer, key)).length).toBe(1)
    }))
  })

  it('lets a session meet the challenger of at most one of its rollouts, whatever their weights, salts, rules and pins', () => {
    const served = fc.option(fc.constantFrom<Serve>('challenger', 'champion', 'split'), { nil: null })
    const rollout = fc.record({ salt: fc.string(), weightBps: fc.nat(10_000), served, isPinned: fc.boolean() })
    fc.assert(fc.property(bounds, fc.array(rollout, { minLength: 8, maxLength: 8 }), fc.option(session, { nil: undefined }), (cuts, rollouts, key) => {
      const met = slicesOf(cuts).filter((layer, index) => {
        const { salt, weightBps, served, isPinned } = rollouts[index]!
        const aim = served === null ? null : () => served
        return assign({ salt, weightBps, keys, issue: null, layer, aim }, from(key), { pinned: () => isPinned ? 'challenger' : null, newId }).arm === 'challenger'
      })
      expect(met.length).toBeLessThanOrEqual(1)
    }))
  })

  it('leaves who is outside of the slice, or has no key, to the champion and outside the analysis', () => {
    const trial = { salt: 'salt', weightBps: 10_000, keys, issue: null, aim: () => 'challenger' as const }

    expect(assign({ ...trial, layer: { name: 'l', fromBps: 0, toBps: 10_000 } }, from(), { newId })).toEqual(OUTSIDE)
    expect(assign({ ...trial, layer: { name: 'l', fromBps: 0, toBps: 10_000 } }, from('s'), { newId }).arm).toBe('challenger')
    fc.assert(fc.property(session, (key) => {
      const inside = assign({ ...trial, layer: { name: 'l', fromBps: 0, toBps: 5_000 } }, from(key), { newId })
      const other = assign({ ...trial, layer: { name: 'l', fromBps: 5_000, toBps: 10_000 } }, from(key), { newId })
      expect([inside, other]).toContainEqual(OUTSIDE)
      expect([inside.arm, other.arm].sort()).toEqual(['challenger', 'champion'])
    }))
  })

  it('never takes a session from the challenger while the weight grows', () => {
    const layer = { name: 'l', fromBps: 2_000, toBps: 7_000 }
    fc.assert(fc.property(session, fc.string(), fc.nat(10_000), fc.nat(10_000), (key, salt, a, b) => {
      const armAt = (weightBps: number) => assign({ salt, weightBps, keys, issue: null, layer, aim: null }, from(key), { newId }).arm
      return armAt(Math.min(a, b)) === 'champion' || armAt(Math.max(a, b)) === 'challenger'
    }))
  })

  it('has slices of the size they say, and says nothing about the arms', () => {
    const layer = { name: 'checkout', fromBps: 1_000, toBps: 4_000 }
    const assigned = Array.from({ length: 40_000 }, (_, i) =>
      assign({ salt: 'salt', weightBps: 2_000, keys, issue: null, layer, aim: null }, from(`session-${i}`), { newId }))
    const inside = assigned.filter(({ isOutside }) => isOutside !== true)
    const challenged = inside.filter(({ arm }) => arm === 'challenger')

    expect(inside.length / assigned.length).toBeCloseTo(0.3, 1.9)
    expect(challenged.length / inside.length).toBeCloseTo(0.2, 1.8)
  })
})
