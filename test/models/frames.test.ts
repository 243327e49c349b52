import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFrame, FrameDecoder, FRAME_KINDS, type Frame, type FrameKind } from '../../models/frames.js'

const kinds = Object.keys(FRAME_KINDS) as FrameKind[]
const frames = fc.array(fc.record({
  kind: fc.constantFrom(...kinds),
  id: fc.nat(),
  meta: fc.json(),
  payload: fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 3 })
}), { maxLength: 6 })

function joined (parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

/** Cuts bytes into chunks of the given sizes, over and over; each in memory of its own, as a socket gives them. */
function chunksOf (bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] as number
    chunks.push(bytes.slice(at, at + size))
    at += size
  }
  return chunks
}

describe('FrameDecoder', () => {
  it('gives back the frames that were encoded, whatever the chunks', () => {
    fc.assert(fc.property(frames, fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1 }), fc.boolean(), (sent, sizes, isChunkReused) => {
      const received: Frame[] = []
      const decoder = new FrameDecoder((frame) => received.push(frame), { isChunkReused })
      const bytes = joined(sent.flatMap(({ kind, id, meta, payload }) => encodeFrame(kind, id, meta, payload)))

      for (const chunk of chunksOf(bytes, sizes)) {
        decoder.push(chunk)
        if (isChunkReused) chunk.fill(0xff)
      }

      expect(received.map(({ kind, id, meta }) => ({ kind, id, meta: JSON.parse(meta) as unknown })))
        .toEqual(sent.map(({ kind, id, meta }) => ({ kind, id, meta: JSON.parse(meta) as unknown })))
      received.forEach(({ payload }, index) => {
        const expected = joined(sent[index]?.payload ?? [])
        expect(payload.subarray(0, expected.length)).toEqual(Buffer.from(expected))
        expect(payload.length - expected.length).toBeLessThan(8)
      })
    }))
  })

  it('hands payloads out 8-byte aligned', () => {
    fc.assert(fc.property(frames, fc.integer({ min: 1, max: 5000 }), (sent, size) => {
      const offsets: number[] = []
      const decoder = new FrameDecoder((frame) => offsets.push(frame.payload.byteOffset % 8))

      for (const chunk of chunksOf(joined(sent.flatMap(({ kind, id, meta, payload }) => encodeFrame(kind, id, meta, payload))), [size])) decoder.push(chunk)

      expect(offsets).toEqual(sent.map(() => 0))
    }))
  })

  it('does not copy a frame that comes whole', () => {
    const [bytes] = encodeFrame('run', 1, '{}', [Uint8Array.of(1, 2, 3)])
    const chunk = Uint8Array.from(bytes as Uint8Array)
    let payload: Uint8Array | undefined

    new FrameDecoder((frame) => { payload = frame.payload }).push(chunk)

    expect(payload?.buffer).toBe(chunk.buffer)
  })

  it('refuses a frame over its limit before it has come', () => {
    const decoder = new FrameDecoder(() => {}, { bytesMax: 100 })

    expect(() => decoder.push(Uint8Array.of(101, 0, 0, 0))).toThrow('a frame of 105 bytes is over the limit of 100')
  })

  it('refuses a frame shorter than a header, of no known kind, or with too long a meta', () => {
    const decode = (bytes: number[]): void => new FrameDecoder(() => {}).push(Uint8Array.from(bytes))

    expect(() => decode([8, 0, 0, 0])).toThrow('shorter than its header')
    expect(() => decode([9, 0, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0, 0])).toThrow('unknown frame kind 99')
    expect(() => decode([9, 0, 0, 0, 1, 0, 0, 0, 0, 5, 0, 0, 0])).toThrow('frame meta of 5 bytes')
  })
})

describe('encodeFrame', () => {
  it('hands a large payload on without copying it', () => {
    const payload = new Uint8Array(100_001)

    const parts = encodeFrame('result', 7, '{}', [payload])

    expect(parts[1]).toBe(payload)
    expect(parts.reduce((bytes, part) => bytes + part.length, 0) % 8).toBe(0)
  })

  it('refuses a frame over the limit', () => {
    expect(() => encodeFrame('run', 1, '{}', [new Uint8Array(200)], 100)).toThrow(RangeError)
  })
})
