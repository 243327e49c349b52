import { describe, expect, it } from 'vitest'
import { type GateEvidence, type GateLimits, type GateValue, judgeGate } from '../../../../server/rollouts/gate/judge.js'
import { answerOf, expectedOf, tensorsOf } from '../../../../server/rollouts/gate/row-tensors.js'
import { scoreAnswers } from '../../../../server/rollouts/gate/answer-metrics.js'
import { ProbeWatch } from '../../../../server/probes/watch.js'
import { parseRolloutSpec } from '../../../../server/rollouts/spec.js'
import { SpecError } from '../../../../server/rollouts/spec-error.js'
import { simulateRollout } from '../../../../server/simulation/run.js'
import { parseScenario } from '../../../../server/simulation/scenario.js'

function verdictOn (limits: Omit<GateLimits, 'metric'>, value: GateValue | null, more: Partial<GateEvidence['gate']> = {}) {
  const gate = { dataset: 'd:1', digest: null, rows: 100, failures: { champion: 0, challenger: 0, first: null }, values: value === null ? {} : { m: value }, fault: null, ...more }
  return judgeGate({ kind: 'gate', minRows: 1, failuresMax: 0, metrics: [{ metric: 'm', ...limits }] }, { gate })
}

describe('judgeGate', () => {
  it.each<[string, Omit<GateLimits, 'metric'>, GateValue | null, string]>([
    ['passes a value at its least', { min: 0.9 }, { better: 'higher', champion: null, challenger: 0.9 }, 'promote'],
    ['passes at the margin, whatever rounding says', { margin: { absolute: 0.02 } }, { better: 'higher', champion: 1, challenger: 0.98 }, 'promote'],
    ['fails beyond the margin', { margin: { absolute: 0.02 } }, { better: 'higher', champion: 1, challenger: 0.97 }, 'rollback'],
    ['takes small errors for better', { margin: { absolute: 0 } }, { better: 'lower', champion: 2, challenger: 1 }, 'promote'],
    ['takes greater errors for worse', { margin: { absolute: 0 } }, { better: 'lower', champion: 1, challenger: 2 }, 'rollback'],
    ['allows a difference to both sides where none is better', { margin: { absolute: 1 } }, { better: 'neither', champion: 1, challenger: 3 }, 'rollback'],
    ['fails above the greatest value', { max: 3 }, { better: 'lower', champion: 1, challenger: 4 }, 'rollback'],
    ['never passes what could not be computed', { min: 0 }, { better: 'higher', champion: 1, challenger: null }, 'rollback'],
    ['never passes against a champion without a value', { margin: { absolute: 9 } }, { better: 'higher', champion: null, challenger: 1 }, 'rollback'],
    ['never passes without any value', { min: 0 }, null, 'rollback']
  ])('%s', (_title, limits, value, decision) => {
    expect(verdictOn(limits, value).decision).toBe(decision)
  })

  it('says why it could not be run', () => {
    expect(verdictOn({ min: 0 }, null, { fault: 'd: line 3: field "input" is missing' }).reason).toBe('the gate could not be run: d: line 3: field "input" is missing')
  })
})

