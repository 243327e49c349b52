import { describe, expect, it } from 'vitest'
import type { LiveModel } from '../../../models/pool.js'
import type { Tensor } from '../../../models/tensor.js'
import type { Trial } from '../../../server/routing/snapshot.js'
import { Mirror, type MirrorPair } from '../../../server/traffic/mirror.js'

const answer: Tensor[] = [{ name: 'y', datatype: 'FP32', shape: [1], data: Float32Array.of(1) }]

/** A challenger that answers when it is told to. */
function heldChallenger (state: LiveModel['state'] = 'ready') {
  const asked: { resolve: () => void, reject: () => void }[] = []
  const infer = () => new Promise<Tensor[]>((resolve, reject) => {
    asked.push({ resolve: () => { resolve(answer) }, reject: () => { reject(new Error('no')) } })
  })
  const live = { state, infer } as unknown as LiveModel
  const trial = (mirrorBps: number): Trial<LiveModel> => ({
    rolloutId: 'r', salt: 'salt', weightBps: 0, keys: [], issue: null, layer: null, aim: null, pinTtlMs: null, mirrorBps, stage: 1, challenger: { version: '2', label: 'm:2', live }
  })
  return { asked, trial }
}

const job = (index: number) => ({ requestId: `r${index}`, inputs: answer, outputs: [], bucket: null, champion: { failed: false, latencyMs: 3, outputs: answer } })
const turn = () => new Promise<void>((resolve) => { setImmediate(resolve) })

function mirrorOf (inFlightMax: number) {
  const pairs: MirrorPair[] = []
  const mirror = new Mirror({ inFlightMax, timeoutMs: 1_000, now: Date.now, onPair: (pair) => { pairs.push(pair) } })
  return { mirror, pairs }
}

describe('Mirror', () => {
  it('asks the challenger after the reply, and tells how both did', async () => {
    const { asked, trial } = heldChallenger()
    const { mirror, pairs } = mirrorOf(10)

    mirror.offer(trial(10_000), job(1))
    mirror.offer(trial(10_000), job(2))
    expect(asked).toHaveLength(0)
    await turn()
    asked[0]!.resolve()
    asked[1]!.reject()
    await turn()

    expect(pairs).toMatchObject([
      { requestId: 'r1', rolloutId: 'r', stage: 1, champion: { latencyMs: 3 }, challenger: { failed: false, outputs: answer } },
      { requestId: 'r2', challenger: { failed: true, outputs: null } }
    ])
  })

  it('drops and counts what is more than may be under way, and takes more when there is room', async () => {
    const { asked, trial } = heldChallenger()
    const { mirror } = mirrorOf(3)

    for (let i = 0; i < 10; i++) mirror.offer(trial(10_000), job(i))
    await turn()
    expect([asked.length, mirror.dropped]).toEqual([3, 7])
    asked[0]!.resolve()
    await turn()
    mirror.offer(trial(10_000), job(11))
    await turn()

    expect([asked.length, mirror.dropped]).toEqual([4, 7])
  })

  it('takes the stated share of the requests, by their ids alone', async () => {
    const { asked, trial } = heldChallenger()
    const { mirror } = mirrorOf(100_000)

    for (let i = 0; i < 20_000; i++) mirror.offer(trial(1_000), job(i))
    await turn()
    const count = asked.length
    for (let i = 0; i < 20_000; i++) mirror.offer(trial(1_000), job(i))
    await turn()

    expect(count / 20_000).toBeGreaterThan(0.09)
    expect(count / 20_000).toBeLessThan(0.11)
    expect(asked).toHaveLength(2 * count)
  })

  it('does not ask a challenger that is loading', () => {
    const { trial } = heldChallenger('loading')
    const { mirror } = mirrorOf(3)

    mirror.offer(trial(10_000), job(1))

    expect(mirror.dropped).toBe(1)
  })
})
