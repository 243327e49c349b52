import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SpecError } from '../../../server/rollouts/spec-error.js'
import { settingAfter, type PlanStep } from '../../../server/rollouts/plan.js'
import { parseRolloutSpec } from '../../../server/rollouts/spec.js'

const analysis = { mode: 'equivalence', metrics: [{ name: 'errors', source: 'errors', role: 'critical', margin: { absolute: 0.01 } }] }
const planOf = (strategy: object, more: object = {}) => parseRolloutSpec({ model: 'm', challenger: '2', strategy, ...more })
const stepsOf = (strategy: object, more: object = {}) => planOf(strategy, more).steps.map(wordsOf)
const internal = { attributes: { group: 'header:x-group' } }

function wordsOf (step: PlanStep): string {
  switch (step.kind) {
    case 'setWeight': return `weight ${step.weightBps}`
    case 'setMirror': return `mirror ${step.mirrorBps}`
    case 'setTarget': return step.targeting === null ? 'no rules' : `${step.targeting.rules.map(({ serve }) => serve).join()}, else ${step.targeting.otherwise}`
    case 'pause': return step.durationMs === null ? 'pause' : `pause ${step.durationMs}`
    case 'analysis': return 'analysis'
    case 'contest': return 'contest'
  }
}

function faultsOf (strategy: object, more: object = {}): Record<string, string> {
  try {
    planOf(strategy, more)
  } catch (error) {
    if (error instanceof SpecError) return Object.fromEntries(error.faults.map(({ path, message }) => [path, message]))
    throw error
  }
  return {}
}

describe('a strategy becomes steps', () => {
  it.each([
    ['progressive', { progressive: { stepWeight: 20, maxWeight: 50, interval: '1m' } }, ['weight 2000', 'pause 60000', 'weight 4000', 'pause 60000', 'weight 5000', 'pause 60000', 'analysis']],
    ['progressive with a start and a gate at each weight', { progressive: { startWeight: 1, stepWeight: 10, maxWeight: 11, interval: 5, gate: 'each' } }, ['weight 100', 'pause 5000', 'analysis', 'weight 1100', 'pause 5000', 'analysis']],
    ['progressive to everybody, where nothing is left to compare', { progressive: { stepWeight: 50, maxWeight: 100, interval: '1m' } }, ['weight 5000', 'pause 60000', 'weight 10000', 'pause 60000']],
    ['blueGreen', { blueGreen: {} }, ['weight 10000', 'pause 600000']],
    ['blueGreen with a preview, a mirror and a person', { blueGreen: { preview: { when: 'group == "qa"' }, mirror: 50, autoPromotion: false, holdFor: '1m' } }, ['challenger, else champion', 'mirror 5000', 'analysis', 'pause', 'mirror 0', 'no rules', 'weight 10000', 'pause 60000']],
    ['shadow', { shadow: { duration: '1h' } }, ['mirror 10000', 'pause 3600000', 'analysis']],
    ['featureFlag', { featureFlag: { rules: [{ when: 'group == "beta"' }, { when: 'group == "half"', serve: 'split' }] } }, ['challenger,split, else champion', 'weight 5000', 'analysis']],
    ['featureFlag that splits nobody', { featureFlag: { rules: [{ when: 'group == "beta"' }] } }, ['challenger, else champion', 'weight 5000']],
    ['darkLaunch', { darkLaunch: { when: 'group == "staff"', duration: '10s' } }, ['challenger, else champion', 'pause 10000']],
    ['canary', { canary: { steps: [{ setMirror: 10 }, { analysis: {} }, { setTarget: { rules: [{ when: 'group == "qa"', serve: 'split' }], otherwise: 'champion' } }, { setWeight: 5 }, { setTarget: null }, { pause: {} }] } }, ['mirror 1000', 'analysis', 'split, else champion', 'weight 500', 'no rules', 'pause']]
  ])('%s', (_name, strategy, steps) => {
    expect(stepsOf(strategy, { analysis, ...internal })).toEqual(steps)
  })

  it('leaves the last word to a person where a strategy only shows or singles out, unless told otherwise', () => {
    expect(planOf({ shadow: {} }).promotion).toBe('manual')
    expect(planOf({ shadow: {} }, { promotion: 'automatic' }).promotion).toBe('automatic')
    expect(planOf({ blueGreen: {} }).promotion).toBe('automatic')
  })

  it('ramps without ever going back, from the first weight to exactly the last', () => {
    const percent = fc.double({ min: 0.5, max: 100, noNaN: true })
    fc.assert(fc.property(percent, percent, percent, (startWeight, stepWeight, maxWeight) => {
      fc.pre(startWeight <= maxWeight)
      const { steps } = planOf({ progressive: { startWeight, stepWeight, maxWeight, interval: 1 } })
      const weights = steps.map((_, index) => settingAfter(steps, index + 1).weightBps)
      expect(weights).toEqual([...weights].sort((a, b) => a - b))
      expect(weights[0]).toBe(Math.round(startWeight * 100))
      expect(weights.at(-1)).toBe(Math.round(maxWeight * 100))
    }))
  })
})

