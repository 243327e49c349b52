import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DueQueue } from '../../../server/simulation/due-queue.js'

it('gives what is due earliest first, and in the order of adding at the same time', () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 200 }), (times) => {
    const queue = new DueQueue<{ at: number, index: number }>()
    for (const [index, at] of times.entries()) queue.add(at, { at, index })
    const taken: Array<{ at: number, index: number }> = []
    while (queue.nextAt < Infinity) {
      expect(queue.nextAt).toBe(Math.min(...times.filter((_, index) => !taken.some((item) => item.index === index))))
      taken.push(queue.take())
    }
    expect(taken).toEqual(times.map((at, index) => ({ at, index })).sort((a, b) => a.at - b.at || a.index - b.index))
  }), { numRuns: 50 })
})

it('refuses to give what is not there', () => {
  expect(() => new DueQueue().take()).toThrow('nothing is due')
})
