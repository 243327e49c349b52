import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Dispatcher, type DispatcherOptions, type PendingRequest } from '../../models/dispatcher.js'
import { ModelsError } from '../../models/errors.js'
import type { Tensor } from '../../models/tensor.js'

/** A batch that the dispatcher sent. */
interface Sent { readonly id: number, readonly inputs: readonly Tensor[] }

interface Settled { readonly outputs?: Tensor[], readonly error?: ModelsError }

function setUp (overrides: Partial<DispatcherOptions> = {}): {
  dispatcher: Dispatcher
  sent: Sent[]
  hangs: () => number
  attach: () => void
  submit: (value: number, options?: Partial<PendingRequest>) => { settled: Settled | null }
} {
  const sent: Sent[] = []
  let hangs = 0
  const dispatcher = new Dispatcher({
    limits: { batchable: true, maxBatch: 4, maxBatchBytes: 1e6, maxDelayMs: 0 },
    queueMax: 100,
    hangTimeoutMs: 1000,
    now: () => performance.now(),
    onHang: () => hangs++,
    onUnbatchable: () => {},
    ...overrides
  })
  return {
    dispatcher,
    sent,
    hangs: () => hangs,
    attach: () => dispatcher.attach((id, inputs) => sent.push({ id, inputs })),
    submit (value, options = {}) {
      const result: { settled: Settled | null } = { settled: null }
      const settleOnce = (settled: Settled): void => {
        if (result.settled !== null) throw new Error('settled twice')
        result.settled = settled
      }
      dispatcher.submit({
        inputs: [{ name: 'x', datatype: 'FP64', shape: [1, 1], data: Float64Array.of(value) }],
        outputs: null,
        deadlineAt: Infinity,
        enqueuedAt: performance.now(),
        retryOnCrash: false,
        resolve: (outputs) => settleOnce({ outputs }),
        reject: (error) => settleOnce({ error }),
        isSettled: false,
        wasLost: false,
        ...options
      })
      return result
    }
  }
}

/** What an identity model answers. */
function echo ({ inputs }: Sent): Tensor[] {
  return inputs.map((input) => ({ ...input, name: 'y' }))
}

function valuesOf ({ inputs }: Sent): number[] {
  return [...inputs[0]?.data as Float64Array]
}

