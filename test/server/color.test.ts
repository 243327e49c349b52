import { afterEach, describe, expect, it, vi } from 'vitest'
import { isColored } from '../../server/color.js'
import { gauntlet } from '../support/command.js'
import { temporaryFolder } from '../support/registry-fixtures.js'

describe('output', () => {
  it.each<[boolean, Record<string, string>, boolean]>([
    [true, {}, true],
    [false, {}, false],
    [true, { TERM: 'dumb' }, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [false, { FORCE_COLOR: '1' }, true],
    [false, { FORCE_COLOR: '' }, true],
    [true, { FORCE_COLOR: '0' }, false],
    [true, { FORCE_COLOR: 'false' }, false],
    [true, { FORCE_COLOR: '1', NO_COLOR: '1' }, false]
  ])('on a terminal: %j, with %j, has colours: %j', (isTerminal, environment, expected) => {
    expect(isColored(isTerminal, environment)).toBe(expected)
  })
})

describe('--no-color', () => {
  afterEach(() => { vi.unstubAllEnvs() })

  it('wins over FORCE_COLOR, and may stand anywhere', async () => {
    vi.stubEnv('FORCE_COLOR', '1')
    vi.stubEnv('NO_COLOR', undefined)
    vi.stubEnv('GAUNTLET_PORT', '0')
    const where = ['--data-dir', temporaryFolder(), '--server', 'http://127.0.0.1:9']

    const forced = await gauntlet('doctor', ...where)
    const plain = await gauntlet('doctor', ...where, '--no-color')

    expect(forced.out).toContain('\u001B[32mok  \u001B[39m node')
    expect(plain.out).toMatch(/^ok {3}node/)
    expect(plain.out).not.toContain('\u001B')
  })
})
