import { randomBytes } from 'node:crypto'
import { Pins } from '../../server/routing/pins.js'

export interface PinsResult {
  readonly pins: number
  readonly mebibytes: number
  readonly keepUs: number
  readonly findUs: number
}

const MODEL = 'mlp'
const MIB = 1024 ** 2

/** What so many live pins take in memory, and how long it takes to pin a session and to find its pin again. */
export function measurePins (count: number): PinsResult {
  const bytes = (): number => {
    globalThis.gc?.()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const before = bytes()
  const pins = new Pins({ secret: randomBytes(32), pinsMax: count, now: Date.now, onKeep: () => {} })
  const keepUs = timed(count, (i) => { pins.keep(MODEL, `header\u001fsession-${i}`, { version: '2', rolloutId: 'r1', ttlMs: 3_600_000 }) })
  const mebibytes = (bytes() - before) / MIB
  // In an order that has nothing to do with that of keeping, so that memory is not read in a row.
  const findUs = timed(count, (i) => { pins.find(MODEL, `header\u001fsession-${i * 7_919 % count}`) })
  if (pins.size !== count) throw new Error(`${pins.size} of ${count} sessions are pinned`)
  return { pins: count, mebibytes, keepUs, findUs }
}

function timed (times: number, act: (i: number) => void): number {
  const start = performance.now()
  for (let i = 0; i < times; i++) act(i)
  return (performance.now() - start) * 1_000 / times
}