describe('Dispatcher', () => {
  beforeEach(() => { vi.useFakeTimers() })
  afterEach(() => { vi.useRealTimers() })

  it('sends what arrived in one turn as one batch, and what came meanwhile as the next', () => {
    const { dispatcher, sent, attach, submit } = setUp()
    attach()
    submit(1)
    submit(2)
    vi.runAllTicks()
    vi.advanceTimersByTime(0)
    submit(3)
    submit(4)
    dispatcher.onResult(1, echo(sent[0] as Sent))

    expect(sent.map(valuesOf)).toEqual([[1, 2], [3, 4]])
  })

  it('keeps requests until a host is there', () => {
    const { sent, attach, submit } = setUp()
    submit(1)

    attach()

    expect(sent.map(valuesOf)).toEqual([[1]])
  })

  it('refuses a request when queueMax wait', () => {
    const { submit } = setUp({ queueMax: 2 })
    submit(1)
    submit(2)

    expect(submit(3).settled?.error).toMatchObject({ code: 'QUEUE_FULL', message: '2 requests wait already, the limit is 2' })
  })

  it('fails a request at its deadline and never sends it', () => {
    const { sent, attach, submit } = setUp()
    const early = submit(1, { deadlineAt: performance.now() + 50 })
    const late = submit(2, { deadlineAt: performance.now() + 500 })

    vi.advanceTimersByTime(51)
    attach()

    expect(early.settled?.error?.code).toBe('DEADLINE_EXCEEDED')
    expect(sent.map(valuesOf)).toEqual([[2]])
    vi.advanceTimersByTime(450)
    expect(late.settled?.error?.code).toBe('DEADLINE_EXCEEDED')
  })

  it('fails a request whose deadline has passed when it comes', () => {
    const { submit } = setUp()

    expect(submit(1, { deadlineAt: performance.now() }).settled?.error?.code).toBe('DEADLINE_EXCEEDED')
  })

  it('sends a short batch when maxDelayMs is over', () => {
    const { sent, attach, submit } = setUp({ limits: { batchable: true, maxBatch: 4, maxBatchBytes: 1e6, maxDelayMs: 10 } })
    attach()
    submit(1)
    vi.advanceTimersByTime(9)
    const before = sent.length
    vi.advanceTimersByTime(2)

    expect([before, sent.length]).toEqual([0, 1])
  })

  it('tries the members of a failed batch one by one', () => {
    const { dispatcher, sent, attach, submit } = setUp()
    const results = [1, 2, 3].map((value) => submit(value))
    attach()

    dispatcher.onFailure(1, new ModelsError('INFERENCE_FAILED', 'bad row'))
    dispatcher.onResult(2, echo(sent[1] as Sent))
    dispatcher.onFailure(3, new ModelsError('INFERENCE_FAILED', 'bad row'))
    dispatcher.onResult(4, echo(sent[3] as Sent))

    expect(sent.map(valuesOf)).toEqual([[1, 2, 3], [1], [2], [3]])
    expect(results.map(({ settled }) => settled?.error?.code ?? settled?.outputs?.[0]?.data[0])).toEqual([1, 'INFERENCE_FAILED', 3])
  })

  it('stops joining when outputs do not have one row per input row', () => {
    let told = 0
    const { dispatcher, sent, attach, submit } = setUp({ onUnbatchable: () => told++ })
    submit(1)
    submit(2)
    attach()

    dispatcher.onResult(1, [{ name: 'y', datatype: 'FP64', shape: [1, 1], data: Float64Array.of(3) }])
    submit(4)
    submit(5)
    for (const id of [2, 3, 4]) dispatcher.onResult(id, echo(sent[id - 1] as Sent))

    expect(told).toBe(1)
    expect(sent.map(valuesOf)).toEqual([[1, 2], [1], [2], [4], [5]])
  })

  it('sends requests that a crash took with it once more, alone, where they allow it', () => {
    const { dispatcher, sent, attach, submit } = setUp()
    const [retried, other] = [submit(1, { retryOnCrash: true }), submit(2)]
    attach()

    dispatcher.detach('the host is gone')
    attach()
    dispatcher.detach('the host is gone again')

    expect(sent.map(valuesOf)).toEqual([[1, 2], [1]])
    expect(other.settled?.error).toMatchObject({ code: 'HOST_CRASHED', message: 'the host is gone' })
    expect(retried.settled?.error).toMatchObject({ code: 'HOST_CRASHED', message: 'the host is gone again' })
  })

  it('reports a batch that takes longer than hangTimeoutMs', () => {
    const { attach, submit, hangs } = setUp()
    submit(1)
    attach()
    vi.advanceTimersByTime(999)
    const before = hangs()
    vi.advanceTimersByTime(2)

    expect([before, hangs()]).toEqual([0, 1])
  })

  it('resolves idle when the last request is settled', async () => {
    const { dispatcher, sent, attach, submit } = setUp()
    submit(1)
    attach()
    const order: string[] = []
    const idle = dispatcher.idle().then(() => order.push('idle'))
    order.push('answered')
    dispatcher.onResult(1, echo(sent[0] as Sent))
    await idle

    expect(order).toEqual(['answered', 'idle'])
  })

  it('fails everything on failAll', () => {
    const { dispatcher, attach, submit } = setUp()
    const running = submit(1)
    attach()
    const waiting = submit(2)

    dispatcher.failAll('HOST_NOT_READY', 'gone')

    expect([running, waiting].map(({ settled }) => settled?.error?.code)).toEqual(['HOST_NOT_READY', 'HOST_NOT_READY'])
    expect([dispatcher.queueDepth, dispatcher.inFlight]).toEqual([0, 0])
  })

  it('settles every request once, with its own row or a reason, whatever the host does', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('submit' as const), deadlineMs: fc.constantFrom(5, 50, Infinity), retryOnCrash: fc.boolean() }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('answer' as const, 'fail' as const, 'crash' as const, 'short' as const, 'tick' as const) }) }
    )
    fc.assert(fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const { dispatcher, sent, attach, submit } = setUp({ queueMax: 10 })
      const results: { settled: Settled | null }[] = []
      const runLast = (): void => {
        const last = sent.at(-1)
        if (last !== undefined) dispatcher.onResult(last.id, echo(last))
      }
      attach()
      for (const each of steps) {
        const last = sent.at(-1)
        if (each.kind === 'submit') results.push(submit(results.length, { deadlineAt: performance.now() + each.deadlineMs, retryOnCrash: each.retryOnCrash }))
        else if (each.kind === 'answer') runLast()
        else if (each.kind === 'fail' && last !== undefined) dispatcher.onFailure(last.id, new ModelsError('INFERENCE_FAILED', 'no'))
        else if (each.kind === 'short' && last !== undefined) dispatcher.onResult(last.id, [{ name: 'y', datatype: 'FP64', shape: [0, 1], data: new Float64Array(0) }])
        else if (each.kind === 'crash') {
          dispatcher.detach('crash')
          attach()
        }
        vi.advanceTimersByTime(each.kind === 'tick' ? 10 : 0)
      }
      for (let turn = 0; turn < results.length + 1; turn++) {
        runLast()
        vi.advanceTimersByTime(0)
      }

      results.forEach(({ settled }, value) => {
        const output = settled?.outputs?.[0]
        if (output === undefined) expect(settled?.error).toBeInstanceOf(ModelsError)
        else if (output.data.length > 0) expect([...output.data as Float64Array]).toEqual([value])
      })
      expect([dispatcher.queueDepth, dispatcher.inFlight]).toEqual([0, 0])
    }))
  })
})
