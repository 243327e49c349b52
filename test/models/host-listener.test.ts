import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeFrame } from '../../models/frames.js'
import { HostListener } from '../../models/host-listener.js'

let listener: HostListener

beforeEach(() => { listener = new HostListener() })
afterEach(() => listener.close())

function hello (token: string): Uint8Array {
  return encodeFrame('hello', 0, token)[0] as Uint8Array
}

describe('HostListener', () => {
  it('listens in a directory that only its user can enter, and removes it', async () => {
    const directory = dirname(listener.path)

    expect(statSync(directory).mode & 0o777).toBe(0o700)
    await listener.close()
    expect(existsSync(directory)).toBe(false)
    listener = new HostListener()
  })

  it('hands a connection with a known token over, once', async () => {
    const kinds: string[] = []
    const token = listener.expect(() => (frame) => kinds.push(frame.kind))
    const host = connect(listener.path)
    host.write(hello(token))
    host.end(encodeFrame('ready', 0, '{}')[0] as Uint8Array)
    host.resume()
    await once(host, 'close')
    const second = connect(listener.path).resume()
    second.on('error', () => {})
    second.write(hello(token))
    await once(second, 'close')

    expect(kinds).toEqual(['ready'])
  })

  it.each([['an unknown token', hello('not a token')], ['something else', encodeFrame('ready', 0, '{}')[0] as Uint8Array], ['noise', Buffer.alloc(64, 0xff)]])(
    'closes on %s', async (_, bytes) => {
      const stranger = connect(listener.path).resume()
      stranger.on('error', () => {})
      stranger.write(bytes)

      await expect(once(stranger, 'close')).resolves.toBeDefined()
    })
})
