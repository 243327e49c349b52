import { describe, expect, it } from 'vitest'
import { SpecError } from '../../../server/rollouts/spec-error.js'
import { parseScenario } from '../../../server/simulation/scenario.js'

const VALID = { traffic: { perSecond: 1 }, arms: { champion: { errors: 0.01 }, challenger: {} } }
const faultsOf = (document: unknown): string[] => {
  try {
    parseScenario(document)
  } catch (error) {
    if (error instanceof SpecError) return error.faults.map(({ path }) => path)
    throw error
  }
  return []
}

describe('a scenario', () => {
  it('has defaults, and a challenger that is like the champion where nothing else is said', () => {
    const scenario = parseScenario({
      ...VALID, arms: { champion: { errors: 0.01, feedback: { a: { rate: 0.5 }, b: { rate: 0.1 } } }, challenger: { feedback: { b: { rate: 0.2 } } } }
    })

    expect(scenario.arms.challenger).toEqual({ errors: 0.01, feedback: { a: { rate: 0.5 }, b: { rate: 0.2 } } })
    expect(scenario).toMatchObject({ maxDurationMs: 30 * 86_400_000, lookEveryMs: null, personAfterMs: 0 })
    expect(scenario.document.person).toEqual({ step: 'resume', promotion: 'promote', verdict: 'stop' })
  })

  it.each<[string, unknown, string[]]>([
    ['no object', [], ['']],
    ['without traffic', { arms: VALID.arms }, ['traffic']],
    ['without requests', { ...VALID, traffic: { perSecond: 0 } }, ['traffic.perSecond']],
    ['with a rate beyond 1', { ...VALID, arms: { champion: { errors: 2 }, challenger: {} } }, ['arms.champion.errors']],
    ['with two distributions', { ...VALID, arms: { champion: { feedback: { x: { rate: 0.1, mean: 1, sd: 1 } } }, challenger: {} } }, ['arms.champion.feedback.x']],
    ['with a mean alone', { ...VALID, arms: { champion: {}, challenger: { feedback: { x: { mean: 1 } } } } }, ['arms.challenger.feedback.x.sd']],
    ['with shares that do not add up', { ...VALID, traffic: { perSecond: 1, attributes: { group: { a: 0.5, b: 0.4 } } } }, ['traffic.attributes.group']],
    ['that begins never', { ...VALID, start: 'soon' }, ['start']],
    ['with an unknown field', { ...VALID, arm: {} }, ['arm']]
  ])('%s is refused by the path of what is wrong', (_name, document, paths) => {
    expect(faultsOf(document)).toEqual(paths)
  })
})
