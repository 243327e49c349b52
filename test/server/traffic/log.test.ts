import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TrafficLog } from '../../../server/traffic/log.js'
import type { Prediction, ReplayedPrediction } from '../../../server/traffic/messages.js'
import { readAccepted } from '../../../server/traffic/store.js'

let dataDir: string
let log: TrafficLog

const open = (queueMax = 1_000) => TrafficLog.open({ dataDir, flushMs: 5, queueMax, now: () => 7 })
const prediction = (requestId: string, more: Partial<Prediction> = {}): Prediction => ({
  requestId, rolloutId: 'r1', at: 1_000, stage: 1, weightBps: 2_000, arm: 'challenger', bucket: 12, failed: false, latencyMs: 3.5, ...more
})
const record = ({ at, ...rest }: Prediction): void => { log.record(rest, at) }
const feedback = (requestId: string, values: Record<string, number>, label: string | null = null) => ({ requestId, values, label })

async function replayed (rolloutId = 'r1'): Promise<ReplayedPrediction[]> {
  const rows: ReplayedPrediction[] = []
  await log.replay(rolloutId, (row) => rows.push(row))
  return rows
}

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'gauntlet-traffic-'))
  log = await open()
})

afterEach(async () => {
  await log.close()
  rmSync(dataDir, { recursive: true, force: true })
})

describe('TrafficLog', () => {
  it('joins feedback to a prediction of the same instant', async () => {
    record(prediction('a'))

    const result = await log.feedback(feedback('a', { correct: 1 }, 'billing'))

    expect(result).toEqual({ prediction: prediction('a'), accepted: ['correct'], duplicates: [], at: expect.any(Number) as number })
  })

  it('takes each key of a prediction once, in any order', async () => {
    record(prediction('a'))
    await log.feedback(feedback('a', { late: 0.5 }))

    const second = await log.feedback(feedback('a', { correct: 1, late: 0.9 }))

    expect(second).toMatchObject({ accepted: ['correct'], duplicates: ['late'] })
    expect(await replayed()).toEqual([{ prediction: prediction('a'), values: { correct: 1, late: 0.5 }, times: { correct: expect.any(Number) as number, late: expect.any(Number) as number } }])
  })

  it('says that an id is unknown', async () => {
    expect(await log.feedback(feedback('nobody', { correct: 1 }))).toEqual({ prediction: null, accepted: [], duplicates: [], at: expect.any(Number) as number })
  })

  it('joins feedback, and replays a rollout in order, after a restart', async () => {
    for (let i = 0; i < 100; i++) record(prediction(`id-${i}`, { arm: i % 2 === 0 ? 'champion' : 'challenger', rolloutId: i < 90 ? 'r1' : 'r2' }))
    await log.feedback(feedback('id-3', { correct: 1 }))
    await log.close()

    log = await open()
    const late = await log.feedback(feedback('id-4', { correct: 0 }))
    const rows = await replayed()

    expect(late.prediction).toMatchObject({ requestId: 'id-4', arm: 'champion', stage: 1 })
    expect(rows.map((row) => row.prediction.requestId)).toEqual(Array.from({ length: 90 }, (_, i) => `id-${i}`))
    expect(rows[3]!.values).toEqual({ correct: 1 })
    expect(rows[4]!.values).toEqual({ correct: 0 })
    expect(log.lost).toBe(0)
  })

  it('counts what was accepted but never committed as lost, once', async () => {
    record(prediction('a'))
    await log.feedback(feedback('a', { correct: 1 }))
    await log.close()
    const path = join(dataDir, 'traffic.count')
    expect(readAccepted(path)).toBe(1)
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(4n)
    writeFileSync(path, bytes)

    log = await open()
    expect(log.lost).toBe(3)
    await log.close()

    log = await open()
    expect(log.lost).toBe(0)
  })

  it('drops and counts predictions beyond its bound, and refuses feedback beyond it', async () => {
    await log.close()
    log = await open(2)
    for (const id of ['a', 'b', 'c']) record(prediction(id))
    expect(log.dropped).toBe(1)

    const [first, second, third] = await Promise.allSettled([
      log.feedback(feedback('a', { x: 1 })), log.feedback(feedback('c', { x: 1 })), log.feedback(feedback('b', { x: 1 }))
    ])

    expect(first).toMatchObject({ status: 'fulfilled', value: { accepted: ['x'] } })
    expect(second).toMatchObject({ status: 'fulfilled', value: { prediction: null } })
    expect(third).toMatchObject({ status: 'rejected', reason: { code: 'BUSY' } })
  })

  it('forgets old predictions, but not those of a rollout that is kept', async () => {
    record(prediction('old', { rolloutId: 'ended' }))
    record(prediction('kept', { rolloutId: 'open' }))
    await log.feedback(feedback('old', { x: 1 }))

    await log.prune(['open'], 2_000)

    expect(await replayed('ended')).toEqual([])
    expect(await replayed('open')).toHaveLength(1)
  })
})