describe('rows of a gate', () => {
  it('become tensors by the inputs of the model', () => {
    const of = (input: unknown, ...specs: [string, 'FP32' | 'BYTES' | 'INT64', number[]][]) =>
      tensorsOf(input, specs.map(([name, datatype, shape]) => ({ name, datatype, shape }))).map(({ name, shape, data }) => ({ name, shape, data: [...data] }))

    expect(of('hello', ['text', 'BYTES', [-1]])).toEqual([{ name: 'text', shape: [1], data: ['hello'] }])
    expect(of([1, '2.5'], ['x', 'FP32', [-1, 2]])).toEqual([{ name: 'x', shape: [1, 2], data: [1, 2.5] }])
    expect(of([1, 2, 3], ['ids', 'INT64', [-1, -1]])).toEqual([{ name: 'ids', shape: [1, 3], data: [1n, 2n, 3n] }])
    expect(of({ a: 1, b: 'x' }, ['a', 'FP32', [-1]], ['b', 'BYTES', [-1]])).toEqual([{ name: 'a', shape: [1], data: [1] }, { name: 'b', shape: [1], data: ['x'] }])
    expect(of({ inputs: [{ name: 'x', datatype: 'FP32', shape: [2], data: [1, 2] }] }, ['x', 'FP32', [-1]])).toEqual([{ name: 'x', shape: [2], data: [1, 2] }])
    expect(() => of([1, 2, 3], ['x', 'FP32', [-1, 2]])).toThrow('3 elements do not fit the shape [-1, 2]')
    expect(() => of('word', ['x', 'FP32', [-1]])).toThrow('is no element of a tensor')
    expect(() => of({ c: 1 }, ['a', 'FP32', [-1]])).toThrow('input "c" is not one of a')
    expect(() => of(1, ['a', 'FP32', [-1]], ['b', 'FP32', [-1]])).toThrow('the model has 2 inputs')
  })

  it('have one answer: a text, a label, or a number', () => {
    const scores = { name: 'scores', datatype: 'FP32' as const, shape: [1, 2], data: Float32Array.of(0.1, 0.9) }
    const number = { name: 'class', datatype: 'INT64' as const, shape: [1], data: BigInt64Array.of(1n) }

    expect(answerOf([scores], ['ham', 'spam'], null)).toBe('spam')
    expect(answerOf([scores], undefined, null)).toBeNull()
    expect(answerOf([scores, number], ['ham', 'spam'], 'class')).toBe('spam')
    expect(answerOf([number], undefined, null)).toBe('1')
    expect(answerOf([scores], ['ham', 'spam'], 'other')).toBeNull()
    expect([expectedOf(1, ['ham', 'spam']), expectedOf('ham', ['ham', 'spam']), expectedOf(1, undefined), expectedOf(null, undefined)]).toEqual(['spam', 'ham', '1', null])
  })

  it('are scored as labels or as numbers', () => {
    expect(scoreAnswers('accuracy', ['a', 'b', 'b', 'b'], ['a', 'b', 'b', ''])).toBe(0.75)
    expect(scoreAnswers('balanced_accuracy', ['a', 'b', 'b', 'b'], ['a', 'b', 'b', 'a'])).toBeCloseTo(5 / 6, 12)
    expect(scoreAnswers('rmse', ['1', '2'], ['1', '4'])).toBeCloseTo(Math.SQRT2, 12)
    expect(scoreAnswers('mae', ['1', '2'], ['1', 'x'])).toBeNull()
  })
})

describe('ProbeWatch', () => {
  it('tells of so many failed rounds in a row, once, and begins anew', () => {
    const watch = new ProbeWatch(2)

    expect(['a', null, 'b', 'c', 'd', 'e'].map((reason) => watch.count(reason))).toEqual([
      null, null, null, 'probes: 2 rounds in a row failed, the last for c', null, 'probes: 2 rounds in a row failed, the last for e'
    ])
    expect(new ProbeWatch(1).count('a')).toBe('probes: 1 round failed, the last for a')
  })
})

describe('a document with a gate', () => {
  const document = (gate: object) => ({ model: 'm', challenger: '2', gate, strategy: { canary: { steps: [{ setWeight: 50 }] } } })

  it('is refused by the path of what is wrong', () => {
    const faultsOf = (gate: object): string[] => {
      try {
        parseRolloutSpec(document(gate))
        return []
      } catch (error) {
        return (error as SpecError).faults.map(({ path }) => path)
      }
    }

    expect(faultsOf({ dataset: 'd', metrics: [{ metric: 'accuracy' }] })).toEqual(['gate.metrics[0]'])
    expect(faultsOf({ dataset: 'd', metrics: [{ metric: 'acuracy', min: 1 }] })).toEqual(['gate.metrics[0].metric'])
    expect(faultsOf({ dataset: 'd', metrics: [{ metric: 'rouge1', min: 1 }, { metric: 'rouge1', min: 1 }] })).toEqual(['gate.metrics[1].metric'])
    expect(faultsOf({ dataset: 'd', metrics: [{ metric: 'bertscore', min: 1 }] })).toEqual(['gate.encoder'])
    expect(faultsOf({ dataset: 'd', limit: 5, minRows: 6, metrics: [{ metric: 'mae', max: 1 }] })).toEqual(['gate.minRows'])
    expect(faultsOf({ metrics: [{ metric: 'mae', max: '1' }] })).toEqual(['gate.dataset', 'gate.metrics[0].max'])
  })

  it('is simulated with the values that the scenario tells', () => {
    const plan = parseRolloutSpec(document({ dataset: 'd', metrics: [{ metric: 'accuracy', margin: { absolute: 0.01 } }] }))
    const scenario = (challenger: object) => parseScenario({ traffic: { perSecond: 1 }, arms: { champion: { golden: { accuracy: 0.9 } }, challenger } })

    expect(simulateRollout(plan, scenario({ golden: { accuracy: 0.8 } }), 1)).toMatchObject({ outcome: 'failed', requests: 0 })
    expect(simulateRollout(plan, scenario({}), 1)).toMatchObject({ outcome: 'promoted' })
    expect(() => simulateRollout(plan, parseScenario({ traffic: { perSecond: 1 }, arms: { champion: {}, challenger: {} } }), 1)).toThrow(SpecError)
  })
})
