import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseKeySource, parseValueSource } from '../../../server/routing/affinity-key.js'
import { assign } from '../../../server/routing/assign.js'
import { compileTargeting, conditionFault, type Targeting } from '../../../server/routing/targeting.js'

const keys = [parseKeySource('header:x-session-id')!]
const attributes = [
  { name: 'country', source: parseValueSource('header:x-country')! },
  { name: 'plan', source: parseValueSource('body:/user/plan')! }
]
const rules: Targeting = {
  rules: [
    { when: 'country in ["DE", "AT"] && plan == "pro"', serve: 'challenger' },
    { when: 'plan == "pro"', serve: 'split' },
    { when: 'country == "FR"', serve: 'champion' }
  ],
  otherwise: 'champion'
}
const asked = (country: string | undefined, plan?: unknown, session?: string) => ({
  headers: { 'x-country': country, 'x-session-id': session }, body: { user: { plan } }
})

describe('compileTargeting', () => {
  it('lets the first rule that holds decide, and absent attributes be empty texts', () => {
    const aim = compileTargeting(rules, attributes)

    expect([asked('DE', 'pro'), asked('US', 'pro'), asked('FR'), asked('DE', 'free'), asked(undefined), asked('x'.repeat(2_000), 'pro')].map(aim))
      .toEqual(['challenger', 'split', 'champion', 'champion', 'champion', 'split'])
  })

  it('takes a condition that fails for a request for one that does not hold', () => {
    const aim = compileTargeting({ rules: [{ when: 'int(plan) > 3', serve: 'challenger' }], otherwise: 'split' }, attributes)

    expect([asked('', '7'), asked('', 'many')].map(aim)).toEqual(['challenger', 'split'])
  })

  it('never throws, whatever a request carries', () => {
    const aim = compileTargeting(rules, attributes)
    fc.assert(fc.property(fc.option(fc.string({ unit: 'binary' }), { nil: undefined }), fc.anything(), (country, body) => {
      expect(['challenger', 'champion', 'split']).toContain(aim({ headers: { 'x-country': country }, body }))
    }))
  })

  it('refuses conditions too large to be meant', () => {
    expect(conditionFault(Array.from({ length: 2_000 }, () => 'country == "A"').join(' || '), ['country'])).not.toBeNull()
    expect(conditionFault('country.matches("^D")', ['country'])).toBeNull()
  })
})

describe('assign under rules', () => {
  const newId = (): never => { throw new Error('no id is needed') }
  const trial = { salt: 'salt', weightBps: 5_000, keys, issue: null, layer: null, aim: compileTargeting(rules, attributes) }

  it('keeps what a rule decides outside the analysis', () => {
    expect(assign(trial, asked('DE', 'pro', 's'), { newId })).toEqual({ arm: 'challenger', source: 'target', bucket: null, key: null, cookie: null })
    expect(assign(trial, asked('FR', undefined, 's'), { newId })).toEqual({ arm: 'champion', source: 'target', bucket: null, key: null, cookie: null })
  })

  it('splits by the same buckets with rules as without', () => {
    fc.assert(fc.property(fc.string({ minLength: 1, maxLength: 40 }), (session) => {
      expect(assign(trial, asked('US', 'pro', session), { newId })).toEqual(assign({ ...trial, aim: null }, asked('US', 'pro', session), { newId }))
    }))
  })

  it('sends everybody to the challenger at full weight, with a key or without', () => {
    expect(assign({ ...trial, aim: null, weightBps: 10_000 }, asked('US'), { newId })).toEqual({ arm: 'challenger', source: 'none', bucket: null, key: null, cookie: null })
    expect(assign({ ...trial, aim: null, weightBps: 9_999 }, asked('US'), { newId }).arm).toBe('champion')
  })
})