describe('a strategy is refused', () => {
  it.each<[string, object, object, Record<string, string>]>([
    ['when there is none', {}, {}, { strategy: 'expected exactly one of canary, progressive, blueGreen, shadow, featureFlag, darkLaunch, abn, got none' }],
    ['when there are two', { shadow: {}, blueGreen: {} }, {}, { strategy: expect.stringContaining('got shadow, blueGreen') as string }],
    ['when a step is two', { canary: { steps: [{ setWeight: 5, pause: {} }] } }, {}, { 'strategy.canary.steps[0]': expect.stringContaining('exactly one of setWeight, setMirror, setTarget') as string }],
    ['when an analysis compares nothing', { canary: { steps: [{ setWeight: 0 }, { analysis: {} }] } }, { analysis }, { 'strategy.canary.steps[1]': expect.stringContaining('compares nothing') as string }],
    ['when a ramp begins above its end', { progressive: { startWeight: 30, stepWeight: 5, maxWeight: 20, interval: 1 } }, {}, { 'strategy.progressive.maxWeight': 'must not be less than the first weight, 30' }],
    ['when a ramp has too many steps', { progressive: { stepWeight: 0.01, maxWeight: 50, interval: 1 } }, {}, { 'strategy.progressive.stepWeight': 'makes more than 500 steps' }],
    ['when a gate has nothing to ask', { progressive: { stepWeight: 10, interval: 1, gate: 'each' } }, {}, { analysis: 'is required by gate each' }],
    ['when a rule asks for what is no attribute', { darkLaunch: { when: 'country == "DE"' } }, {}, { 'strategy.darkLaunch.when': expect.stringMatching(/country/) as string }],
    ['when a rule is no condition', { darkLaunch: { when: 'group' } }, internal, { 'strategy.darkLaunch.when': 'must be true or false, and is a string' }],
    ['when a rule does not fit the types', { darkLaunch: { when: 'group > 3' } }, internal, { 'strategy.darkLaunch.when': expect.stringMatching(/no such overload|>/) as string }],
    ['when a rule does not parse', { featureFlag: { rules: [{ when: 'group ==' }] } }, internal, { 'strategy.featureFlag.rules[0].when': expect.stringMatching(/./) as string }],
    ['when agreement is wanted of what nothing mirrors', { progressive: { stepWeight: 10, interval: 1 } }, { analysis: { mode: 'equivalence', metrics: [{ name: 'same', source: 'agreement', role: 'critical', margin: { absolute: 0.1 } }] } }, { 'analysis.metrics[0].source': expect.stringContaining('no step mirrors any') as string }],
    ['when feedback is wanted of answers nobody saw', { shadow: {} }, { analysis: { metrics: [{ name: 'liked', source: 'feedback', key: 'liked', direction: 'up', role: 'primary' }] } }, { 'analysis.metrics[0].source': expect.stringContaining('nobody saw') as string }],
    ['when agreement should become better', { shadow: {} }, { analysis: { metrics: [{ name: 'same', source: 'agreement', role: 'primary', tolerance: 1 }] } }, { 'analysis.metrics[0].role': expect.stringContaining('full') as string, 'analysis.metrics[0].tolerance': 'is only for method close' }],
    ['when an attribute has no source', { shadow: {} }, { attributes: { group: 'x-group' } }, { 'attributes.group': 'expected header:NAME, cookie:NAME or body:/json/pointer' }],
    ['when an attribute has no name', { shadow: {} }, { attributes: { 'a b': 'header:a' } }, { 'attributes.a b': expect.stringContaining('expected a lower-case letter') as string }]
  ])('%s', (_name, strategy, more, faults) => {
    expect(faultsOf(strategy, more)).toEqual(faults)
  })
})
