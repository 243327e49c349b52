import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { didYouMean, nearest } from '../../registry/nearest.js'
import { fakeInspect, folderOf, modelBytes, openRegistry, publishVersions } from '../support/registry-fixtures.js'

/** The whole table, for comparison. */
function distance (a: string, b: string): number {
  const table = Array.from({ length: a.length + 1 }, (_, i) => Array.from({ length: b.length + 1 }, (_, j) => i === 0 ? j : j === 0 ? i : 0))
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      table[i]![j] = Math.min(table[i - 1]![j - 1]! + cost, table[i - 1]![j]! + 1, table[i]![j - 1]! + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        table[i]![j] = Math.min(table[i]![j]!, table[i - 2]![j - 2]! + 1)
      }
    }
  }
  return table[a.length]![b.length]!
}

describe('the nearest known word', () => {
  it.each([
    ['sentimnet', ['sentiment', 'fraud'], 'sentiment'],
    ['senti', ['sentinel-2', 'sentiment'], 'sentiment'],
    ['frodu', ['fraud', 'iris'], 'fraud'],
    ['1.4', ['1.3.9', '1.4.0'], '1.4.0'],
    ['2', ['1'], null],
    ['spam', ['iris', 'fraud'], null],
    ['iris', ['iris'], null],
    ['', ['iris'], null]
  ])('of %j among %j is %j', (word, known, expected) => {
    expect(nearest(word, known)).toBe(expected)
  })

  it('is within two edits or a beginning, and one is found whenever there is one', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 7 })
    fc.assert(fc.property(word, fc.array(word, { maxLength: 6 }), (wanted, known) => {
      const isNear = (candidate: string): boolean => candidate !== wanted && (candidate.startsWith(wanted) ||
        distance(wanted, candidate) <= Math.min(2, Math.floor(Math.max(wanted.length, candidate.length) / 2)))
      const found = nearest(wanted, known)

      expect(found === null ? known.some(isNear) : !isNear(found)).toBe(false)
    }), { seed: 7, numRuns: 2_000 })
  })

  it('ends a message, quoted', () => {
    expect(didYouMean('irsi', ['iris'])).toBe('; did you mean "iris"?')
    expect(didYouMean('spam', ['iris'])).toBe('')
  })
})

describe('an unknown name', () => {
  it('is refused with the nearest one there is, not with one that was removed', async () => {
    const { registry } = openRegistry()
    await publishVersions(registry, ['1.0.0', '1.1.0'], {}, 'sentiment')
    const path = folderOf({ 'model.onnx': modelBytes('1') })
    await registry.publish({ path, name: 'fraud', version: '1', actor: 'ann' }, fakeInspect)
    registry.setAlias({ name: 'sentiment', alias: 'stable', version: '1.1.0', actor: 'ann', reason: 'x' })
    const messageOf = (reference: string): string => {
      try {
        registry.resolve(reference)
        return ''
      } catch (error) {
        return (error as Error).message
      }
    }

    expect(messageOf('sentimnet')).toBe('there is no model "sentimnet"; did you mean "sentiment"?')
    expect(messageOf('sentiment:1.1')).toBe('model "sentiment" has no version "1.1"; it has 1.0.0, 1.1.0; did you mean "1.1.0"?')
    expect(messageOf('sentiment@champoin')).toBe('model "sentiment" has no alias "champoin"; did you mean "champion"?')
    expect(messageOf('fruad:1')).toBe('there is no model "fruad"; did you mean "fraud"?')
    registry.remove({ name: 'fraud', version: '1', actor: 'ann', reason: 'x' })
    expect(messageOf('fruad:1')).toBe('there is no model "fruad"')
  })
})
