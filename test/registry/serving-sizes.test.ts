import { describe, expect, it } from 'vitest'
import { parseServingDraft } from '../../registry/serving.js'

const COUNT = 100_000

const fields = (value: unknown): Record<string, unknown> =>
  Object.fromEntries(Array.from({ length: COUNT }, (_, index) => [`field${index}`, value]))
const list = (value: unknown, count = COUNT): unknown[] => new Array<unknown>(count).fill(value)
const tensor = (change: object) => ({ name: 'x', datatype: 'FP32', shape: [1], data: [1], ...change })

function refusal (text: string): string {
  try {
    parseServingDraft(text)
  } catch (error) {
    return (error as Error).message
  }
  return ''
}

/** Milliseconds, the least of some attempts: a busy machine only ever adds. */
function least (work: () => unknown): number {
  return Math.min(...Array.from({ length: 4 }, () => {
    const began = performance.now()
    work()
    return performance.now() - began
  }))
}

describe('a serving.json of a hundred thousand', () => {
  it.each<[string, unknown, string]>([
    ['unknown fields', fields(1), '/field0 is not a known field; /field1 is not a known field'],
    ['unknown fields further in', { batching: fields(1) }, '/batching/field0 is not a known field'],
    ['metrics', { metrics: fields(1) }, '/metrics must not have more than 1000 properties'],
    ['labels too many', { labels: list('a', 2 * COUNT) }, '/labels must not have more than 100000 items'],
    ['labels that are none', { labels: [...list('a', COUNT - 1), 7] }, `/labels/${COUNT - 1} must be string`],
    ['dimensions', { inputs: [{ name: 'x', datatype: 'FP32', shape: list(1) }] }, '/inputs/0/shape must not have more than 16 items'],
    ['elements that are none', { examples: [{ inputs: [tensor({ data: list({}) })], outputs: [tensor({})], tolerance: 0 }] },
      '/examples/0/inputs/0/data/0 must be number or string or boolean']
  ])('%s is refused with the path, in little more time than it takes to read it', (_what, document, fault) => {
    const text = JSON.stringify(document)

    expect(refusal(text)).toContain(`serving.json: ${fault}`)
    expect(refusal(text).length).toBeLessThan(5_000)
    expect(least(() => refusal(text))).toBeLessThan(3 * least(() => JSON.parse(text)) + 25)
  })

  it('right labels is accepted', () => {
    const document = { labels: list('a').map((label, index) => `${label as string}${index}`) }
    expect(parseServingDraft(JSON.stringify(document))).toEqual(document)
  })
})
