import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createData, ELEMENT_BYTES, elementCount, type Datatype, type Tensor } from '../../models/tensor.js'
import { decodeTensors, encodeTensors } from '../../models/wire.js'

const datatypes = Object.keys(ELEMENT_BYTES) as Datatype[]

const tensors = fc.array(fc.record({
  name: fc.string(),
  datatype: fc.constantFrom(...datatypes),
  shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
  bytes: fc.uint8Array({ minLength: 64 * 8, maxLength: 64 * 8 }),
  strings: fc.array(fc.string({ unit: 'grapheme' }), { minLength: 64, maxLength: 64 })
}).map(({ name, datatype, shape, bytes, strings }): Tensor => {
  const count = elementCount(shape)
  if (datatype === 'BYTES') return { name, datatype, shape, data: strings.slice(0, count) }
  const data = createData(datatype, count) as Uint8Array
  new Uint8Array(data.buffer).set(bytes.subarray(0, data.byteLength))
  return { name, datatype, shape, data }
}), { maxLength: 5 })

function bytesOf ({ data }: Tensor): unknown {
  return Array.isArray(data) ? data : [data.constructor, [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]]
}

describe('encodeTensors and decodeTensors', () => {
  it.each([0, 1, 4])('carry every datatype bit by bit, from a payload at offset %i', (offset) => {
    fc.assert(fc.property(tensors, (sent) => {
      const { headers, parts } = encodeTensors(sent)
      const payload = Buffer.concat([Buffer.alloc(offset), ...parts]).subarray(offset)

      const received = decodeTensors(headers, payload)

      expect(received.map(({ name, datatype, shape }) => ({ name, datatype, shape })))
        .toEqual(sent.map(({ name, datatype, shape }) => ({ name, datatype, shape })))
      expect(received.map(bytesOf)).toEqual(sent.map(bytesOf))
    }))
  })

  it('share memory with an aligned payload', () => {
    const payload = new Uint8Array(16)

    const [tensor] = decodeTensors([['x', 'FP32', [4]]], payload)

    expect((tensor?.data as Float32Array).buffer).toBe(payload.buffer)
  })

  it('refuse headers that promise more than the payload holds', () => {
    expect(() => decodeTensors([['x', 'FP32', [4]]], new Uint8Array(8))).toThrow('tensor x passes the end')
    expect(() => decodeTensors([['s', 'BYTES', [1]]], Uint8Array.of(9, 0, 0, 0, 65))).toThrow('a string passes the end')
  })
})
