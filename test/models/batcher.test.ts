import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BatchQueue, joinInputs, splitOutputs, type BatchLimits, type Request } from '../../models/batcher.js'
import type { Tensor } from '../../models/tensor.js'

const limits: BatchLimits = { batchable: true, maxBatch: 4, maxBatchBytes: 1e6, maxDelayMs: 0 }

function tensor (name: string, rows: number, width: number, fill = 0): Tensor {
  return { name, datatype: 'FP32', shape: [rows, width], data: new Float32Array(rows * width).fill(fill) }
}

function request (rows: number, overrides: Partial<Request> & { width?: number } = {}): Request {
  return { inputs: [tensor('x', rows, overrides.width ?? 2)], outputs: null, deadlineAt: Infinity, enqueuedAt: 0, ...overrides }
}

function queueOf (requests: readonly Request[], changed: Partial<BatchLimits> = {}): BatchQueue<Request> {
  const queue = new BatchQueue<Request>({ ...limits, ...changed })
  for (const each of requests) queue.add(each)
  return queue
}

describe('BatchQueue', () => {
  it('fills a batch up to maxBatch rows, in order of arrival', () => {
    const [a, b, c, d] = [request(1), request(2), request(1), request(1)] as const

    const queue = queueOf([a, b, c, d])

    expect([queue.take(0), queue.take(0), queue.take(0)]).toEqual([[a, b, c], [d], null])
  })

  it('sends a request of more than maxBatch rows alone', () => {
    const [a, wide, b] = [request(1), request(5), request(1)] as const

    const queue = queueOf([a, wide, b])

    expect([queue.take(0), queue.take(0)]).toEqual([[a, b], [wide]])
  })

  it('keeps widths, input names and asked-for outputs apart, the oldest first', () => {
    const plain = request(1)
    const others = [
      request(1, { width: 3 }),
      request(1, { inputs: [tensor('z', 1, 2)] }),
      request(1, { outputs: ['y'] }),
      request(1, { inputs: [{ ...tensor('x', 1, 2), datatype: 'INT32', data: new Int32Array(2) }] })
    ]

    const queue = queueOf([plain, ...others])

    expect(others.map(() => queue.take(0)?.length)).toEqual([1, 1, 1, 1])
    expect(queue.depth).toBe(1)
  })

  it('joins nothing for a model that is not batchable, nor after stopJoining', () => {
    const unbatchable = queueOf([request(1), request(1)], { batchable: false })
    const stopped = queueOf([])
    stopped.stopJoining()
    stopped.add(request(1))
    stopped.add(request(1))

    expect([unbatchable.take(0)?.length, stopped.take(0)?.length]).toEqual([1, 1])
  })

  it('joins nothing without rows: scalars, no rows, unequal rows', () => {
    const scalar = request(1, { inputs: [{ name: 'x', datatype: 'FP32', shape: [], data: new Float32Array(1) }] })
    const unequal = request(1, { inputs: [tensor('x', 1, 2), tensor('z', 2, 2)] })

    const queue = queueOf([scalar, scalar, request(0), request(0), unequal, unequal])

    expect(Array.from({ length: 6 }, () => queue.take(0)?.length)).toEqual([1, 1, 1, 1, 1, 1])
  })

  it('ends a batch before its inputs pass maxBatchBytes', () => {
    const queue = queueOf([request(1), request(1), request(1)], { maxBatchBytes: 16 })

    expect([queue.take(0)?.length, queue.take(0)?.length]).toEqual([2, 1])
  })

  it('waits maxDelayMs for a batch to fill, and no longer once it is full', () => {
    const queue = queueOf([request(1, { enqueuedAt: 100 })], { maxDelayMs: 10 })

    expect(queue.take(105)).toBeNull()
    expect(queue.readyAt()).toBe(110)
    expect(queue.take(110)).toHaveLength(1)
    queue.add(request(3, { enqueuedAt: 200 }))
    queue.add(request(1, { enqueuedAt: 200 }))
    expect(queue.take(200)).toHaveLength(2)
  })

  it('takes out what has expired and tells the next deadline', () => {
    const [early, late] = [request(1, { deadlineAt: 10 }), request(1, { deadlineAt: 20 })] as const
    const queue = queueOf([early, late])

    expect(queue.nextDeadline()).toBe(10)
    expect(queue.expire(10)).toEqual([early])
    expect(queue.nextDeadline()).toBe(20)
    expect([queue.depth, queue.clear(), queue.depth]).toEqual([1, [late], 0])
  })

  it('gives every request out once, never mixed, never over the limits', () => {
    const arrivals = fc.array(fc.record({ rows: fc.nat({ max: 6 }), width: fc.integer({ min: 1, max: 3 }), deadlineAt: fc.nat({ max: 9 }) }), { maxLength: 60 })
    fc.assert(fc.property(arrivals, fc.nat({ max: 9 }), (specs, now) => {
      const requests = specs.map(({ rows, width, deadlineAt }) => request(rows, { width, deadlineAt }))
      const queue = queueOf(requests)

      const expired = queue.expire(now)
      const batches: Request[][] = []
      for (let batch = queue.take(0); batch !== null; batch = queue.take(0)) batches.push(batch)

      expect(new Set([...expired, ...batches.flat()])).toEqual(new Set(requests))
      expect(expired.length + batches.flat().length).toBe(requests.length)
      expect(expired).toEqual(expect.arrayContaining(requests.filter(({ deadlineAt }) => deadlineAt <= now)))
      for (const batch of batches.filter(({ length }) => length > 1)) {
        expect(batch.reduce((rows, { inputs }) => rows + (inputs[0]?.shape[0] ?? 0), 0)).toBeLessThanOrEqual(4)
        expect(new Set(batch.map(({ inputs }) => inputs[0]?.shape[1])).size).toBe(1)
      }
      expect(queue.depth).toBe(0)
    }))
  })
})

describe('joinInputs and splitOutputs', () => {
  it('give each request the rows it came with', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 })
    fc.assert(fc.property(sizes, fc.nat({ max: 3 }), (rowsOfRequests, width) => {
      let next = 0
      const requests = rowsOfRequests.map((rows) => ({
        inputs: [
          { name: 'x', datatype: 'FP64' as const, shape: [rows, width], data: Float64Array.from({ length: rows * width }, () => next++) },
          { name: 's', datatype: 'BYTES' as const, shape: [rows], data: Array.from({ length: rows }, () => `row ${next++}`) }
        ]
      }))

      const parts = splitOutputs(joinInputs(requests), rowsOfRequests)

      expect(parts).toEqual(requests.map(({ inputs }) => inputs))
    }))
  })

  it('do not copy the inputs of a single request', () => {
    const single = request(3)

    expect(joinInputs([single])).toBe(single.inputs)
  })

  it('refuse outputs that do not have one row per input row', () => {
    expect(splitOutputs([tensor('y', 1, 2)], [1, 1])).toBeNull()
    expect(splitOutputs([tensor('y', 2, 2), { ...tensor('z', 1, 1), shape: [] }], [1, 1])).toBeNull()
  })
})
